"""What counts as a right answer, and what is said about a score."""

from __future__ import annotations

import pytest

from ftui.compare.metrics import derive_keys, found, meaning
from ftui.store.comparisons import Score


@pytest.mark.parametrize(
    ("answer", "keys", "right"),
    [
        ("It costs 289 euros.", ["289 euros"], True),
        ("It costs 1289 euros.", ["289 euros"], False),
        ("It costs 289.50 euros.", ["289"], False),
        ("That takes FOURTEEN\nhours", ["fourteen hours"], True),
        ("It is heated to 96 °C.", ["96 °C"], True),
        ("Reddish", ["red"], False),
        ("Очистите фильтр каждые два месяца", ["два месяца"], True),
        ("anything", [""], False),
        ("", ["x"], False),
    ],
)
def test_a_key_fact_is_found_as_whole_words(answer: str, keys: list[str], right: bool) -> None:
    assert found(answer, keys) is right


@pytest.mark.parametrize(
    ("question", "expected", "keys"),
    [
        ("How heavy is part 3?", "Part 3 weighs 14 grams.", ("14",)),
        ("Who founded it?", "It was founded by Ada Marl.", ("Ada",)),
        ("What to do?", "Rinse thoroughly.", ("thoroughly",)),
        ("a", "a", ()),
    ],
)
def test_keys_where_nobody_wrote_any(question: str, expected: str, keys: tuple[str, ...]) -> None:
    assert derive_keys(question, expected) == keys


def test_a_score_says_how_sure_one_can_be() -> None:
    text = meaning(Score(base=1, tuned=18, of=24))
    assert "18 of 24" in text
    assert "±2 by chance" in text
    assert "Nothing was asked" in meaning(Score(0, 0, 0))
