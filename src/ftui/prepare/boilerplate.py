"""What stands on many pages of a site and says nothing about any of them.

Two passes over the records: `Boilerplate.add` counts, `Boilerplate.strip` leaves out, and what
it leaves out hangs on nothing but what was counted. A passage is a line or a sentence. Short
ones are left out only where several in a row repeat at the top or the end of a page, as menus
do: "Colour: black" may stand on every second page and is a fact all the same. A section that
repeats as a whole, its heading included, is a fact that is told on many pages: the first page
keeps it.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

FIELDS = ("markdown", "description", "about", "text", "body", "content")
"""The running texts of a record; nothing else of it is counted or changed."""

LEAST_PAGES = 5
_MENU = 3
"""So many short lines in a row are a menu."""
_COUNTED = 300_000
_NAMED = 50
# It begins with one set of characters, and is four times as fast as two sets with "or" between them.
_END = re.compile(r"[.!?…。！？।؟](?:(?<=[。！？।؟])|\s+)")


class Said(NamedTuple):
    """What one page says, in hashes, which are the same in this process and its forks alone.

    Attributes:
        page: id of the record.
        sections: that have a heading, each as a whole.
    """

    site: str
    page: Any
    passages: Collection[int]
    sections: Collection[int]


class Told(NamedTuple):
    """What some pages say, as it goes from process to process: in a few large pieces, since there are very many.

    Attributes:
        sizes: of each page: how many passages, how many sections; 4 bytes each.
        keys: the passages and then the sections of each page, 8 bytes each.
    """

    sites: list[str]
    pages: list[Any]
    sizes: bytes
    keys: bytes


def told(said: Iterable[Said]) -> Told:
    sizes, keys = array("I"), array("q")
    sites, pages = list[str](), list[Any]()
    for site, page, passages, sections in said:
        sites.append(site)
        pages.append(page)
        sizes.append(len(passages))
        sizes.append(len(sections))
        keys.extend(passages)
        keys.extend(sections)
    return Told(sites, pages, sizes.tobytes(), keys.tobytes())


def heard(told: Told) -> Iterator[Said]:
    """What each page says, once more."""
    sizes, keys = memoryview(told.sizes).cast("I"), memoryview(told.keys).cast("q")
    start = 0
    for site, page, passages, sections in zip(told.sites, told.pages, sizes[::2], sizes[1::2], strict=True):
        middle, end = start + passages, start + passages + sections
        yield Said(site, page, keys[start:middle], keys[middle:end])
        start = end


Learnt = tuple[dict[int, int], dict[int, Any], dict[str, int]]
"""What was counted, as far as it matters."""
Noted = tuple[str, tuple[str, int]]
"""A passage that was left out, its site, and on how many pages it stands."""


class Boilerplate:
    """The passages of each site with the number of its pages they stand on.

    Memory is bounded: where there are more different passages than can be counted, the
    rarest so far are forgotten. That loses only what stands on few pages far apart.

    Args:
        share: of the pages of a site on which a passage has to stand.
        tidy: done to a text before anything is counted or left out.
        counted: different passages that are counted at most.
    """

    def __init__(self, share: float, tidy: Callable[[str], str] = str, counted: int = _COUNTED) -> None:
        self._share = share
        self._tidy = tidy
        self._most = counted
        self._counts: dict[int, int] = {}
        self._pages: dict[str, int] = {}
        self._tellers: dict[int, Any] = {}
        self._left_out: dict[str, tuple[str, int]] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count the passages of one record; each is counted once a page."""
        if (said := self.said(record)) is not None:
            self.count(said)

    def said(self, record: Mapping[str, Any]) -> Said | None:
        """What there is to count of one record, None for nothing. Nothing is counted yet."""
        texts = _texts(record, self._tidy)
        if not texts:
            return None
        site = _site(record)
        passages = frozenset([hash((site, passage)) for text in texts.values() for passage in _passages(text)])
        sections = frozenset([hash((site, *each)) for text in texts.values() for each in _whole_sections(text)])
        return Said(site, record.get("id"), passages, sections)

    def count(self, said: Said) -> None:
        """Count what one record says."""
        self._pages[said.site] = self._pages.get(said.site, 0) + 1
        counts = self._counts
        for key in said.passages:
            counts[key] = counts.get(key, 0) + 1
        for key in said.sections:
            counts[key] = counts.get(key, 0) + 1
            self._tellers.setdefault(key, said.page)
        if len(counts) > self._most:
            self._forget()

    def settle(self) -> Learnt:
        """Everything has been counted: what stands on too few pages to matter is forgotten. Gives the rest."""
        self._counts = {key: count for key, count in self._counts.items() if count >= LEAST_PAGES}
        self._tellers = {key: page for key, page in self._tellers.items() if key in self._counts}
        self._pages = {site: pages for site, pages in self._pages.items() if pages >= LEAST_PAGES}
        return self._counts, self._tellers, self._pages

    def recall(self, learnt: Learnt) -> None:
        """Know what another one has counted."""
        self._counts, self._tellers, self._pages = learnt

    def strip(self, record: Mapping[str, Any]) -> dict[str, str]:
        """The running texts of a record that change, without what is boilerplate.

        A text of which nothing would be left stays: it is a page that is there many times,
        which is for the search for duplicates.
        """
        site = _site(record)
        least = max(LEAST_PAGES, math.ceil(self._share * self._pages.get(site, 0)))
        if self._pages.get(site, 0) < LEAST_PAGES:
            return {}
        changed, told = dict[str, str](), set[int]()
        for name, text in _texts(record, self._tidy).items():
            shorter = self._shorter(site, text, least, record.get("id"), told)
            if shorter != text and any(not line.startswith("#") for line in shorter.split("\n") if line.strip()):
                changed[name] = shorter
        return changed

    def left_out(self) -> Iterator[tuple[str, str, int]]:
        """A site, a passage that was left out there, and on how many pages it stands; at most 50."""
        for passage, (site, pages) in self._left_out.items():
            yield site, passage, pages

    def noted(self, after: int = 0) -> list[Noted]:
        """What `left_out` tells beyond the first `after`, to be handed to `note` elsewhere."""
        return list(islice(self._left_out.items(), after, None))

    def note(self, noted: Iterable[Noted]) -> None:
        """Take over what another one has left out."""
        for passage, where in noted:
            if len(self._left_out) < _NAMED:
                self._left_out.setdefault(passage, where)

    def _forget(self) -> None:
        least = 2
        while len(self._counts) > self._most // 2:
            self._counts = {key: count for key, count in self._counts.items() if count >= least}
            least *= 2
        self._tellers = {key: page for key, page in self._tellers.items() if key in self._counts}

    def _repeats(self, site: str, passage: str, least: int) -> bool:
        return self._counts.get(hash((site, passage)), 0) >= least

    def _shorter(self, site: str, text: str, least: int, page: Any, told: set[int]) -> str:
        lines = text.split("\n")
        if len(lines) == 1:
            return self._without_sentences(site, text, least)
        kept = list[str]()
        for heading, body in _sections(lines):
            whole = _whole(heading, body)
            if not whole or not all(self._repeats(site, line, least) for line in whole):
                kept += self._section(site, heading, body, least)
                continue
            key = hash((site, *whole))
            if key in told or self._tellers.get(key, page) != page:
                self._note(site, f"{whole[0]} {whole[1]}", whole[0])
            else:
                told.add(key)
                kept += [heading, *body]
        return "\n".join(kept)

    def _section(self, site: str, heading: str, body: list[str], least: int) -> list[str]:
        """The lines of a section that stay."""
        menu = self._menu(site, body, least)
        kept = [heading] if heading else []
        for place, line in enumerate(body):
            stripped = line.strip()
            if place in menu or (_is_long(stripped) and self._repeats(site, stripped, least)):
                self._note(site, stripped, stripped)
            else:
                kept.append(self._without_sentences(site, line, least))
        return kept

    def _menu(self, site: str, body: list[str], least: int) -> set[int]:
        """Places of the repeated short lines with which a section begins or ends."""
        places = [place for place, line in enumerate(body) if line.strip()]
        found = set[int]()
        for ordered in (places, places[::-1]):
            run = list[int]()
            for place in ordered:
                if not self._repeats(site, body[place].strip(), least):
                    break
                run.append(place)
            if len(run) >= _MENU:
                found.update(run)
        return found

    def _without_sentences(self, site: str, line: str, least: int) -> str:
        sentences = _sentences(line)
        if len(sentences) < 2:
            return line
        repeated = [each for each in sentences if _is_long(each) and self._repeats(site, each, least)]
        for each in repeated:
            self._note(site, each, each)
            line = line.replace(each, "", 1)
        return line.rstrip() if repeated else line

    def _note(self, site: str, passage: str, counted: str) -> None:
        if passage and passage not in self._left_out and len(self._left_out) < _NAMED:
            self._left_out[passage] = (site, self._counts.get(hash((site, counted)), 0))


