"""Long text as lines of the screen, and what was changed in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ftui.ui.flow import flow, wrap
from ftui.ui.text import Tone, block, plain
from ftui.ui.widgets.pair_diff import word_diff

ODD = "a é e\u0301 猫 שלום \x1b[31m \u202e \u200b 👨‍👩‍👧 ❤️ 👍🏽 🇩🇪 \ud800 \u2028 \xad \U000e0041\t\r\n"
TEXTS = st.text(st.characters() | st.sampled_from(ODD), max_size=200)


@given(TEXTS, st.integers(8, 40))
def test_every_line_fits_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(block(text).split())
    assert wrap(text, width, 3) == lines[:3]


@given(TEXTS)
def test_what_is_shown_can_be_written_to_any_terminal(text: str) -> None:
    for shown in (plain(text), *wrap(text, 20)):
        shown.encode()
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
        assert not set(shown) & set("\u202e\u2066\u200b\u200d\u200f\ufeff\ufe0f\xad\U000e0041")


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 20, [""]),
        ("a b\n\n  c\n", 20, ["a b", "", "  c"]),
        ("one two three", 8, ["one two", "three"]),
        ("onetwothree", 8, ["onetwoth", "ree"]),
        ("猫猫猫猫猫", 9, ["猫猫猫猫", "猫"]),
        ("e" + "\u0301" * 200, 8, ["e" + "\u0301" * 31, *["\u0301" * 32] * 5, "\u0301" * 9]),
    ],
)
def test_lines(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


def test_tones_go_on_over_the_end_of_a_line() -> None:
    rows = flow([("one ", "dim"), ("two three", "ok"), ("\nfour", "")], 8)
    assert [[(span.text, span.tone) for span in row] for row in rows] == [
        [("one ", "dim"), ("two", "ok")],
        [("three", "ok")],
        [("four", "")],
    ]


WORDS = st.lists(st.sampled_from(["the", "lid", "is", "wet", ".", " ", "\n", "猫"]), max_size=30).map("".join)


@given(WORDS, WORDS)
def test_a_diff_holds_both_texts(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert _without(pieces, "bad") == after
    assert _without(pieces, "ok") == before


def _without(pieces: list[tuple[str, Tone]], gone: Tone) -> str:
    return "".join(text[2:-2] if tone else text for text, tone in pieces if tone != gone)


def test_a_diff_marks_whole_words_by_signs() -> None:
    pieces = word_diff("The lid sensor is wet. Go.", "The cover sensor is dry. Go.")
    assert "".join(text for text, _ in pieces) == "The [-lid-]{+cover+} sensor is [-wet-]{+dry+}. Go."
    far = "lorem ipsum " * 50_000
    assert len(word_diff(far, f"{far[:30_000]}not there {far[30_000:]}")) <= 4
