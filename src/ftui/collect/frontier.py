"""What a crawl knows: the addresses to fetch, a digest of each one seen, and the counts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ftui.collect.site import Site, site_of

_DIGEST = 8
_COUNTS = ("done", "failed", "skipped", "fetched", "bytes")


class Frontier:
    """The memory of a crawl, small enough to be written down after a page.

    Attributes:
        sites: the sites that may be visited, by `site_of`.
        seeded: whether start addresses and sitemaps are on the list.
        done: pages collected. failed, skipped: addresses settled otherwise.
        fetched: pages asked for and answered, which the limit counts.
        bytes: received, as sent.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.sites: dict[str, Site] = {}
        self.seeded = bool(state.get("seeded", False))
        self.done, self.failed, self.skipped, self.fetched, self.bytes = (int(state.get(n, 0)) for n in _COUNTS)
        packed = base64.b85decode(state.get("seen", ""))
        self._seen = {packed[at : at + _DIGEST] for at in range(0, len(packed), _DIGEST)}
        for url, *via in state.get("pending", ()):
            self.add_site(url).pending.append((url, tuple(via)))

    def add_site(self, url: str) -> Site:
        """Allow visits to the site of `url`."""
        home = "/".join(url.split("/")[:3])
        return self.sites.setdefault(site_of(url), Site(home))

    def site(self, url: str) -> Site | None:
        """The site of an address, None where it may not be visited."""
        return self.sites.get(site_of(url)) if url else None

    def add(self, url: str, via: tuple[str, ...] = ()) -> None:
        """Put a normalised address on the list, unless it was seen or belongs to another site."""
        site = self.site(url)
        mark = hashlib.blake2b(url.encode("utf-8", "replace"), digest_size=_DIGEST).digest()
        if site is not None and mark not in self._seen:
            self._seen.add(mark)
            site.pending.append((url, via))

    @property
    def known(self) -> int:
        return len(self._seen)

    @property
    def waiting(self) -> int:
        return sum(len(site.pending) for site in self.sites.values())

    def to_state(self, running: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, Any]:
        """JSON from which `Frontier` goes on; what is `running` or held back goes first."""
        pending = [[url, *via] for url, via in running]
        for site in self.sites.values():
            pending += [[url, *via] for url, via, _ in site.held]
            pending += [[url, *via] for url, via in site.pending]
        return {
            "seeded": self.seeded,
            "pending": pending,
            "seen": base64.b85encode(b"".join(self._seen)).decode("ascii"),
            **{name: getattr(self, name) for name in _COUNTS},
        }