def _texts(record: Mapping[str, Any], tidy: Callable[[str], str]) -> dict[str, str]:
    data = record.get("data")
    if not isinstance(data, Mapping):
        return {}
    return {name: tidy(text) for name in FIELDS if isinstance(text := data.get(name), str) and text}


def _site(record: Mapping[str, Any]) -> str:
    """The host of a record's address, and its source where it has none."""
    # Not urlsplit: it would take as long as all the rest.
    parts = str(record.get("url") or "").split("/", 3)
    return (len(parts) > 2 and parts[0].endswith(":") and parts[2]) or f"source {record.get('source')}"


def source_of(site: str) -> int | None:
    """The number of the source of which a site is the name, None for a host."""
    number = site.removeprefix("source ")
    return int(number) if number != site and number.isdecimal() else None


def _passages(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        line = line.strip()
        if line:
            yield line
            sentences = _sentences(line)
            if len(sentences) > 1:
                yield from filter(_is_long, sentences)


def _sentences(line: str) -> list[str]:
    found, start = list[str](), 0
    for match in _END.finditer(line):
        found.append(line[start : match.end()].strip())
        start = match.end()
    if start < len(line):
        found.append(line[start:].strip())
    return found


def _sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    heading, body = "", list[str]()
    for line in lines:
        if line.startswith("#"):
            if heading or body:
                yield heading, body
            heading, body = line, []
        else:
            body.append(line)
    yield heading, body


def _whole_sections(text: str) -> Iterator[list[str]]:
    if "#" in text and "\n" in text:
        for heading, body in _sections(text.split("\n")):
            if whole := _whole(heading, body):
                yield whole


def _whole(heading: str, body: list[str]) -> list[str]:
    """The heading and the lines of a section, [] where it has not both."""
    said = [line.strip() for line in body if line.strip()] if heading else []
    return [heading.strip(), *said] if said else []


def _is_long(passage: str) -> bool:
    """Whether a passage is too long to be the same by chance; a Chinese one says more in less."""
    return len(passage) >= (25 if passage.isascii() or passage[0] < "\u2e80" else 10)
