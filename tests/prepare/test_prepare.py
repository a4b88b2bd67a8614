"""Records to pairs: the two templates, what is dropped, and that counts add up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.errors import InputError
from ftui.prepare import Dropped, Pair, fields, prepare
from ftui.prepare.pair import digest
from ftui.prepare.recipe import Answers, Messages, Mixture, Questions, Recipe, Split

PAGE = """# Help with the Zorbel

Some words to begin with, which are long enough.

## How do I open the Zorbel?

Press **both** ears of the [Zorbel](http://x.test/z) at the same time.

Also asked as:

- My Zorbel is closed, what now?
- Zorbel opening
- The lid of the Zorbel does not move.

It opens with a sigh.

## Care

Wipe it with a cloth. Never use soap on it.

## Empty
"""

QA = Recipe(questions=Questions(presentations=12), mixture=Mixture(0.0))
PRODUCT = Recipe(template="product-description", mixture=Mixture(0.0))


def record(identifier: int = 1, **data: Any) -> dict[str, Any]:
    return {"id": identifier, "source": 1, "url": f"http://x.test/{identifier}", "title": "", "data": data}


def run(
    records: Iterable[Mapping[str, Any]], recipe: Recipe, general: Iterable[Mapping[str, Any]] = ()
) -> tuple[list[Pair], list[Dropped]]:
    items = list(prepare(records, recipe, general))
    pairs = [item for item in items if isinstance(item, Pair)]
    return pairs, [item for item in items if isinstance(item, Dropped)]


def asked(pair: Pair) -> str:
    return pair.messages[-2]["content"]


def answered(pair: Pair) -> str:
    return pair.messages[-1]["content"]


# Questions and answers


def test_a_fact_is_asked_in_many_ways_with_one_answer() -> None:
    pairs, dropped = run([record(markdown=PAGE)], QA)
    of_opening = [pair for pair in pairs if pair.origin["heading"] == "How do I open the Zorbel?"]
    assert len(of_opening) == 12
    assert len({pair.fact for pair in of_opening}) == 1
    answer = "Press both ears of the Zorbel at the same time.\n\nIt opens with a sigh."
    assert {answered(pair) for pair in of_opening} == {answer}
    assert len({asked(pair) for pair in of_opening}) == 12
    own = [asked(pair) for pair in of_opening if pair.origin["phrasing"] in ("site", "also")]
    assert sorted(own) == sorted(
        [
            "How do I open the Zorbel?",
            "My Zorbel is closed, what now?",
            "Zorbel opening",
            "The lid of the Zorbel does not move.",
        ]
    )
    assert {pair.origin["phrasing"] for pair in of_opening} == {"site", "also", "wrapped", "noise", "reworded"}
    assert [(item.reason, item.detail, item.scope) for item in dropped] == [("empty answer", "Empty", "part")]


def test_nothing_is_made_of_the_wording_that_is_held() -> None:
    for seed in range(8):
        pairs, _ = run([record(markdown=PAGE)], Recipe(seed=seed, mixture=Mixture(0.0)))
        held = [pair for pair in pairs if pair.origin.get("held")]
        assert [pair.origin["phrasing"] for pair in held] == ["also"]
        kept = asked(held[0]).rstrip("?.").casefold()
        others = [asked(pair).casefold() for pair in pairs if pair is not held[0]]
        assert not any(kept in other for other in others)


def test_only_headings_that_are_questions() -> None:
    recipe = Recipe(questions=Questions("questions"), mixture=Mixture(0.0))
    pairs, dropped = run([record(1, markdown=PAGE), record(2, markdown="# Care\n\nWipe it with a dry cloth.")], recipe)
    assert {pair.origin["heading"] for pair in pairs} == {"How do I open the Zorbel?"}
    assert [(item.record, item.reason, item.scope) for item in dropped] == [
        (2, "no question among the headings", "record")
    ]


def test_a_declared_faq_and_the_same_question_on_the_page_are_one_fact() -> None:
    faq = {
        "@type": ["FAQPage"],
        "mainEntity": [
            {
                "@type": "Question",
                "name": "How do I open the Zorbel?",
                "alternateName": ["Zorbel opening", "Where does one press?"],
                "acceptedAnswer": {"text": "<p>By its <b>ears</b>, as ever.</p>"},
            },
            {"name": "Is it blue?", "acceptedAnswer": {"text": "<p>It is green &amp; grey.</p>"}},
            {"name": "Broken"},
            "nonsense",
        ],
    }
    pairs, _ = run([record(markdown=PAGE, jsonld=[faq, "x", {"@type": "Thing"}])], QA)
    assert {answered(pair) for pair in pairs if pair.origin["heading"] == "Is it blue?"} == {"It is green & grey."}
    of_opening = [pair for pair in pairs if pair.origin["heading"] == "How do I open the Zorbel?"]
    assert len({answered(pair) for pair in of_opening}) == 1
    assert "Where does one press?" in {asked(pair) for pair in of_opening}


def test_wordings_behind_the_marker_in_one_line() -> None:
    page = "## What is it?\n\nA lamp made of salt.\n\n**Also asked as:** What do you call it? / Its name, please"
    pairs, _ = run([record(markdown=page)], QA)
    own = {asked(pair) for pair in pairs if pair.origin["phrasing"] in ("site", "also")}
    assert own == {"What is it?", "What do you call it?", "Its name, please"}
    assert {answered(pair) for pair in pairs} == {"A lamp made of salt."}


@pytest.mark.parametrize(
    ("heading", "answer"),
    [
        ("如何清洁水壶？", "用一片柠檬和清水煮沸，然后倒掉。不要使用肥皂。"),
        ("Wie lange hält der Akku?", "Der Akku hält bei täglichem Gebrauch ungefähr vierzehn Monate."),
        ("كيف أنظف الإبريق؟", "اغل الماء مع شريحة ليمون ثم اسكبه في الحوض."),
    ],
)
def test_no_english_is_put_around_other_languages(heading: str, answer: str) -> None:
    pairs, _ = run([record(markdown=f"## {heading}\n\n{answer}")], QA)
    assert pairs
    letters = set(heading.casefold())
    assert all(set(asked(pair).casefold()) <= letters for pair in pairs)
    assert {answered(pair) for pair in pairs} == {answer}


def test_a_heading_that_is_no_question_is_asked_with_its_topic() -> None:
    pairs, _ = run(
        [record(1, markdown=PAGE), record(2, markdown="## Care\n\nNever wash it at all.", title="Pan | Sol")], QA
    )
    own = {asked(pair) for pair in pairs if pair.origin["phrasing"] == "site"}
    assert own == {
        "Help with the Zorbel",
        "How do I open the Zorbel?",
        "Help with the Zorbel: Care",
        "Pan: Care",
    }


def test_code_is_no_heading_and_other_rows_with_questions_count() -> None:
    page = "## What is run?\n\nThis is run on the machine:\n\n```\n# not a heading\n```"
    pairs, _ = run([record(1, markdown=page), record(2, question="Why not?", answer="Because it is late today.")], QA)
    assert {pair.origin["heading"] for pair in pairs} == {"What is run?", "Why not?"}


# Descriptions


def test_a_description_is_asked_for_with_title_brand_and_features() -> None:
    text = "It glows. " * 200
    data: dict[str, Any] = {"title": "Lamp", "brand": "Sol", "features": '["warm", "small"]', "description": text}
    [pair], _ = run([record(**data)], PRODUCT)
    assert [message["role"] for message in pair.messages] == ["system", "user", "assistant"]
    assert "expert copywriter" in pair.messages[0]["content"]
    assert asked(pair) == (
        "Write a description of this product.\n\nProduct: Lamp\nBrand: Sol\nFeatures:\n- warm\n- small"
    )
    assert answered(pair).endswith("It glows.")
    assert 1180 < len(answered(pair)) < 1200


def test_other_names_of_the_fields_and_structured_data() -> None:
    linked = {
        "@type": "Product",
        "name": "Kettle",
        "brand": {"name": "Lumen"},
        "description": "A kettle for slow mornings.",
        "additionalProperty": [{"name": "feature", "value": "quiet"}, {"name": "Weight", "value": 2}],
    }
    pairs, _ = run(
        [
            record(1, name="Pan", bullets=["flat", "round"], about="A pan that is a pan."),
            record(2, jsonld=[linked], title="Kettle | Shop", description="Buy it now."),
        ],
        PRODUCT,
    )
    assert asked(pairs[0]).endswith("Product: Pan\nFeatures:\n- flat\n- round")
    assert answered(pairs[0]) == "A pan that is a pan."
    assert asked(pairs[1]).endswith("Product: Kettle\nBrand: Lumen\nFeatures:\n- quiet\n- Weight: 2")
    assert answered(pairs[1]) == "A kettle for slow mornings."


@pytest.mark.parametrize(
    ("properties", "features"),
    [({"@type": "PropertyValue", "name": "Weight", "value": 2}, ["Weight: 2"]), ("quiet", []), (7, []), ([7], ["7"])],
)
def test_one_property_is_a_property_and_what_is_none_is_left_out(properties: object, features: list[str]) -> None:
    product = {"@type": "Product", "name": "Kettle", "additionalProperty": properties}
    for linked in (product, [product]):
        found = fields.read({"data": {"jsonld": linked}})
        assert (found.title, list(found.features)) == ("Kettle", features)


@pytest.mark.parametrize("linked", [7, "Product", True, {"@type": 7}])
def test_structured_data_that_is_none_is_left_out(linked: object) -> None:
    assert fields.read({"data": {"title": "Kettle", "jsonld": linked}}).title == "Kettle"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"title": "Lamp"}, "empty answer"),
        ({"title": "Lamp", "description": None}, "empty answer"),
        ({"title": "Lamp", "description": "null"}, "empty answer"),
        ({"title": "Lamp", "description": " \u200b "}, "empty answer"),
        ({"title": "Lamp", "description": "Nice."}, "too short"),
        ({"title": "Lamp", "description": "word " * 400}, "too long"),
        ({"description": "A lamp that is warm."}, "no title"),
        ({"error": "4XX page - dead page.", "error_code": "dead_page"}, "error row"),
    ],
)
def test_what_does_not_become_a_pair_says_why(data: dict[str, Any], reason: str) -> None:
    pairs, dropped = run([record(**data)], PRODUCT)
    assert pairs == []
    assert [(item.reason, item.scope) for item in dropped] == [(reason, "record")]


# Templates of one's own


def own(user: str, assistant: str) -> Recipe:
    return Recipe(template="own", system="Be kind.", messages=Messages(user, assistant), mixture=Mixture(0.0))


def test_a_template_of_ones_own() -> None:
    recipe = own("Who sells {{ title }} for {{ data.price }}?", "{{ brand }} sells it, as ever.")
    pairs, dropped = run([record(1, title="Pan", brand="Sol", price=3), record(2, title="Pot", brand="Sol")], recipe)
    assert [message["content"] for message in pairs[0].messages] == [
        "Be kind.",
        "Who sells Pan for 3?",
        "Sol sells it, as ever.",
    ]
    assert [(item.record, item.reason) for item in dropped] == [(2, "a field is missing")]


@pytest.mark.parametrize("text", ["{{ title", "{% for %}", "{{ ''.__class__.__mro__ }}"])
def test_a_template_that_cannot_be_used(text: str) -> None:
    with pytest.raises(InputError) as caught:
        run([record(title="Pan")], own(text, "{{ title }} and so on and on."))
    assert "template" in caught.value.what


# The whole


def test_every_record_ends_as_pairs_or_under_one_reason() -> None:
    records = [
        record(1, markdown=PAGE),
        record(2, markdown=PAGE),
        record(3, markdown=""),
        record(4, markdown="No heading at all in this text."),
        record(5, error="timeout"),
        {"id": 6, "source": 1, "url": None, "title": None, "data": None},
    ]
    pairs, dropped = run(records, QA)
    with_pairs = {pair.record for pair in pairs}
    whole = {item.record: item.reason for item in dropped if item.scope == "record"}
    assert with_pairs == {1}
    assert whole == {2: "exact duplicate", 3: "no text", 4: "no heading", 5: "error row", 6: "not a record"}
    assert len([item for item in dropped if item.scope == "record"]) == len(whole)


def test_the_same_records_give_the_same_pairs_whatever_their_addresses() -> None:
    here, _ = run([record(1, markdown=PAGE)], QA)
    there, _ = run([record(9, markdown=PAGE)], QA)
    assert [pair.digest for pair in here] == [pair.digest for pair in there]
    assert [pair.fact for pair in here] == [pair.fact for pair in there]
    other, _ = run([record(1, markdown=PAGE)], Recipe(seed=1, questions=QA.questions, mixture=Mixture(0.0)))
    assert [pair.digest for pair in here] != [pair.digest for pair in other]


def test_limits_of_answers() -> None:
    recipe = Recipe(answers=Answers(least=5, most=30), mixture=Mixture(0.0), split=Split(held=0))
    pairs, _ = run([record(markdown="## Care\n\nWipe it with a cloth. Never use soap.")], recipe)
    assert {answered(pair) for pair in pairs} == {"Wipe it with a cloth."}
    assert not any(pair.origin.get("held") for pair in pairs)


def test_general_pairs_are_mixed_in_by_share() -> None:
    general = [
        {"id": 50, "source": 2, "data": {"question": "What is blue?", "answer": "The sky is blue."}},
        {"id": 51, "source": 2, "data": {"messages": [message("user", "Red?"), message("assistant", "Blood.")]}},
        {"id": 52, "source": 2, "data": {"prompt": "Hi", "completion": "Hello!"}},
        {"id": 53, "source": 2, "data": {"text": "no question"}},
    ]
    pairs, dropped = run([record(markdown=PAGE)], Recipe(mixture=Mixture(0.2), system="Be kind."), general)
    mixed = [pair for pair in pairs if pair.kind == "general"]
    assert len(mixed) == round((len(pairs) - len(mixed)) / 4)
    assert {pair.record for pair in mixed} <= {50, 51, 52}
    assert len({pair.digest for pair in pairs}) == len(pairs)
    assert all(pair.messages[0]["content"] == "Be kind." for pair in pairs)
    assert (53, "no question with an answer") in [(item.record, item.reason) for item in dropped]


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@pytest.mark.parametrize("heading", ["How do I open the Zorbel?", "Care of the Zorbel", "What is the weight of it?"])
def test_one_wording_is_enough_for_many_presentations(heading: str) -> None:
    recipe = Recipe(questions=Questions(presentations=20), mixture=Mixture(0.0))
    pairs, _ = run([record(markdown=f"## {heading}\n\nThe answer to it is here.")], recipe)
    assert len({asked(pair) for pair in pairs}) == len(pairs) >= 18
    assert not any(pair.origin.get("held") for pair in pairs)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=3), st.booleans())
def test_a_digest_is_that_of_the_messages_as_json(texts: list[str], named: bool) -> None:
    more = {"name": "Bo"} if named else {}
    messages = [{"role": "user", "content": text, **more} for text in texts]
    canonical = [["user", text, *([more] if named else [])] for text in texts]
    assert digest(messages) == hashlib.sha256(json.dumps(canonical).encode()).hexdigest()
