"""Which addresses of a site a person wants: patterns such as `/docs/*`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


class Patterns:
    """Include and exclude patterns of a crawl, and which of them have matched.

    A pattern stands for the whole path, with the query where it has a `?`; `*` is any text.

    Attributes:
        unused: the patterns that no address matched yet.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = [(pattern, _compile(pattern)) for pattern in include]
        self._exclude = [(pattern, _compile(pattern)) for pattern in exclude]
        self.unused = {*include, *exclude}

    def wants(self, url: str) -> bool:
        """Whether a normalised address is to be fetched."""
        return not self.excludes(url) and (not self._include or bool(self._first(self._include, url)))

    def excludes(self, url: str) -> bool:
        """Whether a normalised address is not to be fetched, whatever leads to it."""
        return bool(self._exclude and self._first(self._exclude, url))

    def use(self, patterns: Iterable[str]) -> None:
        """Take note of patterns that matched before the crawl was cut off."""
        self.unused.difference_update(patterns)

    def _first(self, patterns: list[tuple[str, re.Pattern[str]]], url: str) -> str:
        target = url[url.index("/", url.index("//") + 2) :]
        path = target.partition("?")[0]
        for pattern, compiled in patterns:
            if compiled.fullmatch(target if "?" in pattern else path):
                self.unused.discard(pattern)
                return pattern
        return ""


def normal_pattern(pattern: str) -> str:
    """A pattern as it is kept: it begins at the root of the site, and stars do not repeat."""
    pattern = re.sub(r"\*+", "*", pattern)
    return pattern if pattern.startswith(("/", "*")) else f"/{pattern}"


def _compile(pattern: str) -> re.Pattern[str]:
    first, *rest = (re.escape(part) for part in pattern.split("*"))
    if not rest:
        return re.compile(first)
    # Atomic groups: no pattern takes more than one pass over an address.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}")
