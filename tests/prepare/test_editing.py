"""What is said of a pair whose text was changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftui.prepare import editing
from ftui.prepare.limit import Limit
from ftui.prepare.recipe import Cleaning
from ftui.prepare.tokenizer import OpenAI
from ftui.store.pair import Decision, Marks, Pair

LONG = "Twenty minutes with two spoons of citric acid in a litre of cold water."


def pair(answer: str, flags: dict[str, str] | None = None, kind: str = "domain") -> Pair:
    messages = ({"role": "user", "content": "How long?"}, {"role": "assistant", "content": answer})
    return Pair(1, None, None, "", "f", kind, messages, {}, "d", 9, Decision.PENDING, False, 0.3, 0, flags or {})


def marks(before: Pair, answer: str, settings: Cleaning | None = None, most: int = 0) -> Marks:
    messages = ({"role": "user", "content": "How long?"}, {"role": "assistant", "content": answer})
    tokens, found = editing.marks(before, messages, settings or Cleaning(), Limit(most))
    assert tokens > 0
    return found


def test_a_flag_goes_when_its_reason_is_gone_and_comes_when_there_is_one() -> None:
    assert marks(pair("20.", {"short": "an answer of 3 characters"}), LONG) == Marks({}, 0.0)
    assert marks(pair(LONG), "20.").flags == {"short": "an answer of 3 characters"}
    assert marks(pair(LONG), "B").flags == {"short": "an answer of 1 character"}
    assert marks(pair(LONG), "20.").risk == 0.25
    assert marks(pair(LONG, kind="general"), "20.") == Marks({}, 0.0)
    mail = marks(pair(LONG), f"{LONG} Write to anna@lumora.example.")
    assert mail.flags == {"personal": "an e-mail address"}
    assert marks(pair(LONG, dict(mail.flags)), LONG) == Marks({}, 0.0)
    assert marks(pair(LONG, dict(mail.flags)), LONG, Cleaning(personal="keep")) == Marks({}, 0.0)


def test_the_tokens_of_an_edited_pair_are_those_of_all_that_is_sent() -> None:
    tools = {"tools": [{"type": "function", "function": {"name": "weather", "description": "like outside " * 9}}]}
    bare = pair(LONG)
    count = [
        editing.marks(each, each.messages, Cleaning(), Limit(0))[0] for each in (bare, replace(bare, origin=tools))
    ]
    assert count[1] == OpenAI().count(bare.messages, tools) > count[0]


def test_what_was_said_of_text_and_source_stays() -> None:
    before = {"unsupported": "not in the source: 42", "trimmed": "what stands behind", "short": "3"}
    assert marks(pair("42.", before), LONG).flags == {key: before[key] for key in ("unsupported", "trimmed")}


@pytest.mark.parametrize(
    ("answer", "kept"), [(LONG, {"cut": "80 of 400 characters left out"}), (f"{LONG} Then rinse it.", {})]
)
def test_what_a_recipe_left_out_of_an_answer_is_said_of_just_this_answer(answer: str, kept: dict[str, str]) -> None:
    before = pair(LONG, {"cut": "80 of 400 characters left out; the last 9 of 99 tokens"})
    assert marks(before, answer).flags == kept


def test_a_row_that_is_too_long_is_said_to_be_cut_and_no_longer_so_when_it_was_shortened() -> None:
    words = " ".join(f"word{number}" for number in range(900))
    long = marks(pair(LONG), words, most=600)
    assert long.flags["cut"].startswith("the last ")
    assert "cut" not in marks(pair(words, dict(long.flags)), LONG, most=600).flags


def test_what_was_masked_is_said_while_the_mask_is_there() -> None:
    before = {"personal": "masked: an e-mail address"}
    mask = Cleaning(personal="mask")
    assert marks(pair(LONG, before), f"{LONG} Write to [e-mail address].", mask).flags == before
    assert marks(pair(LONG, before), LONG, mask).flags == {}
    assert marks(pair(LONG, before), f"{LONG} +1 415 555 0132", mask).flags == {"personal": "a phone number"}


def test_another_language_is_flagged() -> None:
    german = "Zwanzig Minuten mit zwei Löffeln Zitronensäure in einem Liter kaltem Wasser entkalken."
    found = marks(pair(LONG), german, Cleaning(languages=("en",)))
    assert list(found.flags) == ["language"]
    assert marks(pair(german, dict(found.flags)), LONG, Cleaning(languages=("en",))) == Marks({}, 0.0)
