"""Text for the screen: harmless, cut by cells, numbers as people read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ftui.ui import text


@given(st.text(), st.integers(0, 40))
def test_plain_is_harmless_and_never_wider_than_asked(raw: str, width: int) -> None:
    shown = text.plain(raw, width)
    assert cell_len(shown) <= width
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])), st.integers(1, 30))
def test_fit_is_exactly_as_wide_as_asked(raw: str, width: int) -> None:
    assert cell_len(text.fit(text.plain(raw), width)) == width


def test_an_escape_code_is_shown_and_not_obeyed() -> None:
    assert text.plain("\x1b[31mred\x07") == "␛[31mred␇"
    assert text.plain("two\nlines\tone") == "two lines one"
    assert "\u202e" not in text.plain("abc\u202edef")


def test_block_keeps_line_ends_alone() -> None:
    assert text.block("a\r\nb\tc\x00") == "a\nb    c␀"


def test_what_is_cut_ends_in_an_ellipsis() -> None:
    assert text.cut("descaling", 5) == "desc…"
    assert text.cut("水水水", 4) == "水…"
    assert text.fit("ab", 4, "right") == "  ab"


def test_numbers_have_their_unit() -> None:
    assert text.count(1204) == "1,204"
    assert text.plural(1, "record") == "1 record"
    assert text.plural(312, "record") == "312 records"
    assert text.money(0.42) == "$0.42"
    assert text.money(None) == "unknown"
    assert text.size(2_100_000) == "2.1 MB"
    assert text.size(17) == "17 B"
    assert [text.rate(speed) for speed in (18.2, 0.43, 0.02)] == ["18/s", "0.4/s", "1.2/min"]


def test_a_bar_is_full_at_its_total_and_never_longer() -> None:
    assert text.bar(5, 10, 4) == "━━──"
    assert text.bar(20, 10, 4) == "━━━━"
    assert text.bar(3, None, 4) == "────"


def test_wrapped_lines_fit() -> None:
    lines = text.wrapped("Unplug it and leave the lid open for twenty minutes", 20)
    assert all(len(line) <= 20 for line in lines)
    assert " ".join(lines) == "Unplug it and leave the lid open for twenty minutes"
    assert text.wrapped("", 20) == []
