"""Near-duplicates among records: the better one stays, and names those it stands for."""

from __future__ import annotations

from typing import Any

import pytest

from ftui.errors import InputError
from ftui.prepare import Dropped, Pair, Step, crew, prepare, prepare_all, prepare_in_steps
from ftui.prepare.dedupe import NAMED
from ftui.prepare.recipe import Duplicates, Messages, Mixture, Questions, Recipe, Split

LONG = (
    "Fill the kettle with cold water and a slice of lemon, let it boil once, wait until it has gone quiet and cold, "
    "then pour all of it away and wipe the inside with a soft cloth that has never seen any soap"
)
QUESTION = "How do I get rid of the lime in the kettle?"


def record(number: int, question: str, answer: str) -> dict[str, Any]:
    url = f"http://x.test/{number}"
    return {"id": number, "source": 1, "url": url, "title": "", "data": {"question": question, "answer": answer}}


def run(records: list[dict[str, Any]], near: float = 0.8, **more: Any) -> tuple[list[Pair], list[Dropped]]:
    options: dict[str, Any] = {"questions": Questions(presentations=1), "mixture": Mixture(0.0), "split": Split(held=0)}
    recipe = Recipe(duplicates=Duplicates(near), **(options | more))
    items = list(prepare(records, recipe))
    return [i for i in items if isinstance(i, Pair)], [i for i in items if isinstance(i, Dropped)]


SHORT_ONE, LONG_ONE = record(1, QUESTION, f"{LONG}."), record(2, QUESTION, f"{LONG}. Do so often.")
OTHER = record(3, "What is in the box?", "A kettle, a cloth, and a letter that nobody ever reads.")


@pytest.mark.parametrize("records", [[SHORT_ONE, LONG_ONE, OTHER], [OTHER, LONG_ONE, SHORT_ONE]])
def test_the_longer_answer_stays_whatever_the_order(records: list[dict[str, Any]]) -> None:
    pairs, [dropped] = run(records)
    assert sorted(pair.record or 0 for pair in pairs) == [2, 3]
    [kept] = [pair for pair in pairs if pair.record == 2]
    [stand_in] = kept.stand_ins
    assert kept.stands_for == 1
    assert (stand_in.record, stand_in.url, stand_in.question) == (1, "http://x.test/1", QUESTION)
    assert 0.8 <= stand_in.similarity < 1
    assert (dropped.record, dropped.reason, dropped.scope) == (1, "near-duplicate", "record")
    assert "http://x.test/2" in dropped.detail
    assert (dropped.same, dropped.text) == (kept.digest, QUESTION)
    assert dropped.alike == stand_in.similarity


def test_all_stay_where_the_recipe_says_so() -> None:
    pairs, dropped = run([SHORT_ONE, LONG_ONE, OTHER], near=0)
    assert (len(pairs), dropped) == (3, [])


def test_wordings_of_a_fact_are_no_duplicates_of_each_other() -> None:
    pairs, dropped = run([LONG_ONE], questions=Questions(presentations=10))
    assert len(pairs) == 10
    assert dropped == []


def test_the_same_fact_again_is_an_exact_duplicate_that_is_named() -> None:
    pairs, [dropped] = run([LONG_ONE, {**LONG_ONE, "id": 9, "url": "http://x.test/9"}])
    assert (dropped.record, dropped.reason, dropped.scope) == (9, "exact duplicate", "record")
    assert ([dropped.same], dropped.alike) == ([pair.digest for pair in pairs], None)
    assert [(pair.stands_for, pair.stand_ins[0].record, pair.stand_ins[0].similarity) for pair in pairs] == [(1, 9, 1)]


def test_many_are_counted_and_the_first_are_named() -> None:
    records = [record(n, f"{QUESTION} ({'abcdefghijklmnopqrstuvwxyz'[n]})", f"{LONG}.") for n in range(26)]
    [pair], dropped = run(records, near=0.7)
    assert pair.stands_for == len(dropped) == 25
    assert len(pair.stand_ins) == NAMED


def test_counts_add_up() -> None:
    records = [LONG_ONE, SHORT_ONE, OTHER, record(4, "", ""), {"id": 5, "source": 1, "data": None}]
    pairs, dropped = run(records)
    whole = [item.record for item in dropped if item.scope == "record"]
    assert sorted([*whole, *{pair.record for pair in pairs}]) == [1, 2, 3, 4, 5]  # type: ignore[type-var]


def test_signs_of_life_while_all_is_read() -> None:
    recipe = Recipe(mixture=Mixture(0.0))
    items = list(prepare_in_steps([record(n, QUESTION, f"{LONG} {n}.") for n in range(25)], recipe, every=10))
    told = [each.records for each in items if isinstance(each, Step) and "making" in each.doing]
    assert told == sorted(set(told))
    assert (len(told) >= 3, told[-1]) == (True, 25)
    first = next(place for place, each in enumerate(items) if not isinstance(each, Step))
    assert not any(isinstance(each, Step) for each in items[first:])


def test_records_that_take_long_are_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "SIGN", 0.0)
    texts = [record(n, QUESTION, f"{LONG} {n}.") for n in range(8)]
    steps = prepare_all(lambda: texts, Recipe(mixture=Mixture(0.0)), processes=0)
    told = [step.records for step in steps if isinstance(step, Step) and "near" not in step.doing]
    assert told == [*range(1, 9), *range(1, 9)]


def test_an_error_in_the_middle_closes_everything() -> None:
    recipe = Recipe(template="own", messages=Messages("{{ title }", "x"))
    with pytest.raises(InputError):
        list(prepare([record(1, "a", "b")], recipe))
