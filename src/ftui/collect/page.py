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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from ftui.collect.site import normalise

_BLOCKS = "article blockquote details div dl figure form h1 h2 h3 h4 h5 h6 hr li ol p pre section table ul"
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_MAIN = "//main | //article | //*[@role='main']"
_HAS_BLOCK = " or ".join(f"self::{tag}" for tag in _BLOCKS.split())
_REFRESH = re.compile(r"""url\s*=\s*["']?([^"'\s]+)""", re.IGNORECASE)
# Needs no more than the site in front of it, and most links are like that.
_PLAIN_PATH = re.compile(r"/(?![/.])(?:(?!/\.)[!-;=?-~])*\Z")
_META_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([a-zA-Z0-9_.:-]+)""", re.IGNORECASE)
# What a page says of itself beyond its description: names, or how they begin.
_META = ("og:", "article:", "product:", "author", "keywords", "date", "dc.", "dcterms.", "citation_")
_MOST_META = 60
_LONGEST_META = 1000
_MOST_LINKS = 10_000
_PUBLISHED = ("article:published_time", "datepublished", "date", "dc.date", "dcterms.created", "citation_date")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
NO_TEXT = "no text on page"
"""Why a page of any kind is no record."""
# Pages use characters that the charset they name lacks; browsers read its larger relative.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What a page holds.

    Attributes:
        markdown: the main text, headings and lists kept; "" when there is none.
        title: the `<title>`, or the first heading.
        description: the page's own summary, or "".
        lang: the language the page declares, or "".
        jsonld: every JSON-LD object, `@graph` opened.
        links: absolute addresses of the links that a guest may follow, in order, without
            repeats, at most 10,000.
        published: the date the page gives for itself, as it is written there, or "".
        canonical: the address that the page prefers for itself, or "".
        meta: what else it says about itself (OpenGraph, author, dates), by name in lower case.
        robots: the words of its robots tags, in lower case ("noindex", "noai").
    """

    markdown: str = ""
    title: str = ""
    description: str = ""
    lang: str = ""
    jsonld: list[Any] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    published: str = ""
    canonical: str = ""
    meta: dict[str, str] = field(default_factory=dict)
    robots: list[str] = field(default_factory=list)


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
            codec = codecs.lookup(name or "utf-8").name
            return body.decode(_WIDER.get(codec, codec), "replace" if name else "strict")
        except (LookupError, UnicodeError):
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

    # XML knows no NUL, and libxml2 ends there.
    tree: Any = trafilatura.load_html(decode(body, charset).replace("\0", ""))
    if tree is None:
        return Page()
    meta = _meta(tree)
    robots = sorted({word.strip() for word in meta.get("robots", "").lower().split(",") if word.strip()})
    page = Page(
        title=_first(tree, "//head/title//text()") or _first(tree, "//h1//text()"),
        description=meta.get("description", "") or meta.get("og:description", ""),
        lang=_first(tree, "/html/@lang"),
        jsonld=(jsonld := list(_jsonld(tree))),
        links=[] if {"nofollow", "none"} & set(robots) else _links(tree, url),
        published=_published(meta, jsonld),
        canonical=normalise(_first(tree, "//head/link[@rel='canonical']/@href"), url),
        meta={name: text for name, text in meta.items() if name.startswith(_META)},
        robots=robots,
    )
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
    return replace(page, markdown=(text or "").strip())


def has_text(markdown: str) -> bool:
    """Whether there is more than headings."""
    return any(line.strip() and not line.startswith("#") for line in markdown.splitlines())


def _first(tree: Any, path: str) -> str:
    """The first text that `path` finds, spaces folded."""
    return next((clean for found in tree.xpath(path) if (clean := " ".join(str(found).split()))), "")


def _meta(tree: Any) -> dict[str, str]:
    """The first text for each name of a `<meta>`, names in lower case."""
    found: dict[str, str] = {}
    for element in tree.iter("meta"):
        name = (element.get("name") or element.get("property") or element.get("itemprop") or "").strip().lower()
        text = " ".join((element.get("content") or "").split())[:_LONGEST_META]
        if name and text:
            found.setdefault(name, text)
            if len(found) >= _MOST_META:
                break
    return found


def _published(meta: Mapping[str, str], jsonld: list[Any]) -> str:
    for name in _PUBLISHED:
        if name in meta:
            return meta[name]
    dates = (item.get("datePublished") for item in jsonld if isinstance(item, dict))
    return next((date for date in dates if isinstance(date, str)), "")


def _links(tree: Any, url: str) -> list[str]:
    base = normalise(_first(tree, "//base/@href"), url) or url
    parts = urlsplit(base)
    root = f"{parts.scheme}://{parts.netloc}"
    found: dict[str, None] = {}
    for element in tree.iter("a", "area", "meta"):
        href = element.get("href") if element.tag != "meta" else _refresh(element)
        if href is None or "nofollow" in (element.get("rel") or ""):
            continue
        if len(found) >= _MOST_LINKS:
            break
        if _PLAIN_PATH.match(href):
            found[root + href] = None
            continue
        try:
            found[urljoin(base, href.strip())] = None
        except ValueError:  # `http://[` and its like
            continue
    return list(found)


def _refresh(element: Any) -> str | None:
    """Where a page sends its reader on by itself (`<meta http-equiv="refresh">`)."""
    if (element.get("http-equiv") or "").lower() != "refresh":
        return None
    found = _REFRESH.search(element.get("content") or "")
    return found.group(1) if found else None


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
