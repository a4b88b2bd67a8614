"""What pages, programs and wrong encodings leave in a text."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.prepare import mojibake, residue
from ftui.prepare.clean import clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>Hello&nbsp;<b>you</b></p><ul><li>a</li><li class='x'>b</li></ul>", "Hello you\n\n- a\n- b"),
        ("Line<br/>two<BR>three", "Line\ntwo\nthree"),
        ("<td>a</td><td>b</td>", "a b"),
        ("&amp;lt;p&amp;gt;hi&amp;lt;/p&amp;gt;", "hi"),
        ("<script async>var a = '<p>';</script>text<!-- no --><STYLE>p{}</STYLE >", "text"),
        ("AT&T ?a=1&copy=2 &copy; &#8217; &#x2014;", "AT&T ?a=1&copy=2 © ’ —"),
        ("<img src='data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=='>x", "x"),
        ("see data:image/png;base64,iVBORw0KGgoAAAANSUhEUg== there", "see there"),
        ("<![CDATA[Hi]]>", "Hi"),
        ("Use `<div>` for <i>blocks</i>\n```\n<p>&amp;</p>\n```", "Use `<div>` for blocks\n```\n<p>&amp;</p>\n```"),
        ("a < b and c > d", "a < b and c > d"),
        ("x <b and c> d", "x <b and c> d"),
        ("<your name>, <!-- open", "<your name>, <!-- open"),
        ("<input disabled><a href='x>y'>", "y'>"),
        ("<script>never closed", "<script>never closed"),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert clean(residue.strip(text)) == expected


@given(st.text(alphabet="ab <>&;p/`!-=\n"))
def test_text_that_was_escaped_once_comes_back(text: str) -> None:
    if not set("&<`") & set(text):
        assert residue.strip(html.escape(text)) == text


@given(st.text(alphabet="abc <>&;\n.,äж水", max_size=80))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Neither a tag of HTML nor an entity can be written with these letters, but for <a> and <b>."""
    assert residue.strip(text) == text or "<a" in text or "<b" in text or "</" in text


@pytest.mark.parametrize(
    "text", ["<script>" * 40_000, "<!--" * 80_000, "<a x=" * 60_000, "<p " + " " * 200_000, "&" * 300_000]
)
def test_what_never_closes_ends(text: str) -> None:
    assert residue.strip(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("see <span class=x>this</span>", "an HTML tag"),
        ("this&nbsp;that", "an HTML entity"),
        ("Dear {{ name }}", "a placeholder in braces"),
        ("{% if x %}", "a template tag"),
        ("It is [object Object].", "[object …] of a script"),
        ("x function() { return 1", "a piece of a script"),
        (r"caf\u00e9", "escaped characters"),
        (r"one\n\ntwo", "escaped characters"),
        ("Lorem ipsum dolor", "lorem ipsum"),
        ("a < b & c > d, {x}, functions, base 64, C:\\new", ""),
    ],
)
def test_what_is_left_is_named(text: str, name: str) -> None:
    assert residue.left(text) == name


WORDS = {
    "de": "Der Kessel faßt schöne Größen für Übermütige – natürlich",
    "fr": "L’été dernier, elle a préféré le café à l’hôtel",
    "es": "¿Dónde está el corazón del señor? ¡Mañana!",
    "ru": "Чайник вмещает воду и нагревает её за четыре минуты",
    "zh": "水壶可以装一点三升水，四分钟内即可烧开",
    "ar": "كيف أنظف الإبريق بعد كل استعمال؟",
    "pl": "Zażółć gęślą jaźń w kuchni",
}


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS)
def test_text_in_many_languages_is_not_mended(text: str) -> None:
    assert mojibake.mend(text) == text
    assert mojibake.left(text) == ""


@pytest.mark.parametrize(
    ("language", "wrong"), [*((each, "latin-1") for each in WORDS), *((each, "cp1252") for each in ("de", "fr", "pl"))]
)
def test_text_read_as_a_western_one_is_mended(language: str, wrong: str) -> None:
    broken = WORDS[language].encode().decode(wrong)
    assert mojibake.mend(broken) == WORDS[language]
    assert mojibake.left(broken)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("Р§Р°Р№РЅРёРє", "Чайник"),
        ("itâ€™s 5Â°C", "it’s 5°C"),
        ("√©t√©", "été"),
        ("СССР и С «этим»", "СССР и С «этим»"),
        ("À la carte – À”", "À la carte – À”"),
    ],
)
def test_other_wrong_encodings(broken: str, text: str) -> None:
    assert mojibake.mend(broken) == text


def test_what_could_not_be_read_is_told() -> None:
    assert mojibake.left("caf\ufffd") == "characters that could not be read"
