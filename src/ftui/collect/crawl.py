"""A crawl: from start addresses or a sitemap to the text of the pages of the same sites.

Every page becomes a `Record` whose data are `markdown title description lang jsonld
links status fetched_at`. A checkpoint holds the addresses still to fetch and a short
digest of each one seen, and comes after every page of a small site, after every few of
a large one; what was under way when a crawl was cut off is fetched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ftui.collect import fields
from ftui.collect.fetch import Answer, Fetcher, NotFetched
from ftui.collect.frontier import Frontier
from ftui.collect.http import USER_AGENT, is_loopback, now_iso, status_reason
from ftui.collect.page import Page, read_page
from ftui.collect.site import Site, normalise, read_sitemap, site_of
from ftui.errors import FtuiError, InputError
from ftui.events import Checkpoint, Event, Failure, Note, Progress, Record, Result

_MOST_RUNNING = 32
_MOST_REDIRECTS = 5
_MOST_SITEMAPS = 50
_REFUSALS_TO_STOP = 5


@dataclass(frozen=True)
class Crawl(fields.Settings):
    """What to crawl and how politely.

    Attributes:
        start: addresses to begin with.
        sitemap: "robots" for those that robots.txt names, the address of one, or "" for none.
        follow_links: whether links to pages of the same sites are followed.
        limit: pages at most.
        concurrency: requests to one site at the same time.
        delay: seconds between two requests to one site; a longer Crawl-delay of the site counts.
        timeout: seconds that one page may take.
        retries: how often a page is asked for again after 429, 5xx or no answer.
        backoff: seconds before the first of these, doubled each time.
        user_agent: how the crawler names itself; robots.txt is read for the word before the slash.
    """

    start: tuple[str, ...] = ()
    sitemap: str = "robots"
    follow_links: bool = True
    limit: int = 500
    concurrency: int = 4
    delay: float = 0.0
    timeout: float = 20.0
    retries: int = 3
    backoff: float = 0.5
    user_agent: str = USER_AGENT

    def __post_init__(self) -> None:
        self._set("start", tuple(_address(url) for url in fields.texts("start", self.start)))
        sitemap = fields.text("sitemap", self.sitemap)
        self._set("sitemap", sitemap if sitemap in ("", "robots") else _address(sitemap))
        if not self.start and self.sitemap in ("", "robots"):
            raise InputError("There is nothing to crawl", "no start address and no sitemap", "Give an address")
        fields.flag("follow_links", self.follow_links)
        fields.whole("limit", self.limit, 1, 1_000_000)
        fields.whole("concurrency", self.concurrency, 1, _MOST_RUNNING)
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
        return f"crawl of {hosts[0]}{more}, at most {self.limit:,} pages"


def _address(url: str) -> str:
    scheme = "http://" if is_loopback(f"//{url}") else "https://"
    address = normalise(url if "://" in url else scheme + url)
    if not address:
        raise InputError(f"{url!r} is not a web address", "it needs http:// or https:// and a host", "Correct it")
    return address


async def crawl(config: Crawl, *, state: Mapping[str, Any] | None = None) -> AsyncGenerator[Event, None]:
    """Fetch pages and yield what they hold.

    Args:
        state: the last checkpoint of a crawl that was cut off, to go on from there.

    Raises:
        NetworkError: no site answered, or one stopped to answer.
        ServiceError: a site refuses to be read.
        InputError: not one page had any text.
    """
    async with Fetcher(config.timeout, config.retries, config.backoff, config.user_agent) as fetcher:
        run = _Run(config, fetcher, Frontier(state or {}))
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


@dataclass(frozen=True, slots=True)
class _Visit:
    """One fetch under way."""

    site: Site
    url: str
    via: tuple[str, ...]


class _Run:
    """One crawl: what is under way, and what each answer means."""

    def __init__(self, config: Crawl, fetcher: Fetcher, frontier: Frontier) -> None:
        self.config = config
        self.fetcher = fetcher
        self.frontier = frontier
        self.tasks: dict[asyncio.Task[tuple[Answer, Page | None]], _Visit] = {}
        self.stopped: FtuiError | None = None
        self._agent = config.user_agent.split("/")[0]
        self._since_checkpoint = 0
        self._text = ""
        self._reason = ""
        explicit = () if config.sitemap in ("", "robots") else (config.sitemap,)
        for url in (*config.start, *explicit):
            frontier.add_site(url)

    async def open_sites(self) -> list[Event]:
        """Read the robots.txt of every site."""
        sites = list(self.frontier.sites.values())
        await asyncio.gather(*(self._open(site) for site in sites))
        return [
            Note(f"{site.home} asks for {site.delay:g} s between two pages")
            for site in sites
            if site.delay > self.config.delay
        ]

    async def _open(self, site: Site) -> None:
        try:
            answer = await self.fetcher.get(site, f"{site.home}/robots.txt", redirects=_MOST_REDIRECTS)
        except NotFetched as error:
            site.closed, site.closed_reason = error.as_error(site.home), error.reason
            return
        site.read_robots(
            answer.body.decode("utf-8", "replace") if answer.status == 200 else "", self._agent, self.config.delay
        )

    async def seed(self) -> list[Event]:
        """Put the start addresses and those of the sitemaps on the list."""
        for url in self.config.start:
            self.frontier.add(url)
        events: list[Event] = []
        waiting = [] if self.config.sitemap in ("", "robots") else [self.config.sitemap]
        if self.config.sitemap == "robots":
            waiting = [url for site in self.frontier.sites.values() for url in site.sitemaps]
        read: set[str] = set()
        while waiting and len(read) < _MOST_SITEMAPS:
            url = normalise(waiting.pop(0))
            site = self.frontier.site(url)
            if site is None or site.closed or url in read:
                continue
            read.add(url)
            try:
                answer = await self.fetcher.get(site, url, redirects=_MOST_REDIRECTS)
                if answer.status != 200:
                    raise ValueError(status_reason(answer.status))
                pages, further = read_sitemap(answer.body)
            except (NotFetched, ValueError) as error:
                events.append(Failure(url, f"sitemap: {error}"))
                self.frontier.failed += 1
                continue
            waiting += further
            for page in pages:
                self.frontier.add(normalise(page))
        self.frontier.seeded = True
        return events

    def start_fetches(self) -> list[Event]:
        """Send as many requests as politeness and the limit allow."""
        events: list[Event] = []
        for site in self.frontier.sites.values():
            while site.pending and not self.stopped:
                room = min(self.config.limit - self.frontier.fetched, _MOST_RUNNING) - len(self.tasks)
                if not site.closed and (room <= 0 or site.running >= self.config.concurrency):
                    break
                url, via = site.pending.popleft()
                if site.closed:
                    events.append(self._fail(url, site.closed_reason))
                elif not site.allows(url, self._agent):
                    events.append(self._skip(url, "robots.txt"))
                else:
                    site.running += 1
                    task = asyncio.create_task(self._visit(site, url))
                    self.tasks[task] = _Visit(site, url, via)
        return events

    async def _visit(self, site: Site, url: str) -> tuple[Answer, Page | None]:
        answer = await self.fetcher.get(site, url, html_only=True)
        if answer.status != 200 or answer.reason:
            return answer, None
        try:
            return answer, await asyncio.to_thread(read_page, answer.body, url, answer.charset)
        except Exception:  # a page can be broken in ways that neither lxml nor trafilatura foresees
            return replace(answer, reason="unreadable page"), None

    def settle(self, task: asyncio.Task[tuple[Answer, Page | None]]) -> list[Event]:
        """What a finished fetch says, and where it leads."""
        visit = self.tasks.pop(task)
        visit.site.running -= 1
        self._since_checkpoint += 1
        self._text = visit.url
        try:
            answer, page = task.result()
        except NotFetched as error:
            return self._settle_refusal(visit, error)
        # The site answers again, so the pages held back have failed by themselves.
        events: list[Event] = [self._fail(url, reason) for url, _, reason in visit.site.held]
        visit.site.held.clear()
        self.frontier.bytes += answer.size
        if answer.location:
            return [*events, *self._settle_redirect(visit, answer.location)]
        self.frontier.fetched += 1
        if page is None:
            settle = self._skip if answer.skipped else self._fail
            return [*events, settle(visit.url, answer.reason or status_reason(answer.status))]
        return [*events, self._settle_page(visit, answer, page)]

    def _settle_page(self, visit: _Visit, answer: Answer, page: Page) -> Event:
        if self.config.follow_links:
            for link in page.links:
                self.frontier.add(normalise(link))
        if not any(line.strip() and not line.startswith("#") for line in page.markdown.splitlines()):
            return self._fail(visit.url, "no text on page")
        self.frontier.done += 1
        data = {
            "markdown": page.markdown,
            "title": page.title,
            "description": page.description,
            "lang": page.lang,
            "jsonld": page.jsonld,
            "links": page.links,
            "status": answer.status,
            "fetched_at": now_iso(),
        }
        return Record(key=visit.url, url=visit.url, title=page.title, data=data)

    def _settle_redirect(self, visit: _Visit, location: str) -> list[Event]:
        target = normalise(location, visit.url)
        if target and self.frontier.site(target) is None:
            return [self._skip(visit.url, "redirect to another site")]
        if not target:
            return [self._fail(visit.url, "redirect to no web address")]
        if target in (visit.url, *visit.via):
            return [self._fail(visit.url, "redirect loop")]
        if len(visit.via) >= _MOST_REDIRECTS:
            return [self._fail(visit.url, "too many redirects")]
        self.frontier.add(target, (*visit.via, visit.url))
        return []

    def _settle_refusal(self, visit: _Visit, error: NotFetched) -> list[Event]:
        """A page that the site refused: held back until it is clear whether the whole site does."""
        site = visit.site
        if not error.is_refusal:
            self.frontier.fetched += 1
            return [self._fail(visit.url, error.reason)]
        site.held.append((visit.url, visit.via, error.reason))
        if len(site.held) >= _REFUSALS_TO_STOP and self.stopped is None:
            self.stopped = error.as_error(site.home)
        return []

    def _fail(self, url: str, reason: str) -> Failure:
        self.frontier.failed += 1
        self._reason = reason
        return Failure(url, reason)

    def _skip(self, url: str, reason: str) -> Failure:
        self.frontier.skipped += 1
        self._reason = reason
        return Failure(url, reason, kind="skipped")

    @property
    def checkpoint_is_due(self) -> bool:
        """A checkpoint names every address seen: often on a small site, rarely on a large one."""
        return self._since_checkpoint >= 1 + self.frontier.known // 200

    def checkpoint(self) -> Checkpoint:
        self._since_checkpoint = 0
        return Checkpoint(self.frontier.to_state([(visit.url, visit.via) for visit in self.tasks.values()]))

    def progress(self) -> Progress:
        frontier = self.frontier
        left = min(frontier.waiting + len(self.tasks), max(0, self.config.limit - frontier.fetched))
        return Progress(
            done=frontier.done,
            total=frontier.done + left,
            unit="pages",
            failed=frontier.failed,
            skipped=frontier.skipped,
            bytes=frontier.bytes,
            text=self._text,
        )

    def finish(self) -> list[Event]:
        """The last events.

        Raises:
            FtuiError: no page was collected.
        """
        frontier = self.frontier
        events: list[Event] = []
        for site in frontier.sites.values():
            events += [self._fail(url, reason) for url, _, reason in site.held]
            site.held.clear()
        if frontier.done == 0:
            raise next((site.closed for site in frontier.sites.values() if site.closed), None) or InputError(
                f"No page was collected from {', '.join(site_of(url) for url in self._homes())}",
                f"{frontier.failed} failed and {frontier.skipped} were left out, the last because of: {self._reason}",
                "Check the address in a browser, then start it again",
            )
        if frontier.waiting:
            events.append(
                Note(f"The limit of {self.config.limit:,} pages is reached; {frontier.waiting:,} more are known")
            )
        counts = {name: getattr(frontier, name) for name in ("done", "failed", "skipped", "bytes", "waiting")}
        return [*events, self.progress(), self.checkpoint(), Result(counts)]

    def _homes(self) -> list[str]:
        return [site.home for site in self.frontier.sites.values()][:3]
