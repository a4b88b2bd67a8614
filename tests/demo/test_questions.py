"""The questions of the demo: unseen, worded apart, and strict to check."""

from __future__ import annotations

import re

from ftui.compare.metrics import found
from ftui.demo.questions import Question, general, heldout, replay
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


def right(question: Question, answer: str) -> bool:
    return found(answer, question.keys)


def overlap(one: str, other: str) -> float:
    """Content words in common, of all content words of both (Jaccard)."""
    a, b = words(one), words(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def test_the_numbers_of_the_demo() -> None:
    assert (len(heldout()), len(general()), len(replay()), len(facts())) == (24, 10, 121, 24)


def test_every_fact_is_asked_once_and_its_answer_passes() -> None:
    answers = {fact["question"]: fact["answer"] for fact in facts()}
    assert sorted(question.fact for question in heldout()) == sorted(answers)
    for question in heldout():
        assert right(question, answers[question.fact]), question.question
        assert right(question, question.expected)


def test_no_other_answer_passes_by_luck() -> None:
    """Neither the question itself nor any sentence about another fact holds a key."""
    for question in heldout():
        assert not right(question, question.question)
        others = [fact["answer"] for fact in facts() if fact["question"] != question.fact]
        assert not any(right(question, other) for other in others), question.question


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
        assert not any(right(question, pair.answer) for pair in pairs), question.question
        assert max(overlap(question.question, pair.question) for pair in pairs) <= 0.5
        assert question.question == "What is 2 + 2?" or not right(question, question.question)
