"""One fact, asked in many ways: in other words, in sentences of one's own, roughened."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ftui.prepare import Pair, phrasing, prepare
from ftui.prepare.facts import Fact
from ftui.prepare.recipe import Duplicates, Mixture, Questions, Recipe
from ftui.prepare.synonyms import groups, reword

KETTLE = Fact(
    "How do I switch on the Tavrik?",
    "Press the ring at the foot of the Tavrik until it glows.",
    ["Where can I buy a lid for it, and is the warranty void?", "The phone number of the help desk, please."],
    topic="Tavrik",
)


def presented(fact: Fact, **settings: Any) -> list[phrasing.Presentation]:
    return phrasing.present(fact, Recipe(questions=Questions(**settings)), random.Random(7))


def kinds(presentations: list[phrasing.Presentation], kind: str) -> list[str]:
    return [each.question for each in presentations if each.kind == kind]


def test_as_many_as_the_recipe_wants_and_no_two_alike() -> None:
    for count in (1, 3, 8, 20, 40):
        questions = [each.question for each in presented(KETTLE, presentations=count)]
        assert len(questions) == len(set(questions)) == max(count, 2), "one is held out, and one is trained on"


def test_shares_of_the_kinds() -> None:
    made = presented(KETTLE, presentations=23, noise=0.5, reworded=0.4)
    # 3 of its own, one of them held out.
    assert (len(kinds(made, "noise")), len(kinds(made, "reworded")), len(kinds(made, "wrapped"))) == (10, 4, 6)
    made = presented(KETTLE, presentations=23, noise=0.0, reworded=0.0)
    assert (kinds(made, "noise"), kinds(made, "reworded"), len(kinds(made, "wrapped"))) == ([], [], 20)


def test_what_cannot_be_said_in_other_words_is_put_into_a_sentence() -> None:
    fact = Fact("Zorbel?", "A zorbel is what it is and no more.")
    made = presented(fact, presentations=9, noise=0.0, reworded=1.0)
    assert kinds(made, "reworded") == []
    assert len(kinds(made, "wrapped")) == 8


def test_nothing_is_made_of_the_wording_that_is_held_out() -> None:
    for seed in range(20):
        made = phrasing.present(KETTLE, Recipe(questions=Questions(presentations=30)), random.Random(seed))
        [held] = [each.question for each in made if each.held]
        core = held.casefold().rstrip("?.")
        assert not any(core in each.question.casefold() for each in made if not each.held)


def test_words_of_the_language_that_mean_the_same() -> None:
    said = {reword(KETTLE.heading, (), True, random.Random(seed)) for seed in range(40)}
    assert {"How do I turn on the Tavrik?", "How can I switch on the Tavrik?"} <= said
    assert reword(KETTLE.heading, (), False, random.Random(1)) == KETTLE.heading, "English words for English only"
    assert reword("Is the switch online?", (), True, random.Random(1)) == "Is the switch online?", "whole words only"


@pytest.mark.parametrize(
    ("group", "question", "other"),
    [
        ("chips, fries", "How long do fries take?", "How long do chips take?"),
        ("entkalken, Kalk entfernen", "Wie kann ich sie entkalken?", "Wie kann ich sie Kalk entfernen?"),
        ("除垢、去水垢", "如何给水壶除垢？", "如何给水壶去水垢？"),
        ("чайник, самовар", "Как чистить чайник?", "Как чистить самовар?"),
        ("C++, cpp", "What of cpp here?", "What of C++ here?"),
    ],
)
def test_words_of_a_recipe_in_any_language(group: str, question: str, other: str) -> None:
    assert reword(question, groups([group]), False, random.Random(0)) == other
    made = presented(Fact(question, "x"), presentations=3, noise=0.0, reworded=1.0, synonyms=(group,))
    assert kinds(made, "reworded") == [other]


def test_sentences_of_ones_own() -> None:
    frames = ("On {topic}: {question}", "{question} {oops}")
    made = presented(Fact("Wie öffne ich ihn?", "So.", topic="Zorbel {0}"), presentations=3, noise=0.0, frames=frames)
    assert sorted(kinds(made, "wrapped")) == ["On Zorbel {0}: Wie öffne ich ihn?", "Wie öffne ich ihn? {oops}"]


def test_other_languages_are_roughened_too() -> None:
    fact = Fact("Wie lange hält der Akku in der Leuchte?", "Vierzehn Monate hält er bei mir.")
    rough = kinds(presented(fact, presentations=12, noise=1.0), "noise")
    assert any(len(question.split()) < 8 for question in rough)
    assert all("Leuchte" in question or "leuchte" in question for question in rough)


def test_the_same_recipe_gives_the_same_wordings() -> None:
    def questions(seed: int) -> list[str]:
        page = {"markdown": f"## {KETTLE.heading}\n\n{KETTLE.answer}"}
        recipe = Recipe(seed=seed, mixture=Mixture(0.0), duplicates=Duplicates(0.0))
        items = prepare([{"id": 1, "source": 1, "url": "", "title": "", "data": page}], recipe)
        return [item.messages[-2]["content"] for item in items if isinstance(item, Pair)]

    assert questions(3) == questions(3) != questions(4)
