"""The workings of a crawl: what is under way, and what each answer means."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ftui.collect.fetch import Answer, Fetcher, NotFetched
from ftui.collect.frontier import Frontier
from ftui.collect.http import now_iso, status_reason
from ftui.collect.page import Page, read_page
from ftui.collect.site import MOST_RUNNING, Site, normalise, read_sitemap, site_of
from ftui.errors import FtuiError, InputError
from ftui.events import Checkpoint, Event, Failure, Note, Progress, Record, Result

if TYPE_CHECKING:
    from ftui.collect.crawl import Crawl

_MOST_REDIRECTS = 5
_MOST_SITEMAPS = 50
_REFUSALS_TO_STOP = 5


@dataclass(frozen=True, slots=True)
class Visit:
    """One fetch under way."""

    site: Site
    url: str
    via: tuple[str, ...]


class Crawler:
    """One crawl while it runs."""

    def __init__(self, config: Crawl, fetcher: Fetcher, frontier: Frontier) -> None:
        self.config = config
        self.fetcher = fetcher
        self.frontier = frontier
        self.tasks: dict[asyncio.Task[tuple[Answer, Page | None]], Visit] = {}
        self.stopped: FtuiError | None = None
        self._agent = config.user_agent.split("/")[0]
        self._since_checkpoint = 0
        self._text = ""
        self._reason = ""
        self._sitemap = config.sitemap if config.sitemap != "none" else ""
        for url in (*config.start, self._sitemap):
            if url:
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
        waiting = [self._sitemap] if self._sitemap else []
        if not self.config.sitemap:
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
                room = min(self.config.max_pages - self.frontier.fetched, MOST_RUNNING) - len(self.tasks)
                if not site.closed and (room <= 0 or site.running >= self.config.concurrency):
                    break
                url, via = site.pending.popleft()
                if site.closed:
                    events.append(self._fail(url, site.closed_reason))
                elif not site.allows(url, self._agent):
                    events.append(self._skip(url, "robots.txt"))
                else:
                    site.running += 1
                    task = asyncio.create_task(self._fetch(site, url))
                    self.tasks[task] = Visit(site, url, via)
        return events

    async def _fetch(self, site: Site, url: str) -> tuple[Answer, Page | None]:
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

    def _settle_page(self, visit: Visit, answer: Answer, page: Page) -> Event:
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

    def _settle_redirect(self, visit: Visit, location: str) -> list[Event]:
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

    def _settle_refusal(self, visit: Visit, error: NotFetched) -> list[Event]:
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
        left = min(frontier.waiting + len(self.tasks), max(0, self.config.max_pages - frontier.fetched))
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
                Note(f"The limit of {self.config.max_pages:,} pages is reached; {frontier.waiting:,} more are known")
            )
        counts = {name: getattr(frontier, name) for name in ("done", "failed", "skipped", "bytes", "waiting")}
        return [*events, self.progress(), self.checkpoint(), Result(counts)]

    def _homes(self) -> list[str]:
        return [site.home for site in self.frontier.sites.values()][:3]
