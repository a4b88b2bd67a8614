"""Replay: general questions with the answers of the model that is to be tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ftui.prepare import Dropped, Pair, prepare, replay
from ftui.prepare.recipe import Duplicates, Mixture, Questions, Recipe, Replay, Split

RECIPE = Recipe(
    system="Be kind.",
    questions=Questions(presentations=1),
    mixture=Mixture(0.5),
    split=Split(held=0),
    duplicates=Duplicates(0),
    replay=Replay("engine", "base", 50),
)
DOMAIN = [
    {"id": n, "source": 1, "url": "", "title": "", "data": {"markdown": f"# What is part {n}?\n\nPart {n} is a wheel."}}
    for n in range(8)
]


def general(number: int, **data: Any) -> dict[str, Any]:
    given = data or {"question": f"What is weather {number}?", "answer": "A human wrote this."}
    return {"id": 100 + number, "source": 2, "url": "", "title": "", "data": given}


def by_itself(asks: list[replay.Ask]) -> Mapping[str, Mapping[str, Any]]:
    return {ask.key: {"items": [{"answer": f"By itself: {ask.subject}"}]} for ask in asks}


def test_the_models_own_answers_stand_in_the_place_of_others() -> None:
    records = [general(n) for n in range(20)]
    asks = list(replay.asks(records, RECIPE, "Be kind."))
    assert dict(asks[0].messages[0]) == {"role": "system", "content": "Be kind."}
    answers = by_itself(asks)
    made = [item for item in prepare(DOMAIN, RECIPE, records, written=answers.get) if isinstance(item, Pair)]
    mixed = [pair for pair in made if pair.kind == "general"]
    assert len(mixed) == len(made) - len(mixed) == 8
    assert all(str(pair.messages[-1]["content"]).startswith("By itself: What is weather") for pair in mixed)
    assert {pair.origin["model"] for pair in mixed} == {"engine base"}
    assert {pair.source for pair in mixed} == {2}


def test_what_has_no_answer_yet_is_named() -> None:
    records = [general(n) for n in range(3)]
    [first, *_] = asks = list(replay.asks(records, RECIPE, "Be kind."))
    answers: dict[str, Mapping[str, Any]] = {first.key: {"problem": "it refuses"}}
    dropped = [item for item in prepare(DOMAIN, RECIPE, records, written=answers.get) if isinstance(item, Dropped)]
    assert sorted(item.reason for item in dropped) == [
        "not written yet",
        "not written yet",
        "the model wrote nothing usable",
    ]
    assert {item.record for item in dropped} == {100, 101, 102}
    assert len(asks) == 3


def test_without_general_records_its_own_questions_are_asked() -> None:
    asks = list(replay.asks([], RECIPE, ""))
    assert len(asks) == 50
    assert {ask.subject for ask in asks} < {question for question, _ in replay.general_pairs()}
    made = [i for i in prepare(DOMAIN, RECIPE, [], written=by_itself(asks).get) if isinstance(i, Pair)]
    assert sum(pair.kind == "general" for pair in made) == 0, "they were asked without the system message"
    asks = list(replay.asks([], RECIPE, "Be kind."))
    made = [i for i in prepare(DOMAIN, RECIPE, [], written=by_itself(asks).get) if isinstance(i, Pair)]
    assert sum(pair.kind == "general" for pair in made) == 8


def test_questions_in_any_shape_each_once_and_no_more_than_wanted() -> None:
    conversation = [{"role": role, "content": f"{role} {n}"} for n in range(2) for role in ("user", "assistant")]
    records = [
        general(1, question="Who?"),
        general(2, prompt="Who?", completion="He."),
        general(3, messages=[{"role": "user", "content": "When?"}]),
        general(4, instruction="Where?", output="Here."),
        general(5, messages=conversation),
    ]
    assert {ask.subject for ask in replay.asks(records, RECIPE, "")} == {"Who?", "When?", "Where?"}
    many = [general(n) for n in range(1000)]
    few = replace(RECIPE, replay=Replay("engine", "base", 7))
    chosen = {ask.key for ask in replay.asks(many, few, "")}
    assert len(chosen) == 7
    assert {ask.key for ask in replay.asks(many[::-1], few, "")} == chosen
    answers = by_itself(list(replay.asks(records, RECIPE, "Be kind.")))
    made = [i for i in prepare(DOMAIN, RECIPE, records, written=answers.get) if isinstance(i, Pair)]
    assert [dict(m) for m in next(p for p in made if p.record == 105).messages][-4:] == conversation


def test_without_replay_nothing_is_asked_and_nothing_changes() -> None:
    records = [general(n) for n in range(20)]
    for recipe in (replace(RECIPE, replay=Replay()), replace(RECIPE, mixture=Mixture(0.0))):
        assert list(replay.asks(records, recipe, "")) == []
        assert list(replay.answered(records, recipe, "", {}.get)) == records
