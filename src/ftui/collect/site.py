"""One web site as a guest sees it: what robots.txt allows, how fast, and its sitemaps."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit
from xml.etree import ElementTree

from ftui.errors import FtuiError

if TYPE_CHECKING:
    from protego import Protego

MOST_RUNNING = 32
"""Requests of one crawl at the same time, over all sites."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LARGEST_SITEMAP = 50 * 2**20


def normalise(url: str, base: str = "") -> str:
    """An address as the key of its page, without fragment; "" when it is not a web address."""
    try:
        parts = urlsplit(urldefrag(urljoin(base, url.strip())).url)
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _DEFAULT_PORTS or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))


def site_of(url: str) -> str:
    """The site an address belongs to: its host and port, `www.` and the scheme aside."""
    return urlsplit(url).netloc.removeprefix("www.")


@dataclass(slots=True)
class Site:
    """The state of one site during one crawl.

    Attributes:
        home: scheme and host of the first address seen of it.
        pending: addresses to fetch, each with those that were redirected to it.
        running: fetches under way.
        delay: seconds between two requests.
        closed: why no page of it is fetched at all, or None.
        closed_reason: the same for the list of failures.
        held: (address, redirected from, reason) of pages in a row that it refused or did not answer.
        sitemaps: the addresses that its robots.txt names.
    """

    home: str
    pending: deque[tuple[str, tuple[str, ...]]] = field(default_factory=deque)
    running: int = 0
    delay: float = 0.0
    closed: FtuiError | None = None
    closed_reason: str = ""
    held: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)
    sitemaps: tuple[str, ...] = ()
    _robots: Protego | None = None
    _next: float = 0.0

    def read_robots(self, text: str, agent: str, delay: float) -> None:
        """Take over the rules of a robots.txt; the longer delay of site and person counts."""
        from protego import Protego

        self._robots = Protego.parse(text)
        self.delay = max(delay, float(self._robots.crawl_delay(agent) or 0.0))
        self.sitemaps = tuple(self._robots.sitemaps)

    def allows(self, url: str, agent: str) -> bool:
        return self._robots is None or bool(self._robots.can_fetch(url, agent))

    async def turn(self) -> None:
        """Wait until the next request may be sent."""
        now = time.monotonic()
        moment = max(now, self._next)
        self._next = moment + self.delay
        if moment > now:
            await asyncio.sleep(moment - now)

    def pause(self, seconds: float) -> None:
        """Send nothing for a while, because the site asked for it."""
        self._next = max(self._next, time.monotonic() + seconds)


def read_sitemap(body: bytes) -> tuple[list[str], list[str]]:
    """The addresses of a sitemap: (pages, further sitemaps). Accepts gzip.

    Raises:
        ValueError: it is not a sitemap.
    """
    if body.startswith(b"\x1f\x8b"):
        try:
            body = zlib.decompressobj(31).decompress(body, _LARGEST_SITEMAP)
        except zlib.error as error:
            raise ValueError("broken compression") from error
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise ValueError("not XML") from error
    found: dict[str, list[str]] = {"url": [], "sitemap": []}
    for entry in root:
        kind = _local(entry)
        if kind in found:
            found[kind] += [child.text.strip() for child in entry if _local(child) == "loc" and child.text]
    return found["url"], found["sitemap"]


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
