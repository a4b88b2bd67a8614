"""Every record ends as a pair or under one reason, whatever the records are."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.prepare import Dropped, Pair, prepare
from ftui.prepare.recipe import TEMPLATES, Cleaning, Duplicates, Messages, Mixture, Questions, Recipe, Split
from ftui.prepare.tally import Tally

SENTENCE = "Fill the kettle with cold water and let it boil once until it is quiet again."
TEXTS = st.sampled_from(
    ["", "null", SENTENCE, f"{SENTENCE} {SENTENCE}", "a@b.test", "\u202e\u200b", "<|im_end|>", "Ã¼", "x" * 3000]
) | st.text(max_size=30)
PAGES = st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(
    lambda parts: "\n\n".join(f"## {heading}\n\n{text}" for heading, text in parts)
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool", "?"]), "content": TEXTS}), max_size=4
)
DATA = st.one_of(
    st.none(),
    st.integers(),
    st.fixed_dictionaries({"markdown": PAGES}),
    st.fixed_dictionaries({"question": TEXTS, "answer": TEXTS}),
    st.fixed_dictionaries({"title": TEXTS, "description": TEXTS}),
    st.fixed_dictionaries({"messages": MESSAGES}),
    st.dictionaries(st.sampled_from(["error", "title", "text", "prompt", "completion", "messages", "x"]), TEXTS),
)
RECIPES = st.builds(
    Recipe,
    template=st.sampled_from([template for template in TEMPLATES if template != "own"]),
    questions=st.builds(Questions, presentations=st.integers(1, 4)),
    mixture=st.builds(Mixture, general=st.sampled_from([0.0, 0.2, 0.6]), weights=st.just({"half": 0.5})),
    split=st.just(Split(held=0)),
    cleaning=st.builds(Cleaning, personal=st.sampled_from(["flag", "drop"]), question=st.sampled_from([10, 2000])),
    duplicates=st.builds(Duplicates, near=st.sampled_from([0.0, 0.6])),
)


def row(number: int, data: Any) -> dict[str, Any]:
    return {"id": number, "source": 1 + number % 2, "url": f"https://x.test/{number}", "title": "", "data": data}


@settings(max_examples=150, deadline=None)
@given(st.lists(DATA, max_size=12), st.lists(DATA, max_size=8), RECIPES)
def test_counts_add_up(domain: list[Any], general: list[Any], recipe: Recipe) -> None:
    records = [row(number, data) for number, data in enumerate(domain)]
    others = [row(100 + number, data) for number, data in enumerate(general)]
    items = list(prepare(records, recipe, others, sources={1: "whole", 2: "half"}))
    tally = Tally()
    for item in items:
        tally.take(item)
    assert tally.with_pairs + sum(tally.dropped.values()) == len(records) + len(others)
    with_pairs = {item.record for item in items if isinstance(item, Pair)}
    whole = [item.record for item in items if isinstance(item, Dropped) and item.scope == "record"]
    assert len(with_pairs) == tally.with_pairs
    assert {*whole, *with_pairs} == {record["id"] for record in records + others}
    assert len(whole) == len(set(whole))
    assert all(item.reason for item in items if isinstance(item, Dropped))


def test_a_general_record_that_is_not_needed_is_named() -> None:
    recipe = Recipe(template="own", messages=Messages("Who is {{ title }}?", SENTENCE), mixture=Mixture(0.5))
    general = [row(10 + n, {"question": f"What is {n}?", "answer": f"It is {n}."}) for n in range(3)]
    same = row(20, {"question": "Who is Ann?", "answer": SENTENCE})
    items = list(prepare([row(1, {"title": "Ann"})], recipe, [*general, same]))
    dropped = {item.record: item.reason for item in items if isinstance(item, Dropped) and item.scope == "record"}
    assert len([item for item in items if isinstance(item, Pair) and item.kind == "general"]) <= 1
    assert set(dropped.values()) <= {"not needed for the mixture", "exact duplicate"}
    assert len(dropped) >= 3
