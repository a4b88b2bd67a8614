"""Pairs that are there already, in the same words or in nearly the same."""

from __future__ import annotations

import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

from ftui.prepare.near import Index, Near
from ftui.prepare.pair import Dropped, Pair, StandIn, text_of

Made = list[Pair | Dropped]
"""All that came of one record."""

NAMED = 20
"""Stand-ins of a pair that are listed one by one; the others are counted."""

_DIGEST_BYTES = 12


@dataclass(frozen=True, slots=True)
class Step:
    """A sign of life: `records` were looked at so far, and nothing is decided on them yet."""

    records: int


class Seen:
    """Remembers pairs by the start of their digest: about 100 bytes each, and no two of 10^9 are mixed up."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, pair: Pair) -> bool:
        """Whether `pair` is new; it is not the next time."""
        digest = bytes.fromhex(pair.digest[: 2 * _DIGEST_BYTES])
        if digest in self._digests:
            return False
        self._digests.add(digest)
        return True


def without_near(made: Iterable[Made], threshold: float, *, numbers: bool, every: int = 0) -> Iterator[Made | Step]:
    """What came of each record, without the facts that nearly say what a better one says.

    All of `made` is looked at before the first of it is given on; meanwhile it lies in a file
    that has no name. A fact is compared with other facts, never with its own wordings. The one
    with fewer flags stays, then the one with the longer answer. Its pairs name those it stands
    for; of the others each is a `Dropped`. The same fact from another record is named as well,
    but its wordings are left to `Seen`: it may have some of its own.

    Args:
        threshold: share of three-word runs in common from which on two facts are near, 0 to 1.
        numbers: whether facts may be near that hold other numbers.
        every: give a `Step` after so many records of the first look; 0 for none.
    """
    with tempfile.TemporaryFile() as file, closing(Index(threshold, numbers=numbers)) as index:
        facts = _Facts(file, index)
        for count, items in enumerate(made, start=1):
            facts.add(items)
            if every and count % every == 0:
                yield Step(count)
        yield from facts.settled()


class _Facts:
    """The facts of all records: what ranks them in memory, the rest in a file."""

    def __init__(self, file: BinaryIO, index: Index) -> None:
        self._file = file
        self._index = index
        self._starts = array("Q")  # of each record in the file
        self._records, self._places = array("I"), array("I")  # of each fact: its record, and which of it
        self._quality, self._content = array("Q"), array("Q")
        self._loaded: tuple[int, Made] = (-1, [])

    def add(self, items: Made) -> None:
        self._starts.append(self._file.tell())
        pickle.dump(items, self._file, pickle.HIGHEST_PROTOCOL)
        for place, pairs in enumerate(_by_fact(items)):
            self._records.append(len(self._starts) - 1)
            self._places.append(place)
            leader = _leader(pairs)
            answer = sum(len(text_of(each)) for each in leader.messages if each["role"] == "assistant")
            self._quality.append(min(len(leader.flags), 255) << 32 | (0xFFFFFFFF - min(answer, 0xFFFFFFFF)))
            self._content.append(int(leader.digest[:16], 16))
            self._index.add(_text(leader))

    def settled(self) -> Iterator[Made]:
        # Sorted twice, since keys of two values would take as much room as all the rest.
        order = sorted(range(len(self._records)), key=self._content.__getitem__)
        order.sort(key=self._quality.__getitem__)
        count = array("I", bytes(4 * len(order)))
        named = dict[int, list[Near]]()
        gone = dict[int, Near]()
        for near in self._index.find(order, lambda fact: _text(self._leader(fact))):
            if self._leader(near.text).fact != self._leader(near.kept).fact:
                gone[near.text] = near
            count[near.kept] += 1
            if count[near.kept] <= NAMED:
                named.setdefault(near.kept, []).append(near)
        fact = 0
        for record in range(len(self._starts)):
            items = self._load(record)
            facts = len(_by_fact(items))
            if any(number in gone or count[number] for number in range(fact, fact + facts)):
                items = list(self._changed(items, fact, gone, count, named))
            fact += facts
            yield items

    def _changed(
        self, items: Made, fact: int, gone: dict[int, Near], count: array[int], named: dict[int, list[Near]]
    ) -> Iterator[Pair | Dropped]:
        """The items of a record, of which `fact` is the first fact, as they are when all is settled."""
        numbers = {id(pair): fact + place for place, pairs in enumerate(_by_fact(items)) for pair in pairs}
        told = set[int]()
        for item in items:
            number = numbers.get(id(item), -1)
            if isinstance(item, Dropped) or (number not in gone and not count[number]):
                yield item
            elif number not in gone:
                stand_ins = tuple(self._stand_in(near) for near in named[number])
                yield replace(item, stands_for=count[number], stand_ins=stand_ins)
            elif number not in told:
                told.add(number)
                yield self._drop(gone[number])

    def _drop(self, near: Near) -> Dropped:
        lost, kept = self._leader(near.text), self._leader(near.kept)
        where = f" ({kept.url})" if kept.url else ""
        detail = f"{_question(lost)} · {near.similarity:.0%} of {_question(kept)}{where}"
        return Dropped(lost.record, lost.url, "near-duplicate", detail)

    def _stand_in(self, near: Near) -> StandIn:
        lost = self._leader(near.text)
        return StandIn(lost.record, lost.url, _question(lost), near.similarity)

    def _leader(self, fact: int) -> Pair:
        return _leader(_by_fact(self._load(self._records[fact]))[self._places[fact]])

    def _load(self, record: int) -> Made:
        if self._loaded[0] != record:
            self._file.seek(self._starts[record])
            # What is read was written here a moment ago, into a file that nobody else can open.
            self._loaded = record, pickle.load(self._file)
        return self._loaded[1]


def _by_fact(items: Made) -> list[list[Pair]]:
    """The pairs of a record, those of one fact together."""
    facts = dict[str, list[Pair]]()
    for item in items:
        if isinstance(item, Pair):
            facts.setdefault(item.fact, []).append(item)
    return list(facts.values())


def _leader(pairs: list[Pair]) -> Pair:
    """The pair that speaks for a fact: the one in the page's own words."""
    return next((pair for pair in pairs if pair.origin.get("phrasing") == "site"), pairs[0])


def _text(pair: Pair) -> str:
    return "\n".join(text_of(each) for each in pair.messages if each["role"] in ("user", "assistant"))


def _question(pair: Pair) -> str:
    return next((text_of(each) for each in reversed(pair.messages) if each["role"] == "user"), "")
