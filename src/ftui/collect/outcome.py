"""What an answer means: a record, a failure, or nothing new; and which addresses it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftui.collect.fetch import Answer
from ftui.collect.finder import Finder
from ftui.collect.frontier import Outcome
from ftui.collect.http import now_iso, status_reason
from ftui.collect.network import PRIVATE_NETWORK
from ftui.collect.page import NO_TEXT, has_text
from ftui.collect.site import Waiting, normalise, tidied
from ftui.events import Record

if TYPE_CHECKING:
    from ftui.collect.crawl import Crawl

MOST_REDIRECTS = 5
_LONGEST_TITLE = 200
# What changes at each visit and says nothing of the page.
_OF_THE_VISIT = frozenset({"fetched_at", "etag", "last_modified", "status"})
_REFUSING = ("noindex", "noai", "none")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one fetch.

    Attributes:
        page: the fields of a `page.Page`, None where none was read.
        known: the data of the record that an earlier run made of it, or None.
    """

    answer: Answer
    page: Mapping[str, Any] | None
    known: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Settled:
    """How an address ended: with a record, or for a reason ("" when a redirect goes on from it)."""

    outcome: Outcome
    reason: str = ""
    record: Record | None = None


def settle(page: Waiting, fetched: Fetched, finder: Finder, config: Crawl) -> Settled:
    """What a fetch means; the addresses it leads to are given to `finder`."""
    answer = fetched.answer
    if answer.location:
        return _redirected(page, answer.location, finder)
    if answer.status == 304 and fetched.known is not None:
        _follow(page, fetched.known.get("links"), finder, config)
        return Settled("unchanged", "unchanged")
    if fetched.page is None:
        reason = answer.reason or ("unreadable page" if answer.status == 200 else status_reason(answer.status))
        return Settled("skipped" if answer.skipped else "failed", reason)
    return _read(page, fetched.page, fetched, finder, config)


def _redirected(page: Waiting, location: str, finder: Finder) -> Settled:
    target = normalise(location, page.url)
    if not target:
        return Settled("failed", "redirect to no web address")
    if not finder.may_visit(target):
        return Settled("skipped", PRIVATE_NETWORK if finder.leads_inside(target) else "redirect to another site")
    if finder.patterns.excludes(target):
        return Settled("skipped", "redirect to an excluded address")
    if target in (page.url, *page.via):
        return Settled("failed", "redirect loop")
    if len(page.via) >= MOST_REDIRECTS:
        return Settled("failed", "too many redirects")
    finder.found(target, page.depth, (*page.via, page.url))
    return Settled("moved")


def _read(page: Waiting, found: Mapping[str, Any], fetched: Fetched, finder: Finder, config: Crawl) -> Settled:
    answer = fetched.answer
    # `X-Robots-Tag: name: noindex` is for a crawler of that name.
    header = {word.strip() for word in answer.robots.split(",")}
    links = [] if header & {"nofollow", "none"} else found["links"]
    _follow(page, links, finder, config)
    refused = next((word for word in _REFUSING if word in header or word in found["robots"]), "")
    if refused:
        return Settled("skipped", "noindex" if refused == "none" else refused)
    canonical = tidied(found["canonical"])
    if _is_twin(canonical, page.url) and finder.found(canonical, page.depth):
        return Settled("skipped", "canonical address is another")
    if not has_text(found["markdown"]):
        return Settled("failed", NO_TEXT)
    data = {
        "markdown": found["markdown"],
        "title": found["title"],
        "description": found["description"],
        "lang": found["lang"],
        "published": found["published"],
        "canonical": found["canonical"],
        "meta": found["meta"],
        "jsonld": found["jsonld"],
        "links": links,
        "status": answer.status,
        "etag": answer.etag,
        "last_modified": answer.modified,
        "fetched_at": now_iso(),
    }
    if fetched.known is not None and _same(data, fetched.known):
        return Settled("unchanged", "unchanged")
    return Settled("done", record=Record(key=page.url, url=page.url, title=found["title"][:_LONGEST_TITLE], data=data))


def _follow(page: Waiting, links: Any, finder: Finder, config: Crawl) -> None:
    if config.follow_links and isinstance(links, list):
        for link in links:
            finder.found(normalise(link), page.depth + 1)


def _is_twin(canonical: str, url: str) -> bool:
    """Whether a page names another address of its own that differs in the query alone.

    A site that names its home page on every page, a common mistake, loses nothing so.
    """
    return canonical != tidied(url) and canonical.partition("?")[0] == url.partition("?")[0]


def _same(data: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    return all(known.get(name) == value for name, value in data.items() if name not in _OF_THE_VISIT)


def conditions(known: Mapping[str, Any] | None) -> dict[str, str]:
    """The headers that ask for a page only if it has changed since its record was made."""
    if known is None or not isinstance(known.get("links"), list):
        return {}
    headers = {}
    for header, name in (("If-None-Match", "etag"), ("If-Modified-Since", "last_modified")):
        value = known.get(name)
        if isinstance(value, str) and value and value.isascii() and value.isprintable():
            headers[header] = value
    return headers
