"""What a crawl knows: the addresses to fetch, those seen, the counts, and what the ledger says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ftui.collect.site import Site, Waiting, site_of, tidied

Outcome = Literal["done", "failed", "skipped", "unchanged", "moved", "closed"]
"""How an address was settled; "closed": not asked for, since its site may not be visited."""


class Frontier:
    """The memory of a crawl. Every change is noted for the ledger, from which it can be built again.

    An entry of the ledger holds, as far as there are any, the addresses `settled`
    (address, outcome, bytes), those that are `new` (address, depth, addresses redirected
    to it), those `left_out`, the `sitemaps` read, `further` ones to read, the patterns
    `used` and the requests `paid`.

    Args:
        most: addresses that are remembered; what is found after that is left.

    Attributes:
        sites: the sites that may be visited, by `site_of`.
        seeded: whether start addresses and sitemaps are on the list.
        done: pages collected. failed, skipped: addresses settled otherwise, the `unchanged` being skipped.
        fetched: pages asked for and answered, which the limit counts.
        bytes: received, as sent.
        paid: requests charged for.
        sitemaps: addresses of the sitemaps read. further: those found in them.
        used: patterns that have matched.
        overflow: addresses found when no more were remembered.
    """

    def __init__(self, most: int) -> None:
        self.sites: dict[str, Site] = {}
        self.seeded = False
        self.done = self.failed = self.skipped = self.unchanged = self.fetched = self.bytes = self.paid = 0
        self.sitemaps: set[str] = set()
        self.further: list[str] = []
        self.used: set[str] = set()
        self.overflow = 0
        self._most = most
        self._seen: set[int] = set()
        self._entry: dict[str, Any] = {}

    def add_site(self, url: str) -> Site:
        """Allow visits to the site of `url`."""
        home = "/".join(url.split("/")[:3])
        return self.sites.setdefault(site_of(url), Site(home))

    def site(self, url: str) -> Site | None:
        """The site of an address, None where it may not be visited."""
        return self.sites.get(site_of(url)) if url else None

    def saw(self, url: str) -> bool:
        """Whether an address is known already, with its parameters in any order."""
        return hash(tidied(url)) in self._seen

    def add(self, page: Waiting) -> bool:
        """Put a new address on the list; False when there is no room for it."""
        if len(self._seen) >= self._most:
            self.overflow += 1
            return False
        self._note("new", [page.url, page.depth, *page.via])
        self._seen.add(hash(tidied(page.url)))
        pending = self.sites[site_of(page.url)].pending
        # The target of a redirect is as deep as its origin, and goes before what lies deeper.
        if pending and pending[-1].depth > page.depth:
            pending.appendleft(page)
        else:
            pending.append(page)
        return True

    def leave_out(self, url: str) -> bool:
        """Note an address that is not to be fetched; False when there is no room for it."""
        if len(self._seen) >= self._most:
            self.overflow += 1
            return False
        self._note("left_out", url)
        self._seen.add(hash(tidied(url)))
        self.skipped += 1
        return True

    def pass_over(self, url: str) -> None:
        """Remember, for this run of the crawl alone, an address that needs no second look."""
        self._seen.add(hash(tidied(url)))

    def settle(self, page: Waiting, outcome: Outcome, size: int = 0) -> None:
        """Note how an address that was on the list ended."""
        self._note("settled", [page.url, outcome, size])
        self._count(outcome, size)

    def sitemap(self, url: str, further: Iterable[str], *, failed: bool, size: int) -> None:
        """Note a sitemap that was read, and the sitemaps it names."""
        self._note("sitemaps", [url, failed, size])
        self._count_sitemap(url, failed, size)
        for address in further:
            self._note("further", address)
            self.further.append(address)

    def use(self, patterns: Iterable[str]) -> None:
        """Note patterns that have matched."""
        for pattern in patterns:
            if pattern not in self.used:
                self._note("used", pattern)
                self.used.add(pattern)

    def pay(self, requests: int) -> None:
        """Note requests that were charged for."""
        if requests:
            self._entry["paid"] = self._entry.get("paid", 0) + requests
            self.paid += requests

    def seed(self) -> None:
        """Note that start addresses and sitemaps are on the list."""
        self._entry["seeded"] = True
        self.seeded = True

    def cut(self) -> dict[str, Any]:
        """The entry for all that was noted since the one before, {} for nothing."""
        entry, self._entry = self._entry, {}
        return entry

    def replay(self, ledger: Iterable[Mapping[str, Any]]) -> None:
        """Become what the frontier was after the last of these entries; its sites must be known."""
        open_: dict[str, Waiting] = {}
        for entry in ledger:
            for url, depth, *via in entry.get("new", ()):
                self._seen.add(hash(tidied(url)))
                open_[url] = Waiting(url, depth, tuple(via))
            for url, outcome, size in entry.get("settled", ()):
                open_.pop(url, None)
                self._count(outcome, size)
            for url in entry.get("left_out", ()):
                self._seen.add(hash(tidied(url)))
                self.skipped += 1
            for sitemap in entry.get("sitemaps", ()):
                self._count_sitemap(*sitemap)
            self.further += entry.get("further", ())
            self.used.update(entry.get("used", ()))
            self.paid += entry.get("paid", 0)
            self.seeded = self.seeded or bool(entry.get("seeded"))
        for page in sorted(open_.values(), key=lambda page: page.depth):
            site = self.site(page.url)
            if site is not None:
                site.pending.append(page)

    @property
    def waiting(self) -> int:
        return sum(len(site.pending) for site in self.sites.values())

    def _count(self, outcome: str, size: int) -> None:
        self.bytes += size
        self.done += outcome == "done"
        self.failed += outcome in ("failed", "closed")
        self.skipped += outcome in ("skipped", "unchanged")
        self.unchanged += outcome == "unchanged"
        self.fetched += outcome not in ("moved", "closed")

    def _count_sitemap(self, url: str, failed: bool, size: int) -> None:
        self.sitemaps.add(url)
        self.failed += failed
        self.bytes += size

    def _note(self, kind: str, value: Any) -> None:
        self._entry.setdefault(kind, []).append(value)
