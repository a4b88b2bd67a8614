"""One web page: its text as Markdown, and what it says about itself.

trafilatura finds the main text. It was made for articles, and product and help
pages hold shapes on which it loses text, each seen on real layouts: answers in
bare `<div>`s, definition lists (FAQ, data sheets), headings outside of an
`<article>`, accordion buttons inside headings. `_tidy` rewrites these shapes
into the ones that trafilatura keeps; nothing else is decided here.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import orjson

_BLOCKS = "article blockquote details div dl figure form h1 h2 h3 h4 h5 h6 hr li ol p pre section table ul"
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_MAIN = "//main | //article | //*[@role='main']"
_HAS_BLOCK = " or ".join(f"self::{tag}" for tag in _BLOCKS.split())
_META_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([a-zA-Z0-9_.:-]+)""", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Page:
    """What a page holds.

    Attributes:
        markdown: the main text, headings and lists kept; "" when there is none.
        title: the `<title>`, or the first heading.
        description: the page's own summary, or "".
        lang: the language the page declares, or "".
        jsonld: every JSON-LD object, `@graph` opened.
        links: absolute addresses of all links, in order, without repeats.
    """

    markdown: str
    title: str
    description: str
    lang: str
    jsonld: list[Any]
    links: list[str]


def decode(body: bytes, charset: str = "") -> str:
    """The text of an HTML body; never fails, broken bytes become U+FFFD.

    Args:
        charset: what the HTTP header says, or "". A byte order mark wins over it,
            it wins over what the page says, and a guess comes last.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    declared = _META_CHARSET.search(body[:4096])
    for name in (charset, declared.group(1).decode("ascii") if declared else ""):
        try:
            return body.decode(name or "utf-8", "replace" if name else "strict")
        except (LookupError, UnicodeDecodeError):
            continue
    from trafilatura.utils import decode_file

    return decode_file(body)


def read_page(body: bytes, url: str, charset: str = "") -> Page:
    """Take a page apart. Takes milliseconds of processor time: call it in a thread.

    Args:
        body: the bytes as they came, content encoding undone.
        url: where they came from, after redirects.
        charset: the charset of the HTTP header, or "".
    """
    import trafilatura

    tree: Any = trafilatura.load_html(decode(body, charset))
    if tree is None:
        return Page("", "", "", "", [], [])
    title = _first(tree, "//head/title//text()") or _first(tree, "//h1//text()")
    description = _first(tree, "//meta[@name='description' or @property='og:description']/@content")
    lang = _first(tree, "/html/@lang")
    jsonld, links = list(_jsonld(tree)), _links(tree, url)
    _tidy(tree)
    text = trafilatura.extract(
        tree,
        output_format="markdown",
        include_comments=False,
        include_formatting=True,
        include_tables=True,
        # Anything but precision gives up the headings of a page below 250 characters.
        favor_precision=True,
    )
    return Page((text or "").strip(), title, description, lang, jsonld, links)


def _first(tree: Any, path: str) -> str:
    """The first text that `path` finds, spaces folded."""
    return next((clean for found in tree.xpath(path) if (clean := " ".join(str(found).split()))), "")


def _links(tree: Any, url: str) -> list[str]:
    base = urljoin(url, _first(tree, "//base/@href"))
    found: dict[str, None] = {}
    for href in tree.xpath("//a/@href | //area/@href"):
        try:
            found[urljoin(base, str(href).strip())] = None
        except ValueError:  # `http://[` and its like
            continue
    return list(found)


def _jsonld(tree: Any) -> Iterator[Any]:
    for script in tree.xpath("//script[translate(@type, 'LDJSON', 'ldjson')='application/ld+json']"):
        try:
            # The way through orjson refuses what no store takes: NaN, half a surrogate pair.
            value = orjson.loads(orjson.dumps(json.loads(script.text_content(), strict=False)))
        except (TypeError, ValueError, RecursionError):
            continue
        for item in value if isinstance(value, list) else [value]:
            graph = item.get("@graph") if isinstance(item, dict) else None
            yield from graph if isinstance(graph, list) else [item]


def _tidy(tree: Any) -> None:
    """Rewrite, in place, the shapes on which text would be lost (see the module)."""
    body = tree.find("body")
    if body is None:
        return
    if not body.xpath(_MAIN):
        # Without a main part every paragraph stands alone and headings are dropped.
        for furniture in body.xpath("(.//header | .//nav | .//footer | .//aside)[not(ancestor::section)]"):
            furniture.drop_tree()
        main = body.makeelement("main")
        main.text, body.text = body.text, None
        main.extend(list(body))
        body.append(main)
    for header in body.xpath("(.//main | .//article | .//*[@role='main'])//header"):
        header.tag = "div"
    for button in body.xpath(" | ".join(f".//{tag}//button" for tag in _HEADINGS)):
        button.drop_tag()
    for definitions in body.xpath(".//dl"):
        _tidy_definitions(definitions)
    for div in body.xpath(f".//div[normalize-space(.) and not(descendant::*[{_HAS_BLOCK}])]"):
        div.tag = "p"


def _tidy_definitions(definitions: Any) -> None:
    """Questions become headings with their answers below, properties a list of `term: value`."""
    for wrapper in definitions.xpath("./div"):
        wrapper.drop_tag()
    terms = definitions.findall("dt")
    if any(term.text_content().rstrip().endswith("?") for term in terms):
        for term in terms:
            term.tag = "h3"
        for answer in definitions.findall("dd"):
            answer.tag = "div"
        definitions.tag = "div"
        return
    for term in terms:
        value = term.getnext()
        if value is not None and value.tag == "dd":
            value.text = f"{' '.join(term.text_content().split())}: {(value.text or '').lstrip()}"
            term.drop_tree()
    for item in definitions.xpath("./dt | ./dd"):
        item.tag = "li"
    definitions.tag = "ul"
