"""Cleaning of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.chatfile import SPECIAL_TOKEN
from ftui.prepare.clean import clean, cut, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \t b\r\n\r\n\r\n c ", "a b\n\nc"),
        ("one\x00two\x1b[31m", "onetwo[31m"),
        ("a<|im_end|>b", "ab"),
        ("a<|im_<|x|>end|>b", "ab"),
        ("e\u0301", "é"),
        ("ab\u200bc\u202ed\ufeff", "abcd"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),
        ("half \ud800 pair", "half pair"),
        ("a < b | c > d", "a < b | c > d"),
        ("👩‍🍳", "👩‍🍳"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text())
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not SPECIAL_TOKEN.search(once)
    once.encode()


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ('see [the **shop**](http://x.test/a "title") now', "see the shop now"),
        ("*one* **two** _three_ `four`", "one two three four"),
        ("***both***", "both"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("- a\n- b", "- a\n- b"),
        ("![a cup](cup.png)", "a cup"),
    ],
)
def test_plain(markdown: str, expected: str) -> None:
    assert plain(markdown) == expected


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("Short.", 10, "Short."),
        ("It holds 1.3 litres. It is red. It is", 25, "It holds 1.3 litres."),
        ("Ready, e.g. at noon. Then more", 25, "Ready, e.g. at noon."),
        ('He said "no." Then he went away', 20, 'He said "no."'),
        ("No end in sight at all", 10, ""),
        ("很好。非常好。再见", 5, "很好。"),
        ("Good! Über alles", 8, "Good!"),
        ("Exactly ten.", 12, ""),
    ],
)
def test_cut_at_a_sentence_end(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected
