"""Pages as help centres and shops lay them out: what a person reads survives, the furniture does not."""

from __future__ import annotations

import pytest

from ftui.collect.page import decode, read_page

BEFORE = '<header><a href="/">Lumora</a><nav><ul><li><a href="/p">Products</a></li></ul></nav></header>'
AFTER = '<footer><p>© Lumora. All rights reserved.</p><ul><li><a href="/i">Imprint</a></li></ul></footer>'
LONG = "Use warm water with one drop of soap and a soft cloth, and keep the base away from running water at all times. "


def markdown(main: str, head: str = "") -> str:
    html = f"<!doctype html><html lang='en'><head>{head}</head><body>{BEFORE}{main}{AFTER}</body></html>"
    return read_page(html.encode(), "https://x.test/a/page").markdown


@pytest.mark.parametrize("length", [0, 1, 8], ids=["short", "medium", "long"])
@pytest.mark.parametrize("around", ["main", "article", "div class='content'", "div"])
@pytest.mark.parametrize(
    "answer",
    [
        "<h2>What does E4 mean?</h2><p>The lid is wet.</p>",
        "<h2>What does E4 mean?</h2><div class='answer'>The lid is wet.</div>",
        "<h2>What does E4 mean?</h2><div><div>The lid is wet.</div></div>",
        "<h2><button>What does E4 mean?</button></h2><div>The lid is wet.</div>",
        "<details><summary>What does E4 mean?</summary><p>The lid is wet.</p></details>",
        "<dl><dt>What does E4 mean?</dt><dd>The lid is wet.</dd></dl>",
        "<section><header><h2>What does E4 mean?</h2></header><p>The lid is wet.</p></section>",
    ],
    ids=["p", "div", "divs", "button", "details", "dl", "header"],
)
def test_a_question_keeps_its_heading_and_its_answer(around: str, answer: str, length: int) -> None:
    text = f"<h1>Help</h1><p>{LONG * length}</p>" if length else "<h1>Help</h1>"
    found = markdown(f"<{around}>{text}{answer}</{around.split()[0]}>")
    lines = [line for line in found.splitlines() if line]
    at = next(number for number, line in enumerate(lines) if line.endswith("What does E4 mean?"))
    assert lines[at].startswith("##")
    assert lines[at + 1] == "The lid is wet."
    assert lines[0] == "# Help"
    for furniture in ("Products", "Imprint", "rights reserved"):
        assert furniture not in found


def test_lists_tables_and_emphasis() -> None:
    found = markdown(
        "<main><h1>Tavrik</h1><h2>Features</h2><ul><li>Keeps <b>warm</b></li><li>Small</li></ul>"
        "<ol><li>Fill it</li><li>Press Start</li></ol>"
        "<dl><dt>Weight</dt><dd>1.2 kg</dd><dt>Colour</dt><dd><i>graphite</i></dd></dl>"
        "<table><tr><th>Part</th><th>Price</th></tr><tr><td>Lid</td><td>9 euros</td></tr></table>"
        "<h2>Does it whistle?</h2><p>No.</p><p>Also asked as:</p><ul><li>is it loud</li><li>whistle tavrik</li></ul>"
        "</main>"
    )
    for line in (
        "## Features",
        "- Keeps **warm**",
        "2. Press Start",
        "- Weight: 1.2 kg",
        "- Colour: *graphite*",
        "## Does it whistle?",
        "No.",
        "- whistle tavrik",
    ):
        assert line in found.splitlines()
    assert "| Lid | 9 euros |" in found


@pytest.mark.parametrize(
    ("named", "encoding", "text"),
    [
        ("ISO-8859-1", "cp1252", "„Größe“ – 5 €"),
        ("us-ascii", "cp1252", "it’s"),
        ("gb2312", "gb18030", "漢字鎔"),
        ("shift_jis", "cp932", "①髙"),
        ("undefined", "utf-8", "größe"),
        ("idna", "utf-8", "größe"),
    ],
)
def test_a_charset_is_read_as_browsers_read_it(named: str, encoding: str, text: str) -> None:
    assert decode(text.encode(encoding), named) == text


