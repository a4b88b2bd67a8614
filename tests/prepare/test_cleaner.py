"""Cleaning of records and pairs on their way through a recipe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.prepare import Cleaner, Dropped, Pair, prepare
from ftui.prepare.flags import risk
from ftui.prepare.recipe import Answers, Cleaning, Duplicates, Mixture, Questions, Recipe

PLAIN = Questions(presentations=1)
NO_GENERAL = Mixture(0.0)


def recipe(template: str = "product-description", **cleaning: Any) -> Recipe:
    return Recipe(
        template=template,
        questions=PLAIN,
        mixture=NO_GENERAL,
        duplicates=Duplicates(near=0.0),
        cleaning=Cleaning(**cleaning),
    )


def record(number: int = 1, url: str = "", **data: Any) -> dict[str, Any]:
    return {"id": number, "source": 1, "url": url or f"http://x.test/{number}", "title": "", "data": data}


def lamp(description: str, number: int = 1, **data: Any) -> dict[str, Any]:
    return record(number, title="Lamp", description=description, **data)


def run(
    records: Iterable[Mapping[str, Any]], recipe: Recipe, general: Iterable[Mapping[str, Any]] = ()
) -> tuple[list[Pair], list[Dropped]]:
    records, cleaner = list(records), Cleaner(recipe)
    for each in records:
        cleaner.learn(each)
    items = list(prepare(records, recipe, general, cleaner=cleaner))
    return [item for item in items if isinstance(item, Pair)], [item for item in items if isinstance(item, Dropped)]


def answer(pair: Pair) -> str:
    return str(pair.messages[-1]["content"])


LONG = "It stands on three legs and gives a warm light to every room."


def test_tags_entities_and_wrong_encodings_are_undone_in_every_field() -> None:
    data = lamp(
        f"<p>schÃ¶n &amp; warm</p><p>{LONG}</p>",
        features='["<b>15&quot; wide</b>", "5 &deg;C"]',
        brand={"name": "M&uuml;ller"},
    )
    [pair], _ = run([data], recipe())
    assert answer(pair) == f"schön & warm\n\n{LONG}"
    assert pair.messages[-2]["content"].endswith('Brand: Müller\nFeatures:\n- 15" wide\n- 5 °C')
    assert pair.flags == {}


def test_each_can_be_switched_off_and_is_flagged_then() -> None:
    data = lamp(f"<p>schÃ¶n warm</p> {LONG}")
    [pair], _ = run([data], recipe(html=False, mojibake=False))
    assert answer(pair) == f"<p>schÃ¶n warm</p> {LONG}"
    assert pair.flags == {
        "residue": "an HTML tag in the answer",
        "mojibake": "the answer looks like a wrong encoding",
    }


def test_wide_forms_become_plain_ones() -> None:
    text = f"Ｌａｍｐ　１２Ｗ. {LONG}"
    assert answer(run([lamp(text)], recipe())[0][0]).startswith("Ｌａｍｐ １２Ｗ.")
    assert answer(run([lamp(text)], recipe(width=True))[0][0]).startswith("Lamp 12W.")


def test_a_conversation_is_taken_as_it_is() -> None:
    messages = [{"role": "user", "content": "What is <b>?"}, {"role": "assistant", "content": "<b>bold</b> &amp; more"}]
    [pair], _ = run([record(messages=messages)], recipe())
    assert [each["content"] for each in pair.messages] == ["What is <b>?", "<b>bold</b> &amp; more"]
    assert pair.flags["residue"] == "an HTML entity in the answer"


def test_boilerplate_is_left_out_and_told_at_the_end() -> None:
    foot = "Buy with confidence from the best shop in town."
    rows = [lamp(f"Lamp {number} glows in colour {number}. {foot}", number) for number in range(1, 8)]
    pairs, dropped = run(rows, recipe())
    assert [answer(pair) for pair in pairs] == [f"Lamp {n} glows in colour {n}." for n in range(1, 8)]
    assert [(item.record, item.url, item.reason, item.detail) for item in dropped] == [
        (None, "x.test", "boilerplate", f"on 7 pages: {foot}")
    ]
    pairs, dropped = run(rows, recipe(boilerplate=0.0))
    assert all(foot in answer(pair) for pair in pairs)
    assert dropped == []


def test_another_language_is_left_out_once_a_fact() -> None:
    page = (
        "## How long does it take?\n\nIt takes about four minutes until the water boils.\n\n"
        "## Wie lange dauert es?\n\nEs dauert ungefähr vier Minuten, bis das Wasser kocht."
    )
    asked = Recipe(
        questions=Questions(presentations=6), mixture=NO_GENERAL, cleaning=Cleaning(languages=("en",), boilerplate=0)
    )
    pairs, dropped = run([record(markdown=page)], asked)
    assert {answer(pair) for pair in pairs} == {"It takes about four minutes until the water boils."}
    assert all("language" not in pair.flags for pair in pairs)
    assert [(item.reason, item.scope) for item in dropped] == [("other language", "part")]
    assert dropped[0].detail.startswith("de (")
    assert len(run([record(markdown=page)], recipe("question-and-answer"))[0]) == 2


@pytest.mark.parametrize(
    ("personal", "content", "flag"),
    [
        ("keep", "Ask max@web.de or +49 30 901820", None),
        ("flag", "Ask max@web.de or +49 30 901820", "an e-mail address, a phone number"),
        ("mask", "Ask [e-mail address] or [phone number]", "masked: an e-mail address, a phone number"),
    ],
)
def test_personal_data(personal: str, content: str, flag: str | None) -> None:
    [pair], _ = run([lamp(f"Ask max@web.de or +49 30 901820. {LONG}")], recipe(personal=personal))
    assert answer(pair) == f"{content}. {LONG}"
    assert pair.flags.get("personal") == flag


def test_personal_data_dropped_without_being_repeated() -> None:
    pairs, dropped = run([lamp(f"Ask max@web.de. {LONG}")], recipe(personal="drop"))
    assert pairs == []
    assert [(item.reason, item.scope) for item in dropped] == [("personal data", "record")]
    assert "max@" not in dropped[0].detail


def test_personal_data_in_every_message_of_a_conversation() -> None:
    messages = [
        {"role": "user", "content": "I am max@web.de"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "moritz@web.de"},
        {"role": "assistant", "content": "A card: 4111111111111111"},
    ]
    [pair], _ = run([record(messages=messages)], recipe(personal="mask"))
    text = json.dumps(pair.messages)
    assert "@web.de" not in text
    assert "4111" not in text
    assert pair.flags["personal"] == "masked: 2 e-mail addresses, a card number"


@pytest.mark.parametrize(
    ("text", "flag", "reason"),
    [
        ("It is a warm lamp.", "short", "an answer of 18 characters"),
        ("很暖的灯，可以放在任何房间里面用。", None, ""),
        (f"{LONG} " * 2, "repeated", "“It stands on three legs and gives a warm light to every room” more than once"),
        (f"Very very very very good. {LONG}", "repeated", "“very” four times in a row"),
        (f"{LONG} © 2024 Sol", "boilerplate", "a copyright line: “©”"),
        (f"{LONG} It also has ...", "cut", "the source itself breaks off"),
        (f"{LONG} Dear {{{{ name }}}}", "residue", "a placeholder in braces in the answer"),
        (f"{LONG} caf\ufffd", "mojibake", "characters that could not be read in the answer"),
        (" ".join(f"It has the part number {n}." for n in range(50)), "cut", "162 of 1,339 characters left out"),
    ],
)
def test_flags_say_why(text: str, flag: str | None, reason: str) -> None:
    [pair], _ = run([lamp(text)], recipe())
    assert dict(pair.flags) == ({flag: reason} if flag else {})


def test_the_call_of_a_tool_is_no_short_answer() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    asked = {"role": "user", "content": "What is the weather in Kazan?"}
    calls = {"role": "assistant", "content": None, "tool_calls": [call]}
    [pair], _ = run([record(messages=[asked, calls])], recipe())
    assert pair.flags == {}


def test_limits_of_a_question() -> None:
    pairs, dropped = run([record(markdown=f"## {'Why ' * 40}?\n\n{LONG}")], recipe("question-and-answer", question=100))
    assert pairs == []
    assert [(item.reason, item.scope) for item in dropped] == [("question too long", "record")]
    [pair], _ = run([record(markdown=f"## {'Why ' * 160}?\n\n{LONG}")], recipe("question-and-answer"))
    assert pair.flags["long"].startswith("a question of")
    [pair], _ = run([lamp(LONG)], recipe(long=50))
    assert pair.flags == {"long": "an answer of 61 characters"}


def test_general_pairs_are_flagged_but_neither_short_nor_dropped() -> None:
    rows = [
        lamp(f"Lamp {number} gives a warm light to {number} rooms of every house.", number) for number in range(1, 9)
    ]
    general = [
        record(100, question="Wo ist Paris?", answer="In Frankreich, max@web.de."),
        record(101, question="A?", answer="B."),
    ]
    mixed = Recipe(
        template="product-description",
        mixture=Mixture(0.2),
        duplicates=Duplicates(near=0.0),
        cleaning=Cleaning(languages=("en",), personal="drop"),
    )
    pairs, _ = run(rows, mixed, general)
    found = {pair.record: pair.flags for pair in pairs if pair.kind == "general"}
    assert found == {100: {"personal": "an e-mail address"}, 101: {}}


def test_risk_grows_with_flags() -> None:
    assert risk({}) == 0
    assert 0 < risk({"short": ""}) < risk({"short": "", "personal": ""}) < 1
    assert risk({"something new": ""}) > 0


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["title", "description", "features", "markdown", "x"]), VALUES))
def test_any_record_becomes_a_pair_or_a_reason(data: dict[str, Any]) -> None:
    before = json.dumps(data)
    pairs, dropped = run([record(**data)], Recipe(answers=Answers(least=1), template="product-description"))
    assert json.dumps(data) == before
    assert bool(pairs) != any(item.scope == "record" for item in dropped)


@given(st.text(alphabet="ab <>&;p/=\"'Ãö©\n{}[]@.1", max_size=60))
def test_a_clean_record_stays_as_it_is(text: str) -> None:
    cleaner = Cleaner(Recipe())
    once = cleaner.record(lamp(text))
    assert cleaner.record(once)["data"] == once["data"]
