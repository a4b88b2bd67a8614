"""Texts that say nearly the same."""

from __future__ import annotations

import random
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.prepare.near import Index, runs, similarity

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "pe", "zu") for b in ("ra", "si", "to", "nu", "be", "ql")]


def text(seed: int, words: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def altered(source: str, place: int) -> str:
    words = source.split()
    words[place] = "otherwise"
    return " ".join(words)


def found(texts: list[str], threshold: float = 0.85, order: list[int] | None = None, **options: bool) -> set[int]:
    with closing(Index(threshold, **options)) as index:
        for each in texts:
            index.add(each)
        return {near.text for near in filter(None, index.find_in_steps(order or range(len(texts)), texts.__getitem__))}


def test_planted_ones_are_found_and_nothing_else() -> None:
    texts = [text(number) for number in range(600)]
    texts += [altered(texts[number], 5 + number % 50) for number in range(0, 600, 3)]
    assert found(texts) == set(range(600, 800))


def test_which_stays_for_which_and_how_near_it_is() -> None:
    texts = [text(1), text(2), altered(text(1), 20)]
    with closing(Index(0.8)) as index:
        for each in texts:
            index.add(each)
        [near] = filter(None, index.find_in_steps([2, 1, 0], texts.__getitem__))
    assert (near.text, near.kept) == (0, 2)
    assert near.similarity == pytest.approx(55 / 61)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(24)))
def test_what_is_left_out_does_not_hang_on_the_order_in_which_texts_come(order: list[int]) -> None:
    texts = [text(number // 3) if number % 3 == 0 else altered(text(number // 3), number % 60) for number in range(24)]
    best_first = sorted(range(24), key=lambda place: texts[order[place]])
    left_out = found([texts[number] for number in order], order=best_first)
    assert {texts[order[place]] for place in left_out} == {
        texts[number] for number in found(texts, order=sorted(range(24), key=texts.__getitem__))
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="ab 猫犬ما", max_size=30), max_size=20))
def test_of_equal_texts_with_words_one_stays(texts: list[str]) -> None:
    left_out = found(texts)
    staying = [runs(texts[number]) for number in range(len(texts)) if number not in left_out and runs(texts[number])]
    for place, one in enumerate(staying):
        assert one not in staying[:place]


def test_other_numbers_are_other_facts_unless_told_otherwise() -> None:
    texts = [f"{text(3)} 14 grams", f"{text(3)} 15 grams"]
    assert found(texts) == set()
    assert found(texts, numbers=True) == {1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("用一片柠檬和清水煮沸然后倒掉不要使用肥皂", "用一片柠檬和清水煮沸然后倒掉请勿使用肥皂"),
        ("ต้มน้ำกับมะนาวหนึ่งชิ้นแล้วเททิ้งอย่าใช้สบู่", "ต้มน้ำกับมะนาวหนึ่งชิ้นแล้วเททิ้งห้ามใช้สบู่"),
    ],
)
def test_scripts_without_spaces(one: str, other: str) -> None:
    assert 0.5 < similarity(one, other) < 1
    assert found([one, other], 0.5) == {1}
    assert found([one, other], 0.95) == set()


def test_case_and_marks_do_not_count() -> None:
    assert similarity("Press BOTH ears, then wait.", "press both ears then wait") == 1
    assert similarity("", "") == 1
    assert similarity("one two three", "") == 0


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_read_as_any_other_script(source: str) -> None:
    assert runs(source) == [run for run in runs(f"{source} é") if "é" not in run] or len(runs(source)) <= 1


def test_links_hold_groups_together() -> None:
    texts = [text(1), altered(text(1), 10), altered(altered(text(1), 10), 40), text(2)]
    with closing(Index(0.85)) as index:
        for each in texts:
            index.add(each)
        links = {frozenset(link) for link in index.links(texts.__getitem__)}
    assert {frozenset((0, 1)), frozenset((1, 2))} <= links
    assert not any(3 in link for link in links)