def test_what_a_page_says_about_itself() -> None:
    html = """<html lang="de"><head><base href="/shop/"><title> Tavrik
        kettle </title><meta property="og:description" content="A kettle.">
        <script type="application/ld+json">[{"@type": "Product"}, {"@graph": [{"@type": "FAQPage"}]}]</script>
        <script type="application/ld+json">{"broken": </script>
        <script type="application/ld+json">{"price": NaN, "half": "\\ud800"}</script>
        </head><body><main><p>Text</p><a href="b?x=1#y">b</a><a href="b?x=1#y">b</a><a href="javascript:go()">no</a>
        <a href="http://[">bad</a></main></body></html>"""
    page = read_page(html.encode(), "https://x.test/a/page")
    assert (page.title, page.description, page.lang) == ("Tavrik kettle", "A kettle.", "de")
    assert page.jsonld == [{"@type": "Product"}, {"@type": "FAQPage"}]
    assert page.links == ["https://x.test/shop/b?x=1#y", "javascript:go()"]


@pytest.mark.parametrize(
    "body", [b"", b"\0\0", b"<", b"<html>", b"just words", b"<p>" * 5000, b"<?xml version='1.0'?>"]
)
def test_bodies_that_are_hardly_pages(body: bytes) -> None:
    page = read_page(body, "https://x.test/")
    assert page.links == []


def test_what_else_a_page_says_about_itself() -> None:
    html = """<html><head><link rel="canonical" href="/p?a=1#x"><meta name="robots" content="NOAI, nofollow">
        <meta property="og:type" content="product"><meta property="og:title" content=" A  kettle ">
        <meta property="og:title" content="Second"><meta name="author" content="M. Tavrik">
        <meta name="viewport" content="w">
        <meta property="article:published_time" content="2026-03-01T10:00:00Z"><meta name="date" content="2020">
        </head><body><main><p>Text</p><a href="/next">n</a></main></body></html>"""
    page = read_page(html.encode(), "https://x.test/a/page")
    assert page.canonical == "https://x.test/p?a=1"
    assert page.published == "2026-03-01T10:00:00Z"
    assert page.robots == ["noai", "nofollow"]
    assert page.links == []
    assert page.meta == {
        "og:type": "product",
        "og:title": "A kettle",
        "author": "M. Tavrik",
        "article:published_time": "2026-03-01T10:00:00Z",
        "date": "2020",
    }


def test_the_date_of_structured_data_counts_where_there_is_no_other() -> None:
    head = '<script type="application/ld+json">{"@type": "Article", "datePublished": "2026-02-03"}</script>'
    page = read_page(f"<html><head>{head}</head><body><p>Text</p></body></html>".encode(), "https://x.test/")
    assert page.published == "2026-02-03"


@pytest.mark.parametrize(
    ("href", "link"),
    [
        ("/plain/path?x=1#part", "https://x.test/plain/path?x=1#part"),
        ("/up/../over", "https://x.test/over"),
        ("//other.test/x", "https://other.test/x"),
        ("next", "https://x.test/a/next"),
        (" /spaced ", "https://x.test/spaced"),
        ("?q=2", "https://x.test/a/page?q=2"),
        ("/a/./b", "https://x.test/a/b"),
    ],
)
def test_links_are_absolute(href: str, link: str) -> None:
    html = f'<html><body><main><p>Text <a href="{href}">x</a></p></main></body></html>'
    assert read_page(html.encode(), "https://x.test/a/page").links == [link]


def test_a_page_with_broken_addresses_of_its_own_keeps_its_text_and_links() -> None:
    head = '<base href="http://["><link rel="canonical" href="http://a]/">'
    html = f'<html><head>{head}</head><body><main><p>Text</p><a href="next">n</a></main></body></html>'
    page = read_page(html.encode(), "https://x.test/a/page")
    assert (page.markdown, page.links, page.canonical) == ("Text\n\nn", ["https://x.test/a/next"], "")


def test_links_are_bounded_and_a_page_may_send_on() -> None:
    links = "".join(f'<a href="/{n}">x</a>' for n in range(20_000))
    head = "<meta http-equiv='Refresh' content='0; URL=/next'>"
    page = read_page(f"<html><head>{head}</head><body><main>{links}</main></body></html>".encode(), "https://x.test/a")
    assert page.links[0] == "https://x.test/next"
    assert len(page.links) == 10_000
