"""The questions of the demo: unseen, worded apart, and strict to check."""

from __future__ import annotations

import re

import pytest

from ftui.demo.questions import general, has_key, heldout, replay
from ftui.demo.site import content, facts

# Words that carry no subject; what is left is what a question is about.
SMALL = """
    a an and any anything are as at be because been being but by can could did do does doing for from
    get give goes going had has have how i if in into is it its just like long make many may me more
    much must my need no not of off on one or other out over own please put should so some something
    still tell than that the their them then there these they this time to up us want was we were what
    when where which who whose why will with would you your s t am
"""


def words(text: str) -> set[str]:
    names = {product["name"].lower() for product in content()["products"]} | {"lumora"}
    return set(re.findall(r"[a-z0-9]+", text.lower())) - set(SMALL.split()) - names


def overlap(one: str, other: str) -> float:
    """Content words in common, of all content words of both (Jaccard)."""
    a, b = words(one), words(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def test_the_numbers_of_the_demo() -> None:
    assert (len(heldout()), len(general()), len(replay()), len(facts())) == (24, 10, 24, 24)


def test_every_fact_is_asked_once_and_its_answer_passes() -> None:
    answers = {fact["question"]: fact["answer"] for fact in facts()}
    assert sorted(question.fact for question in heldout()) == sorted(answers)
    for question in heldout():
        assert question.right(answers[question.fact]), question.question
        assert question.right(question.expected)


def test_no_other_answer_passes_by_luck() -> None:
    """Neither the question itself nor any sentence about another fact holds a key."""
    for question in heldout():
        assert not question.right(question.question)
        others = [fact["answer"] for fact in facts() if fact["question"] != question.fact]
        assert not any(question.right(other) for other in others), question.question


def test_held_out_questions_are_nowhere_on_the_site_and_worded_apart() -> None:
    site = {phrasing for fact in facts() for phrasing in [fact["question"], *fact["also"]]}
    closest = {}
    for question in heldout():
        assert question.question not in site
        closest[question.question] = max(overlap(question.question, phrasing) for phrasing in site)
    assert max(closest.values()) <= 0.4, max(closest, key=lambda each: closest[each])
    assert sum(closest.values()) / len(closest) <= 0.2


def test_general_questions_are_not_in_the_replay() -> None:
    pairs = replay()
    assert not {question.question for question in general()} & {pair.question for pair in pairs}
    for question in general():
        assert not any(question.right(pair.answer) for pair in pairs), question.question
        assert max(overlap(question.question, pair.question) for pair in pairs) <= 0.5
        assert question.question == "What is 2 + 2?" or not question.right(question.question)


@pytest.mark.parametrize(
    ("answer", "key", "found"),
    [
        ("It costs 364 euros.", "364 euros", True),
        ("It costs\n364  Euros", "364 euros", True),
        ("It costs 1364 euros.", "364 euros", False),
        ("2 + 2 = 4.", "4", True),
        ("It is 4.5 metres", "4", False),
        ("It is 3.4 metres", "4", False),
        ("14 legs", "4", False),
        ("A cathedral", "cat", False),
        ("The cat.", "cat", True),
        ("Price: €364", "€364", True),
        ("on Thursdays", "Thursday", False),
        ("11.3 litres", "1.3 litres", False),
        ("41 dB", "41 db", True),
        ("", "cat", False),
    ],
)
def test_a_key_is_found_as_whole_words_only(answer: str, key: str, found: bool) -> None:
    assert has_key(answer, [key]) is found
