"""Where found addresses go: onto the list, or not, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ftui.collect.frontier import Frontier
from ftui.collect.network import PRIVATE_NETWORK, named_network
from ftui.collect.past import Past
from ftui.collect.patterns import Patterns
from ftui.collect.site import LONGEST_ADDRESS, Waiting, site_of, tidied

if TYPE_CHECKING:
    from ftui.collect.crawl import Crawl

_LONGEST_SUBJECT = 200


class Finder:
    """Decides about each address that a page, a sitemap or a redirect names.

    Other sites are passed over without a word. What a person might miss is reported
    once: addresses that robots.txt forbids, that lead into a private network, or that
    are too long to be one.

    Args:
        agent: the name for which robots.txt is read.
        report: takes address and reason of what is left out.
    """

    def __init__(
        self, config: Crawl, frontier: Frontier, past: Past, agent: str, report: Callable[[str, str], None]
    ) -> None:
        self.patterns = Patterns(config.include, config.exclude)
        self.patterns.use(frontier.used)
        self._all_patterns = {*config.include, *config.exclude}
        self._max_depth = config.max_depth
        self._frontier = frontier
        self._past = past
        self._agent = agent
        self._report = report

    def start(self, url: str) -> None:
        """A normalised address that a person named: fetched as it is."""
        if not self._frontier.saw(url):
            self._add(Waiting(url))

    def found(self, url: str, depth: int = 0, via: tuple[str, ...] = ()) -> bool:
        """A normalised address that was found: whether its page is or will be known.

        Args:
            depth: links between it and a start page.
            via: the addresses that were redirected to it.
        """
        if not url:
            return False
        url = tidied(url)
        if self._frontier.saw(url):
            return True
        if self._frontier.site(url) is None:
            if self.leads_inside(url) and self._frontier.leave_out(url):
                self._report(url[:_LONGEST_SUBJECT], PRIVATE_NETWORK)
            return False
        if 0 <= self._max_depth < depth or not (via or self.patterns.wants(url)):
            return False
        if self._past.only and self._past.known(url) is not None:
            self._frontier.pass_over(url)
            return True
        return self._add(Waiting(url, depth, via))

    def may_visit(self, url: str) -> bool:
        """Whether an address is of one of the sites that are crawled."""
        return self._frontier.site(url) is not None

    def leads_inside(self, url: str) -> bool:
        """Whether an address names a private network on which none of the sites is."""
        network = _named_network(site_of(url))
        return bool(network) and all(site.network != network for site in self._frontier.sites.values())

    def used(self) -> set[str]:
        """The patterns that have matched."""
        return self._all_patterns - self.patterns.unused

    def _add(self, page: Waiting) -> bool:
        site = self._frontier.site(page.url)
        if len(page.url) > LONGEST_ADDRESS:
            reason = "address too long"
        elif site is not None and not site.closed and not site.allows(page.url, self._agent):
            reason = "robots.txt"
        else:
            return self._frontier.add(page)
        if self._frontier.leave_out(page.url):
            self._report(page.url if len(page.url) <= LONGEST_ADDRESS else page.url[:_LONGEST_SUBJECT] + "…", reason)
        return False


@lru_cache(maxsize=4096)
def _named_network(site: str) -> str:
    return named_network(urlsplit(f"//{site}").hostname or "")
