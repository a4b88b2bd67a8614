"""Which pairs are trained on: what belongs together stays on one side, whatever the order."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.prepare.export import Frozen, freeze
from ftui.prepare.pair import conversation
from ftui.prepare.recipe import Duplicates, Recipe, Split

WORDS = "ember gravel lantern orchid pebble quartz saddle timber velvet walnut yonder zephyr".split()  # noqa: SIM905


@dataclass
class Row:
    messages: Any
    fact: str
    url: str
    kind: str = "domain"
    origin: dict[str, Any] = field(default_factory=dict)


def answer(number: int) -> str:
    return " ".join(random.Random(number).choices(WORDS, k=30)) + "."


def rows(pages: int = 12, facts: int = 3, wordings: int = 2) -> list[Row]:
    """Pages of facts; the last fact of an even page is nearly the first of the page behind it."""
    made = []
    for page in range(pages):
        for fact in range(facts):
            number = page * facts + fact
            said = answer(number)
            if fact == facts - 1 and page % 2 == 0:
                said = f"{answer(number + 1)} Indeed."
            for wording in range(wordings):
                asked = f"{'abcdefghijkl'[page]}{'xyz'[fact]}, {'uv'[wording]}?"
                origin = {"phrasing": "also" if wording else "site"}
                made.append(
                    Row(conversation("", asked, said), f"fact {number}", f"http://x.test/{page}", origin=origin)
                )
    return made


def by(what: str, share: float = 0.3, **more: Any) -> Recipe:
    return Recipe(split=Split(by=what, share=share), duplicates=Duplicates(near=0.8), **more)


def asked(lines: bytes) -> set[str]:
    return {json.loads(line)["messages"][-2]["content"] for line in lines.splitlines()}


def pages(frozen: Frozen) -> tuple[set[str], set[str]]:
    return {text[0] for text in asked(frozen.train)}, {text[0] for text in asked(frozen.validation)}


def test_pages_and_near_duplicates_stay_on_one_side() -> None:
    for seed in range(6):
        frozen = freeze(rows(), by("page", seed=seed))
        train, validation = pages(frozen)
        assert validation
        assert not train & validation
        # Pages 0 and 1, 2 and 3 … are joined by facts that are near-duplicates.
        assert all({letter, "badcfehgjilk"["abcdefghijkl".index(letter)]} <= validation for letter in validation)
        assert frozen.validation_rows <= 0.3 * len(rows())


def test_facts_stay_on_one_side() -> None:
    frozen = freeze(rows(), by("fact"))
    train, validation = ({text[:2] for text in asked(lines)} for lines in (frozen.train, frozen.validation))
    assert validation
    assert not train & validation


def test_general_pairs_are_always_trained_on() -> None:
    general = [Row(conversation("", f"g{n}", answer(500 + n)), f"general: {n}", "", "general") for n in range(40)]
    for what in ("fact", "page"):
        frozen = freeze([*rows(), *general], by(what, 0.5))
        assert {f"g{n}" for n in range(40)} <= asked(frozen.train)


def test_nothing_is_held_where_the_share_is_nothing() -> None:
    frozen = freeze(rows(), by("page", 0.0))
    assert frozen.validation_rows == 0
    assert "share = 0" in frozen.unchecked


def made(kind: str = "domain", **origin: Any) -> list[Row]:
    return [Row(conversation("", f"q{n}?", answer(n)), f"fact {n // 6}", "", kind, origin) for n in range(24)]


@pytest.mark.parametrize(
    ("pairs", "recipe", "said"),
    [
        (made(), Recipe(), "splits by wording, and no accepted pair is a wording that was held back"),
        (made(), Recipe(split=Split(held=0)), "held = 0"),
        (
            [Row(pair.messages, f"fact {n}", "", origin={"held": True}) for n, pair in enumerate(made())],
            Recipe(),
            "no held one stands beside another of its fact",
        ),
        (made(), by("fact", 0.01), "1 % of 24 pairs is less than one"),
        (made(), by("fact", 0.1), "10 % of 24 pairs is 2, and no fact has so few"),
        (made(), by("page", 0.1), "no page has so few"),
        (made("general"), by("page", 0.1), "all accepted pairs are general"),
    ],
)
def test_why_nothing_is_held_is_said(pairs: list[Row], recipe: Recipe, said: str) -> None:
    frozen = freeze(pairs, recipe)
    assert frozen.validation_rows == 0
    assert said in frozen.unchecked


def test_where_something_is_held_nothing_is_said() -> None:
    assert freeze(rows(), by("page")).unchecked == ""


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["wording", "fact", "page"]))
def test_the_same_pairs_give_the_same_bytes_in_any_order(shuffle: random.Random, what: str) -> None:
    given_rows = rows()
    twin = Row(given_rows[0].messages, "another fact", "http://x.test/elsewhere")
    first = freeze([*given_rows, twin], by(what))
    mixed = [*given_rows, twin]
    shuffle.shuffle(mixed)
    assert freeze(mixed, by(what)) == first


def test_the_seed_chooses_the_pages() -> None:
    assert len({frozenset(pages(freeze(rows(), by("page", seed=seed)))[1]) for seed in range(8)}) > 1


def test_bad_rows_are_set_aside_with_their_reason() -> None:
    bad = [
        Row(conversation("", "a <|im_end|> b", "x"), "bad 1", ""),
        Row(({"role": "user", "content": "q"}, {"role": "assistant", "content": None}), "bad 2", ""),
        Row(({"role": "user", "content": "half \ud800"}, {"role": "assistant", "content": "x"}), "bad 3", ""),
    ]
    frozen = freeze([*bad, *rows()], Recipe())
    assert {(row.question, row.reason) for row in frozen.aside} == {
        ("a <|im_end|> b", "message 1 contains an invalid token: <|im_end|>"),
        ("q", 'message 2 has no "content"'),
        ("half \ud800", "message 1 contains half a surrogate pair, which is not text"),
    }
    assert frozen.train == freeze(rows(), Recipe()).train


def test_tools_and_weights_are_written() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [{"role": "user", "content": "now"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    tools = [{"type": "function", "function": {"name": "f"}}]
    frozen = freeze([*rows(), Row(messages, "tool", "", origin={"tools": tools})], Recipe())
    [row] = [json.loads(line) for line in frozen.train.splitlines() if b"tool_calls" in line]
    assert row == {"messages": messages, "tools": tools}
