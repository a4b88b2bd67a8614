"""Sitemaps: XML (also an index of others, RSS and Atom), lines of text, and either of them gzipped."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from xml.etree import ElementTree

LARGEST_SITEMAP = 50 * 2**20
"""Bytes, unpacked: the limit of the sitemap protocol."""
MOST_IN_SITEMAP = 50_000
# The element that holds an address, by the one around it.
_PLACES = {"url": "loc", "sitemap": "loc", "item": "link", "entry": "link"}


@dataclass(slots=True)
class Sitemap:
    """What a sitemap names.

    Attributes:
        pages: addresses of pages, at most 50,000.
        further: addresses of other sitemaps, likewise.
        problem: what is wrong with it, or ""; what stood before that is kept.
    """

    pages: list[str] = field(default_factory=list)
    further: list[str] = field(default_factory=list)
    problem: str = ""


def read_sitemap(body: bytes) -> Sitemap:
    """The addresses in a sitemap; never fails and never unpacks more than 50 MB."""
    found = Sitemap()
    if body.startswith(b"\x1f\x8b"):
        body, found.problem = _unpack(body)
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        found.problem = _read_xml(text, found) or found.problem
    else:
        lines = (line.strip() for line in text.decode("utf-8", "replace").splitlines()[:MOST_IN_SITEMAP])
        found.pages = [line for line in lines if line.startswith(("http://", "https://"))]
    if not (found.pages or found.further or found.problem or text.startswith(b"<")):
        found.problem = "names no address"
    return found


def _unpack(body: bytes) -> tuple[bytes, str]:
    inflate = zlib.decompressobj(31)
    try:
        text = inflate.decompress(body, LARGEST_SITEMAP)
    except zlib.error:
        return b"", "broken compression"
    if inflate.unconsumed_tail:
        return text, "larger than 50 MB"
    return text, "" if inflate.eof else "cut off"


def _read_xml(text: bytes, found: Sitemap) -> str:
    """Fills `found`; gives the problem or ""."""
    address, root = "", None
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(text), ("start", "end")):
            if root is None:
                root = element
            name = str(element.tag).rpartition("}")[2]
            if event == "start":
                address = "" if name in _PLACES else address
                continue
            if name in ("loc", "link") and not address:
                address = (element.text or "").strip() or element.get("href", "").strip()
            if name in _PLACES:
                wanted = found.further if name == "sitemap" else found.pages
                if address:
                    wanted.append(address)
                # The tree would grow to many times the size of the file.
                root.clear()
                if len(wanted) >= MOST_IN_SITEMAP:
                    return f"more than {MOST_IN_SITEMAP:,} addresses"
    except (ElementTree.ParseError, ValueError, LookupError):
        return "cut off or broken" if found.pages or found.further else "not XML"
    return ""
