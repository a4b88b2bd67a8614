"""Files that are one record each: saved web pages, Markdown and plain text.

Their fields are those of a crawled page, so that the same recipe makes pairs of them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ftui.collect.page import NO_TEXT, has_text, read_page
from ftui.collect.read_bytes import Stream
from ftui.collect.read_json import Row

_SAVED_FROM = re.compile(rb"<!--\s*saved from url=\(\d+\)(https?://[^\s>]+)", re.IGNORECASE)
_CANONICAL = re.compile(
    rb"<link\b(?=[^>]*\brel=[\"']?canonical\b)[^>]*\bhref=[\"']?(https?://[^\s\"'>]+)", re.IGNORECASE
)
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_TITLE = re.compile(r"^title[ \t]*:[ \t]*[\"']?(.+?)[\"']?[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)


def read_html(stream: Stream) -> Iterator[Row]:
    """The main text of a saved page; `url` where the page says what it is a copy of.

    Raises:
        NotData, Cut, OSError: see `Stream.whole`.
    """
    body = stream.whole()
    saved = _SAVED_FROM.search(body[:4096]) or _CANONICAL.search(body[: 256 * 1024])
    url = html.unescape(saved[1].decode("utf-8", "replace")) if saved else ""
    try:
        page = read_page(body, url)
    except Exception:  # A broken page can fail in any way that Python can, and is the only one that does.
        yield 0, None, "a page that cannot be taken apart"
        return
    if not has_text(page.markdown):
        yield 0, None, NO_TEXT
        return
    data = {
        "markdown": page.markdown,
        "title": page.title or stream.stem,
        "description": page.description,
        "lang": page.lang,
        "jsonld": page.jsonld,
    }
    yield 0, data | ({"url": url} if url else {}), ""


def read_markdown(stream: Stream) -> Iterator[Row]:
    """The text, without its front matter, which is kept beside it."""
    text = _text(stream)
    front = _FRONT_MATTER.match(text)
    body = text[front.end() :].strip() if front else text
    if not body:
        yield 0, None, NO_TEXT
        return
    title = (front and _TITLE.search(front[1])) or _HEADING.search(body)
    data = {"markdown": body, "title": title[1] if title else stream.stem}
    yield 0, data | ({"front_matter": front[1]} if front else {}), ""


def read_text(stream: Stream) -> Iterator[Row]:
    """The text; its file gives the title."""
    text = _text(stream)
    yield (0, {"markdown": text, "title": stream.stem}, "") if text else (0, None, NO_TEXT)


def _text(stream: Stream) -> str:
    text = stream.whole().decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
