"""The workings of a crawl: what is under way, and what is left to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ftui.collect.fetch import Fetcher, NotFetched
from ftui.collect.finder import Finder
from ftui.collect.frontier import Frontier, Outcome
from ftui.collect.http import status_reason
from ftui.collect.outcome import MOST_REDIRECTS, Fetched, conditions, settle
from ftui.collect.past import Past
from ftui.collect.readers import Readers
from ftui.collect.site import MOST_RUNNING, Site, Waiting, normalise, site_of
from ftui.collect.sitemap import LARGEST_SITEMAP, read_sitemap
from ftui.errors import FtuiError, InputError, ServiceError
from ftui.events import Batch, Entry, Event, Failure, Note, Progress, Record, Result

if TYPE_CHECKING:
    from ftui.collect.crawl import Crawl

MOST_SITEMAPS = 50
_LARGEST_ROBOTS = 500 * 2**10
_REFUSALS_TO_STOP = 5
_LONGEST_DELAY = 3600.0
_BETWEEN_PROGRESS = 0.2


@dataclass(frozen=True, slots=True)
class Visit:
    """One fetch under way."""

    site: Site
    page: Waiting


class Crawler:
    """One crawl while it runs.

    Attributes:
        frontier: what is known, and the counts.
        finder: where found addresses go.
        tasks: the fetches under way.
        stopped: why no more is fetched, or None.
    """

    def __init__(self, config: Crawl, fetcher: Fetcher, readers: Readers, past: Past) -> None:
        self.config = config
        self.past = past
        self.stopped: FtuiError | None = None
        self.tasks: dict[asyncio.Task[Fetched], Visit] = {}
        self._fetcher = fetcher
        self._readers = readers
        self._agent = config.user_agent.split("/")[0]
        self._sitemap = config.sitemap if config.sitemap != "none" else ""
        self._rows: list[Record | Failure] = []
        self._text = ""
        self._reason = ""
        self._paid = 0
        self._progressed = 0.0
        self.frontier = self._new_frontier()
        self._anew = False
        ledger = list(past.ledger)
        last = max((at for at, entry in enumerate(ledger) if entry.get("anew")), default=-1)
        self.frontier.replay(ledger[max(last, 0) :])
        if self.frontier.seeded and not (self.frontier.waiting or self.frontier.done or self.frontier.unchanged):
            # It came to its end with nothing: begin anew, or it would do so again at once.
            self.frontier, self._anew = self._new_frontier(), True
        self.finder = Finder(config, self.frontier, past, self._agent, self._left_out)

    def _new_frontier(self) -> Frontier:
        frontier = Frontier(20 * self.config.max_pages + 10_000)
        for url in (*self.config.start, self._sitemap):
            if url:
                frontier.add_site(url)
        return frontier

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
        """No robots.txt (4xx) allows everything, one that cannot be had (5xx, no answer) forbids it: RFC 9309."""
        address = f"{site.home}/robots.txt"
        try:
            answer = await self._fetcher.get(
                site, address, most=_LARGEST_ROBOTS, redirects=MOST_REDIRECTS, anywhere=True
            )
            if answer.status >= 500:
                raise NotFetched(status_reason(answer.status), True)
        except NotFetched as error:
            site.closed, site.closed_reason = error.as_error(site.home), error.reason
            return
        text = answer.body.decode("utf-8", "replace").replace("\0", "") if answer.status == 200 else ""
        site.read_robots(text, self._agent, self.config.delay)
        if site.delay > _LONGEST_DELAY:
            asked = f"{site.delay:g} s between two pages"
            site.closed = ServiceError(f"{site.home} asks for {asked}", "so says its robots.txt", "Ask its owner")
            site.closed_reason = f"robots.txt: {asked}"

    async def seed(self) -> AsyncIterator[Event]:
        """Put the start addresses and those of the sitemaps on the list."""
        again = [url for subject in self.past.only if (url := normalise(subject))]
        waiting = [self._sitemap] if self._sitemap else []
        if not self.config.sitemap:
            waiting = [url for site in self.frontier.sites.values() for url in site.sitemaps]
        if self.past.only:
            waiting = [url for url in again if url in waiting or url.split("?")[0].endswith((".xml", ".xml.gz"))]
        for url in again if self.past.only else self.config.start:
            if url not in waiting:
                self.finder.start(url)
        for event in self.flush():
            yield event
        waiting += self.frontier.further
        while waiting and len(self.frontier.sitemaps) < MOST_SITEMAPS:
            if self.frontier.waiting >= self.config.max_pages:
                break
            url = normalise(waiting.pop(0))
            site = self.frontier.site(url)
            if site is None or site.closed or url in self.frontier.sitemaps:
                continue
            waiting += await self._read_sitemap(site, url)
            for event in self.flush():
                yield event
        self.frontier.seed()
        for event in self.flush():
            yield event

    async def _read_sitemap(self, site: Site, url: str) -> list[str]:
        further: list[str] = []
        problem, size = "", 0
        try:
            answer = await self._fetcher.get(site, url, most=LARGEST_SITEMAP, redirects=MOST_REDIRECTS)
        except NotFetched as error:
            problem = error.reason
        else:
            size = answer.size
            problem = answer.reason or ("" if answer.status == 200 else status_reason(answer.status))
            if answer.body:
                found = await asyncio.to_thread(read_sitemap, answer.body)
                further, problem = found.further, problem or found.problem
                for page in found.pages:
                    self.finder.found(normalise(page))
        if problem:
            self._rows.append(Failure(url, f"sitemap: {problem}"))
            self._reason = problem
        self.frontier.sitemap(url, further, failed=bool(problem), size=size)
        return further

    def start_fetches(self) -> None:
        """Send as many requests as politeness and the limit allow."""
        deepest = self._deepest()
        for site in self.frontier.sites.values():
            while site.pending and not self.stopped:
                if site.closed:
                    self._fail(site.pending.popleft(), site.closed_reason, "closed")
                    continue
                if self._room() <= 0 or site.running >= self.config.concurrency or site.pending[0].depth > deepest:
                    break
                page = site.pending.popleft()
                site.running += 1
                self.tasks[asyncio.create_task(self._fetch(site, page))] = Visit(site, page)

    def _room(self) -> int:
        """Requests that may be sent now."""
        pages = self.config.max_pages - self.frontier.fetched
        if self.config.unlocker:
            pages = min(pages, self.config.requests_at_most() - self.frontier.paid)
        return min(pages, MOST_RUNNING) - len(self.tasks)

    def _deepest(self) -> float:
        """The depth up to which pages may be fetched now.

        Where a limit holds, one depth is finished before the next one begins: so the
        depth of each page is the shortest way to it, whichever answer comes first.
        """
        if self.config.max_depth < 0:
            return float("inf")
        depths = [site.pending[0].depth for site in self.frontier.sites.values() if site.pending and not site.closed]
        return min([*depths, *(visit.page.depth for visit in self.tasks.values())], default=0)

    async def _fetch(self, site: Site, page: Waiting) -> Fetched:
        known = self.past.known(page.url)
        headers = {} if self.config.unlocker else conditions(known)
        answer = await self._fetcher.get(site, page.url, html_only=True, headers=headers)
        if answer.status == 304 and headers:
            return Fetched(answer, None, known)
        if answer.status != 200 or answer.reason:
            return Fetched(answer, None, None)
        return Fetched(answer, await self._readers.read(answer.body, page.url, answer.charset), known)

    def settle(self, task: asyncio.Task[Fetched]) -> None:
        """Take over what a finished fetch says, and where it leads."""
        visit = self.tasks.pop(task)
        visit.site.running -= 1
        self._text = visit.page.url
        try:
            fetched = task.result()
        except NotFetched as error:
            self._settle_refusal(visit, error)
            return
        # The site answers again, so the pages held back have failed by themselves.
        self._release(visit.site)
        answer = fetched.answer
        settled = settle(visit.page, fetched, self.finder, self.config)
        self.frontier.settle(visit.page, settled.outcome, answer.size)
        if settled.record is not None:
            self._rows.append(settled.record)
        elif settled.reason:
            self._reason = settled.reason
            kind: Literal["failed", "skipped"] = "failed" if settled.outcome == "failed" else "skipped"
            self._rows.append(Failure(visit.page.url, settled.reason, kind))

    def _settle_refusal(self, visit: Visit, error: NotFetched) -> None:
        """A page that the site refused: held back until it is clear whether the whole site does."""
        if not error.is_refusal:
            self._fail(visit.page, error.reason)
            return
        visit.site.held.append((visit.page, error.reason))
        if len(visit.site.held) >= _REFUSALS_TO_STOP and self.stopped is None:
            self.stopped = error.as_error(visit.site.home)

    def _release(self, site: Site) -> None:
        for page, reason in site.held:
            self._fail(page, reason)
        site.held.clear()

    def _fail(self, page: Waiting, reason: str, outcome: Outcome = "failed") -> None:
        self._reason = reason
        self._rows.append(Failure(page.url, reason))
        self.frontier.settle(page, outcome)

    def _left_out(self, url: str, reason: str) -> None:
        self._reason = reason
        self._rows.append(Failure(url, reason, kind="skipped"))

    async def abandon(self) -> None:
        """End the fetches that are under way."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def flush(self) -> list[Event]:
        """What was found out since the last time, with its entry for the ledger."""
        self.frontier.pay(self._fetcher.paid - self._paid)
        self._paid = self._fetcher.paid
        self.frontier.use(self.finder.used())
        rows, self._rows = self._rows, []
        events: list[Event] = [*rows] if len(rows) < 2 else [Batch(rows)]
        entry = self.frontier.cut()
        if entry:
            events.append(Entry({"anew": True, **entry} if self._anew else entry))
            self._anew = False
        return events

    def progress(self) -> list[Event]:
        """The progress, when it is time to say it again."""
        now = time.monotonic()
        if now - self._progressed < _BETWEEN_PROGRESS:
            return []
        self._progressed = now
        return [self._progress()]

    def _progress(self) -> Progress:
        """An unchanged page is as good as collected: a later run would stand at nothing to its end otherwise."""
        frontier = self.frontier
        done = frontier.done + frontier.unchanged
        room = max(0, self.config.max_pages - frontier.fetched)
        return Progress(
            done=done,
            total=done + min(frontier.waiting + len(self.tasks), room),
            unit="pages",
            failed=frontier.failed,
            skipped=frontier.skipped - frontier.unchanged,
            bytes=frontier.bytes,
            text=self._text,
            **self._cost(),
        )

    def _cost(self) -> dict[str, float]:
        if not self.config.unlocker:
            return {}
        cost = self.frontier.paid * self.config.price_per_request
        return {"cost": cost, "cost_at_most": self.config.cost_at_most()}

    def finish(self) -> list[Event]:
        """The last events, but for the result."""
        for site in self.frontier.sites.values():
            self._release(site)
        events = [*self.flush(), self._progress()]
        if self.frontier.waiting:
            more = "more than " if self.frontier.overflow else ""
            limit = f"The limit of {self.config.max_pages:,} pages is reached"
            events.append(Note(f"{limit}; {more}{self.frontier.waiting:,} more are known"))
        events += [Note(f"No address matched {pattern}", "warn") for pattern in sorted(self.finder.patterns.unused)]
        return events

    def result(self) -> Result:
        """What came of it.

        Raises:
            FtuiError: no page was collected.
        """
        frontier = self.frontier
        sites = list(frontier.sites.values())
        closed = next((site.closed for site in sites if site.closed), None)
        if frontier.done + frontier.unchanged == 0 and (closed or not self.past.only):
            raise closed or InputError(
                f"No page was collected from {', '.join(site_of(f'{site.home}/') for site in sites[:3])}",
                f"{frontier.failed} failed and {frontier.skipped} were left out, the last because of: {self._reason}",
                "Check the address in a browser, then start it again",
            )
        names = ("done", "failed", "skipped", "unchanged", "bytes", "waiting")
        counts: dict[str, float] = {name: getattr(frontier, name) for name in names}
        if self.config.unlocker:
            counts["cost"] = frontier.paid * self.config.price_per_request
        return Result(counts)
