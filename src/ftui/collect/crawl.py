"""A crawl: from start addresses or a sitemap to the text of the pages of the same sites.

Every page becomes a `Record` whose data are `markdown title description lang jsonld
links status fetched_at`. A checkpoint holds the addresses still to fetch and a short
digest of each one seen, and comes after every page of a small site, after every few of
a large one; what was under way when a crawl was cut off is fetched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ftui.collect import fields
from ftui.collect.crawler import Crawler
from ftui.collect.fetch import Fetcher
from ftui.collect.frontier import Frontier
from ftui.collect.http import USER_AGENT, is_loopback
from ftui.collect.past import NOTHING, Past
from ftui.collect.site import MOST_RUNNING, normalise
from ftui.errors import InputError
from ftui.events import Event


@dataclass(frozen=True)
class Crawl(fields.Settings):
    """What to crawl and how politely.

    Attributes:
        start: addresses to begin with.
        sitemap: the address of one, "" for those that robots.txt names, "none" for none.
        follow_links: whether links to pages of the same sites are followed.
        max_pages: pages at most.
        concurrency: requests to one site at the same time.
        delay: seconds between two requests to one site; a longer Crawl-delay of the site counts.
        timeout: seconds that one page may take.
        retries: how often a page is asked for again after 429, 5xx or no answer.
        backoff: seconds before the first of these, doubled each time.
        user_agent: how the crawler names itself; robots.txt is read for the word before the slash.
    """

    start: tuple[str, ...] = ()
    sitemap: str = ""
    follow_links: bool = True
    max_pages: int = 500
    concurrency: int = 4
    delay: float = 0.0
    timeout: float = 20.0
    retries: int = 3
    backoff: float = 0.5
    user_agent: str = USER_AGENT

    def __post_init__(self) -> None:
        self._set("start", tuple(_address(url) for url in fields.texts("start", self.start)))
        sitemap = fields.text("sitemap", self.sitemap)
        self._set("sitemap", sitemap if sitemap in ("", "none") else _address(sitemap))
        if not self.start and self.sitemap in ("", "none"):
            raise InputError("There is nothing to crawl", "no start address and no sitemap", "Give an address")
        fields.flag("follow_links", self.follow_links)
        fields.whole("max_pages", self.max_pages, 1, 1_000_000)
        fields.whole("concurrency", self.concurrency, 1, MOST_RUNNING)
        self._set("delay", fields.number("delay", self.delay, 0, 3600))
        self._set("timeout", fields.number("timeout", self.timeout, 0.1, 600))
        fields.whole("retries", self.retries, 0, 10)
        self._set("backoff", fields.number("backoff", self.backoff, 0, 60))
        self._set("user_agent", fields.text("user_agent", self.user_agent) or USER_AGENT)

    def describe(self) -> str:
        """One line for lists."""
        sources = self.start or (self.sitemap,)
        hosts = list(dict.fromkeys(urlsplit(url).netloc for url in sources))
        more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
        return f"crawl of {hosts[0]}{more}, at most {self.max_pages:,} pages"


def _address(url: str) -> str:
    scheme = "http://" if is_loopback(f"//{url}") else "https://"
    address = normalise(url if "://" in url else scheme + url)
    if not address:
        raise InputError(f"{url!r} is not a web address", "it needs http:// or https:// and a host", "Correct it")
    return address


async def crawl(config: Crawl, past: Past = NOTHING) -> AsyncGenerator[Event, None]:
    """Fetch pages and yield what they hold.

    Args:
        past: of a crawl that was cut off, to go on from there.

    Raises:
        NetworkError: no site answered, or one stopped to answer.
        ServiceError: a site refuses to be read.
        InputError: not one page had any text.
    """
    state: Mapping[str, Any] = past.state
    if state and not state.get("done") and not state.get("pending"):
        state = {}  # It came to its end with nothing: begin anew, or it would do so again at once.
    async with Fetcher(config.timeout, config.retries, config.backoff, config.user_agent) as fetcher:
        run = Crawler(config, fetcher, Frontier(state))
        try:
            for event in await run.open_sites():
                yield event
            if not run.frontier.seeded:
                for event in await run.seed():
                    yield event
                yield run.checkpoint()
            for event in run.start_fetches():
                yield event
            while run.tasks:
                finished, _ = await asyncio.wait(run.tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    for event in run.settle(task):
                        yield event
                for event in run.start_fetches():
                    yield event
                if run.checkpoint_is_due or run.stopped:
                    yield run.checkpoint()
                yield run.progress()
                if run.stopped:
                    raise run.stopped
            for event in run.finish():
                yield event
        finally:
            for task in run.tasks:
                task.cancel()
            await asyncio.gather(*run.tasks, return_exceptions=True)
