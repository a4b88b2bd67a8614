"""How much of each source, and of the general."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from ftui.prepare import Dropped, Pair, mixture, prepare, ready
from ftui.prepare.recipe import Duplicates, Mixture, Questions, Recipe, Split


def record(number: int, source: int, text: str = "fact") -> dict[str, Any]:
    data = {"question": f"What of {text} {number}?", "answer": f"This is the answer of {text} {number}."}
    return {"id": number, "source": source, "url": "", "title": "", "data": data}


def recipe(general: float = 0.0, **weights: float) -> Recipe:
    return Recipe(
        questions=Questions(presentations=1),
        mixture=Mixture(general, weights),
        split=Split(held=0),
        duplicates=Duplicates(0),
    )


def run(items: Any) -> tuple[list[Pair], list[Dropped]]:
    found = list(items)
    return [i for i in found if isinstance(i, Pair)], [i for i in found if isinstance(i, Dropped)]


def test_a_source_is_used_by_its_weight_and_the_rest_is_named() -> None:
    records = [record(n, 1 + n % 3) for n in range(600)]
    pairs, dropped = run(prepare(records, recipe(shop=0.5, **{"3": 0.0}), sources={1: "shop", 2: "help", 3: "blog"}))
    counts = Counter(pair.source for pair in pairs)
    assert counts[2] == 200
    assert counts[3] == 0
    assert 70 <= counts[1] <= 130
    assert Counter(item.reason for item in dropped) == {mixture.LEFT_OUT: 600 - len(pairs)}
    assert {item.scope for item in dropped} == {"record"}
    again, _ = run(prepare(records[::-1], recipe(shop=0.5, **{"3": 0.0}), sources={1: "shop"}))
    assert {pair.digest for pair in again} == {pair.digest for pair in pairs}


def test_general_sources_by_their_weights() -> None:
    general = [record(1000 + n, 5 + n % 2, "weather") for n in range(400)]
    made, _ = run(
        prepare(
            [record(n, 1) for n in range(100)],
            recipe(0.5, much=1.0, little=0.2),
            general,
            sources={5: "much", 6: "little"},
        )
    )
    counts = Counter(pair.source for pair in made if pair.kind == "general")
    assert counts.total() == 100
    assert counts[5] > 3 * counts[6] > 0


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_the_ratio(share: float) -> None:
    general = [record(1000 + n, 5, "weather") for n in range(200)]
    made, _ = run(prepare([record(n, 1) for n in range(90)], recipe(share), general))
    assert sum(pair.kind == "general" for pair in made) == round(90 * share / (1 - share))


def test_general_conversations_of_several_turns_stay_whole() -> None:
    turns = [{"role": role, "content": f"{role} {n}"} for n in range(2) for role in ("user", "assistant")]
    general = [{"id": 7, "source": 5, "data": {"messages": turns}}, {"id": 8, "source": 5, "data": None}]
    made, dropped = run(prepare([record(n, 1) for n in range(90)], recipe(0.5), general))
    mixed = [pair for pair in made if pair.kind == "general"]
    assert [[dict(message) for message in pair.messages] for pair in mixed] == [turns]
    assert [(item.record, item.reason) for item in dropped] == [(8, "not a record")]


def test_a_general_question_with_an_image_is_set_aside() -> None:
    asked = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.jpg"}},
    ]
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": "A kettle."}]
    general = [{"id": 9, "source": 2, "url": "", "title": "", "data": {"messages": messages}}]
    pairs, dropped = run(prepare([record(n, 1) for n in range(20)], recipe(0.5), general))
    assert {pair.kind for pair in pairs} == {"domain"}
    assert [(item.record, item.reason, item.scope) for item in dropped] == [(9, ready.NOT_TEXT, "record")]


def test_of_very_many_general_ones_the_same_are_drawn_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture, "_DRAWN_FROM", 20)
    general = [record(1000 + n, 5, "weather") for n in range(300)]
    first, _ = run(mixture.mix(10, recipe(0.5), "", general))
    random.Random(1).shuffle(general)
    second, _ = run(mixture.mix(10, recipe(0.5), "", general))
    assert len(first) == 10
    assert [pair.digest for pair in first] == [pair.digest for pair in second]
