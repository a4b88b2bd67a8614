"""Addresses, and one web site as a guest sees it: what robots.txt allows and how fast."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urldefrag, urljoin, urlsplit, urlunsplit

from ftui.errors import FtuiError

if TYPE_CHECKING:
    from protego import Protego

MOST_RUNNING = 32
"""Requests of one crawl at the same time, over all sites."""
LONGEST_ADDRESS = 2000
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f.]*:[0-9a-f:.]*(?:%[a-z0-9._-]+)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = "%/:@!$&'()*+,;=~[]|"
# They say where a visitor came from, and never change the page.
_TRACKING = ("utm_", "gclid", "fbclid", "msclkid", "mc_cid", "mc_eid", "phpsessid", "jsessionid")


def normalise(url: str, base: str = "") -> str:
    """An address as the key of its page, without fragment; "" when it is not a web address.

    Host names beyond ASCII, spaces and the like come out in the form that is sent.
    """
    try:
        return _normalise(urljoin(base, url.strip()) if base else url)
    except ValueError:  # `http://[` and its like
        return ""


@lru_cache(maxsize=8192)
def _normalise(url: str) -> str:
    try:
        parts = urlsplit(urldefrag(url.strip()).url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme not in _DEFAULT_PORTS or not host:
            return ""
        if not host.isascii():
            host = _ascii_host(host)
        elif not _HOST.fullmatch(host):
            # What no host is called, httpx would write in another way, and `fetch` not know whom it asked.
            return ""
    except ValueError:
        return ""
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
    path = quote(parts.path or "/", safe=_SAFE, errors="replace")
    return urlunsplit((parts.scheme, netloc, path, quote(parts.query, safe=_SAFE + "?", errors="replace"), ""))


def _ascii_host(host: str) -> str:
    import httpx

    try:
        return httpx.URL(f"http://{host}/").raw_host.decode("ascii")
    except httpx.InvalidURL as error:
        raise ValueError(host) from error


def tidied(url: str) -> str:
    """A normalised address with its parameters in order and without those that only track a visitor.

    `?b=1&a=2` and `?a=2&b=1` are one page. A query that is not made of `name=value` is left alone.
    """
    head, mark, query = url.partition("?")
    pairs = query.split("&")
    if not mark or not all("=" in pair for pair in pairs):
        return url
    kept = sorted((pair for pair in pairs if not pair.lower().startswith(_TRACKING)), key=lambda p: p.split("=")[0])
    return f"{head}?{'&'.join(kept)}" if kept else head


def site_of(url: str) -> str:
    """The site an address belongs to: its host and port, `www.` and the scheme aside."""
    start = url.find("//") + 2
    end = url.find("/", start)
    return url[start : end if end > 0 else None].partition("?")[0].removeprefix("www.")


class Waiting(NamedTuple):
    """An address to fetch.

    Attributes:
        depth: links between it and a start page.
        via: the addresses that were redirected to it, the first of them first.
    """

    url: str
    depth: int = 0
    via: tuple[str, ...] = ()


@dataclass(slots=True)
class Site:
    """The state of one site during one crawl.

    Attributes:
        home: scheme and host of the first address seen of it.
        pending: addresses to fetch, those of less depth first.
        running: fetches under way.
        delay: seconds between two requests.
        closed: why no page of it is fetched at all, or None.
        closed_reason: the same for the list of failures.
        held: pages in a row that it refused or did not answer, each with the reason.
        sitemaps: the addresses that its robots.txt names.
        network: the private network on which it answered first, "" for the public one,
            None before the first answer.
    """

    home: str
    pending: deque[Waiting] = field(default_factory=deque)
    running: int = 0
    delay: float = 0.0
    closed: FtuiError | None = None
    closed_reason: str = ""
    held: list[tuple[Waiting, str]] = field(default_factory=list)
    sitemaps: tuple[str, ...] = ()
    network: str | None = None
    _robots: Protego | None = None
    _next: float = 0.0
    _paused: float = 0.0

    def read_robots(self, text: str, agent: str, delay: float) -> None:
        """Take over the rules of a robots.txt; the longer delay of site and person counts."""
        from protego import Protego

        self._robots = Protego.parse(text)
        rate = self._robots.request_rate(agent)
        slowest = rate.seconds / rate.requests if rate and rate.requests else 0.0
        self.delay = max(delay, float(self._robots.crawl_delay(agent) or 0.0), float(slowest))
        self.sitemaps = tuple(self._robots.sitemaps)

    def allows(self, url: str, agent: str) -> bool:
        return self._robots is None or bool(self._robots.can_fetch(url, agent))

    async def turn(self) -> None:
        """Wait until the next request may be sent."""
        while True:
            now = time.monotonic()
            moment = max(now, self._next)
            self._next = moment + self.delay
            if moment > now:
                await asyncio.sleep(moment - now)
            # Whoever had a turn before the site asked for a pause takes another one behind it.
            if moment >= self._paused:
                return

    def pause(self, seconds: float) -> None:
        """Send nothing for a while, because the site asked for it."""
        self._paused = max(self._paused, time.monotonic() + seconds)
        self._next = max(self._next, self._paused)
