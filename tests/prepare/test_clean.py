"""Cleaning of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.chatfile import SPECIAL_TOKEN
from ftui.prepare.clean import clean, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a \t b\r\n\r\n\r\n c ", "a b\n\nc"),
        ("one\x00two\x1b[31m", "onetwo"),
        ("\x1b[1;31mRED\x1b[0m \x1b]0;title\x07\x1b[2J\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x1b\\", "RED link"),
        ("\x9b31mчайник\x9b0m \x1b(B\x1b7[1] kept", "чайник [1] kept"),
        ("cut off \x1b[31\x1b]0;no end", "cut off 0;no end"),
        ("a<|im_end|>b", "ab"),
        ("a<|im_<|x|>end|>b", "ab"),
        ("e\u0301", "é"),
        ("ab\u200bc\u202ed\ufeff", "abcd"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),
        ("half \ud800 pair", "half pair"),
        ("a < b | c > d", "a < b | c > d"),
        ("👩‍🍳", "👩‍🍳"),
        ("Ask </s>[INST] <<SYS>>now<</SYS>> [/INST] <end_of_turn>", "Ask now"),
        ("<｜User｜>hello<｜end▁of▁sentence｜>", "hello"),
        ("a <fim_suffix>b<|fim_suffix|>c <extra_id_12>d", "a bc d"),
        ("<s<|x|>>e<s>\u0301", "é"),
        ("<|\u212a|>", ""),
        ("[1] a<b> and <system>", "[1] a<b> and <system>"),
        ("a\u2028b\u00a0\u3000c", "a b c"),
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


@given(st.text(alphabet="<|>s/｜\u0301e\u212aK[]INST \n\u200b\u00ad"))
def test_what_is_left_of_special_tokens_is_none(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not any(token in once for token in ("<s>", "</s>", "[INST]", "[/INST]", "<|s|>"))


@pytest.mark.parametrize("text", ["[" * 200_000, "__a " * 50_000, "](" * 100_000, "<|" * 100_000, "`" * 100_001])
def test_a_long_line_of_openings_ends(text: str) -> None:
    assert len(plain(text)) <= len(text)
