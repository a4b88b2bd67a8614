"""A crawl: from start addresses or a sitemap to the text of the pages of the same sites.

Every page becomes a `Record` whose data are `markdown title description lang published
canonical meta jsonld links status etag last_modified fetched_at`. Every page that is
settled is in the ledger together with the addresses it led to; what was under way when
a crawl was cut off, and nothing else, is fetched again.

A guest's manners: robots.txt, Crawl-delay, Request-rate and Retry-After are obeyed. A
page marked `noindex` or `noai` is not kept, its links are followed; links marked
`nofollow` are not. A page that names another address for itself (`rel=canonical`) which
differs in the query alone is left for that one. On a later run a page is asked for only
if it has changed, as far as its site can tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from ftui.collect import fields
from ftui.collect.brightdata_api import BASE_URL
from ftui.collect.crawler import MOST_SITEMAPS, Crawler
from ftui.collect.fetch import Fetcher
from ftui.collect.http import USER_AGENT, is_loopback
from ftui.collect.past import NOTHING, Past
from ftui.collect.patterns import normal_pattern
from ftui.collect.readers import Readers
from ftui.collect.site import MOST_RUNNING, normalise
from ftui.collect.unlocker import Unlocker
from ftui.errors import CredentialError, InputError, MoneyError
from ftui.events import Event, Result


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
        include: patterns such as `/docs/*`: only found pages that match one are fetched, () for all.
        exclude: found pages that match one of these are not fetched.
        max_depth: links to follow from a start page or the page of a sitemap, 0 for none, -1 for no limit.
        unlocker: the Web Unlocker zone at Bright Data through which pages are fetched, "" for plain fetches.
        country: two letters from where the Web Unlocker looks, "" for anywhere.
        price_per_request: US dollars for one successful request of the Web Unlocker.
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
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_depth: int = -1
    unlocker: str = ""
    country: str = ""
    price_per_request: float = 0.0

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
        for name in ("include", "exclude"):
            patterns = fields.texts(name, getattr(self, name))
            self._set(name, tuple(dict.fromkeys(normal_pattern(pattern) for pattern in patterns)))
        fields.whole("max_depth", self.max_depth, -1, 1000)
        self._set("unlocker", fields.text("unlocker", self.unlocker))
        self._set("country", fields.text("country", self.country).lower())
        if self.country and not (len(self.country) == 2 and self.country.isascii() and self.country.isalpha()):
            raise InputError(f"{self.country!r} is no country", "it takes two letters, such as de", "Correct it")
        self._set("price_per_request", fields.number("price_per_request", self.price_per_request, 0, 10))

    def requests_at_most(self) -> int:
        """Requests that one collection sends successfully: pages, robots.txt and sitemaps."""
        sitemaps = 0 if self.sitemap == "none" else MOST_SITEMAPS
        return self.max_pages + len(self.start) + 1 + sitemaps

    def cost_at_most(self) -> float:
        """US dollars that one collection can cost.

        Raises:
            MoneyError: the price of the Web Unlocker is not known.
        """
        if not self.unlocker:
            return 0.0
        if not self.price_per_request:
            raise MoneyError(
                "The price of the Web Unlocker is not known",
                "Bright Data names it for your zone and plan",
                "Give `price_per_request` in US dollars",
            )
        return self.requests_at_most() * self.price_per_request

    def name(self) -> str:
        """What to call the source: its sites."""
        hosts = list(dict.fromkeys(urlsplit(url).netloc for url in self.start or (self.sitemap,)))
        return f"{hosts[0]} and {len(hosts) - 1} more" if len(hosts) > 1 else hosts[0]

    def describe(self) -> str:
        """One line for lists."""
        through = f" through {self.unlocker}" if self.unlocker else ""
        return f"crawl of {self.name()}{through}, at most {self.max_pages:,} pages"


def _address(url: str) -> str:
    scheme = "http://" if is_loopback(f"//{url}") else "https://"
    address = normalise(url if "://" in url else scheme + url)
    if not address:
        raise InputError(f"{url!r} is not a web address", "it needs http:// or https:// and a host", "Correct it")
    return address


async def crawl(
    config: Crawl, past: Past = NOTHING, *, token: str = "", base_url: str = BASE_URL
) -> AsyncGenerator[Event, None]:
    """Fetch pages and yield what they hold.

    Args:
        past: its ledger, to go on after a crawl that was cut off; the records of earlier
            ones; and, with `only`, the addresses to try again: these are fetched, and
            what they link to without having a record.
        token: the key for the Web Unlocker, which is used where the settings name a zone.
        base_url: the address that this key was saved for.

    Raises:
        NetworkError: no site answered, or one stopped to answer.
        ServiceError: a site refuses to be read.
        InputError: not one page had any text; or the zone of the Web Unlocker is refused.
        CredentialError: the key of the Web Unlocker is missing or refused.
    """
    async with AsyncExitStack() as stack:
        fetcher = await stack.enter_async_context(_fetcher(config, token, base_url))
        readers = await stack.enter_async_context(Readers((config.concurrency + 1) // 2))
        run = Crawler(config, fetcher, readers, past)
        stack.push_async_callback(run.abandon)
        for event in await run.open_sites():
            yield event
        if not run.frontier.seeded:
            async for event in run.seed():
                yield event
        run.start_fetches()
        while run.tasks:
            finished, _ = await asyncio.wait(run.tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                run.settle(task)
            # In the ledger before more is asked for: a kill repeats the requests under way and no other.
            for event in (*run.flush(), *run.progress()):
                yield event
            run.start_fetches()
            if run.stopped:
                raise run.stopped
        for event in run.finish():
            yield event
        yield run.result()


def bill(config: Crawl, past: Past) -> Result:
    """What a crawl through the Web Unlocker has cost that a person has stopped.

    Requests that were under way then may be charged: they are counted.
    """
    requests = sum(entry.get("paid", 0) for entry in past.ledger) + config.concurrency
    return Result({"cost": min(requests * config.price_per_request, config.cost_at_most())})


def _fetcher(config: Crawl, token: str, base_url: str) -> Fetcher:
    if not config.unlocker:
        return Fetcher(config.timeout, config.retries, config.backoff, config.user_agent)
    if not token:
        raise CredentialError(
            "There is no key for Bright Data", "the Web Unlocker needs one", "Save it in Connect, then start it again"
        )
    return Unlocker(
        config.unlocker,
        config.country,
        token,
        base_url,
        timeout=config.timeout,
        retries=config.retries,
        backoff=config.backoff,
    )
