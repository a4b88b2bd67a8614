"""Frozen files: format, split, order, and the same bytes each time."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from ftui.errors import InputError
from ftui.prepare.export import Frozen, freeze
from ftui.prepare.pair import conversation
from ftui.prepare.recipe import Recipe
from ftui.prepare.tokens import count_messages


@dataclass
class Row:
    messages: Any
    fact: str
    origin: dict[str, Any] = field(default_factory=dict)
    kind: str = "domain"
    url: str = ""


def facts(count: int, wordings: int, system: str = "") -> list[Row]:
    """`count` facts with `wordings` to train on and one held each."""
    rows = []
    for number in range(count):
        for wording in range(wordings + 1):
            messages = conversation(system, f"Question {number} in wording {wording}?", f"It is {number}.")
            rows.append(Row(messages, f"fact{number}", {"held": True} if wording == 0 else {}))
    return rows


def questions(lines: bytes) -> list[str]:
    return [json.loads(line)["messages"][-2]["content"] for line in lines.splitlines()]


def test_rows_hold_messages_and_nothing_else() -> None:
    frozen = freeze(facts(3, 5, "Be kind. 请"), Recipe())
    rows = [json.loads(line) for line in frozen.train.splitlines()]
    assert all(set(row) == {"messages"} for row in rows)
    assert rows[0]["messages"][0] == {"role": "system", "content": "Be kind. 请"}
    assert "请".encode() in frozen.train
    assert (len(rows), frozen.train_rows, frozen.validation_rows, frozen.system) == (15, 15, 3, "Be kind. 请")
    assert frozen.train_tokens == sum(count_messages(row["messages"]) for row in rows)


def test_held_wordings_go_to_validation_only() -> None:
    frozen = freeze(facts(4, 4), Recipe())
    assert sorted(questions(frozen.validation)) == [f"Question {n} in wording 0?" for n in range(4)]
    assert frozen.held_out == tuple(
        (question, f"It is {question.split()[1]}.") for question in questions(frozen.validation)
    )
    assert not set(questions(frozen.train)) & set(questions(frozen.validation))


def test_a_held_wording_that_stands_alone_is_trained_on() -> None:
    rows = [row for row in facts(4, 4) if row.fact != "fact2" or row.origin.get("held")]
    frozen = freeze(rows, Recipe())
    assert "Question 2 in wording 0?" in questions(frozen.train)
    assert frozen.validation_rows == 3


def test_the_same_pairs_give_the_same_bytes_in_any_order() -> None:
    def frozen(seed: int) -> Frozen:
        rows = facts(5, 6)
        random.Random(seed).shuffle(rows)
        return freeze(rows, Recipe())

    assert frozen(1) == frozen(2)
    assert freeze(facts(5, 6), Recipe(), seed=9).train != frozen(1).train
    assert sorted(freeze(facts(5, 6), Recipe(), seed=9).train.splitlines()) == sorted(frozen(1).train.splitlines())


def test_the_wordings_of_a_fact_are_spread_over_the_file() -> None:
    order = [question.split()[1] for question in questions(freeze(facts(8, 6), Recipe()).train)]
    for number in range(8):
        places = [place for place, fact in enumerate(order) if fact == str(number)]
        assert [place // 8 for place in places] == list(range(6))


def test_equal_rows_are_written_once_and_never_into_both_files() -> None:
    rows = facts(3, 5)
    twin = Row(rows[0].messages, "another fact")  # equal to a held one
    for given in ([*rows, rows[1], twin], [twin, rows[1], *rows]):
        frozen = freeze(given, Recipe())
        assert (frozen.train_rows, frozen.validation_rows, frozen.duplicates) == (15, 3, 2)


def test_too_little_is_refused() -> None:
    for rows, why in (
        ([], "0 pairs are accepted; a training file needs at least 10"),
        (facts(1, 1), "2 pairs are accepted, 1 of them to train on; a training file needs at least 10"),
        (facts(1, 5), "6 pairs are accepted, 5 of them to train on; a training file needs at least 10"),
    ):
        with pytest.raises(InputError) as refused:
            freeze(rows, Recipe())
        assert (refused.value.what, refused.value.why) == ("There is too little to train on", why)
        assert "3 and a accepts" in refused.value.do
