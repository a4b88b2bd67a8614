"""Pairs that are there already, in the same words or in nearly the same."""

from __future__ import annotations

import os
import pickle
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from typing import IO, NamedTuple

from ftui.chatfile import text_of
from ftui.prepare.near import Index, Near, Signed, sign
from ftui.prepare.pair import Dropped, Pair, StandIn

Made = list[Pair | Dropped]
"""All that came of one record."""

NAMED = 20
"""Stand-ins of a pair that are listed one by one; the others are counted."""

BLOCK = 2**20
"""Bytes that are read and written at once."""
_LOADED = 8
"""Records that are held because somebody may ask for them again at once."""
_LONGEST = (1 << 24) - 1
_EMPTY = 1 << 16


@dataclass(frozen=True, slots=True)
class Step:
    """A sign of life: `records` were looked at so far, and nothing is decided on them yet.

    Attributes:
        doing: what is being done, for a person.
    """

    records: int
    doing: str = "making pairs"


class Packed(NamedTuple):
    """What came of some records, as it goes from process to process and into a file.

    Attributes:
        made: the items of each record, one after the other.
        sizes: bytes of each record in `made`, 4 bytes each.
        facts: how many facts each record has, 4 bytes each; empty where nobody asks for near-duplicates.
        ranks: of each fact, 8 bytes; the smaller, the better.
        signed: the texts of the facts.
    """

    made: bytes
    sizes: bytes
    facts: bytes = b""
    ranks: bytes = b""
    signed: Signed | None = None


def pack(made: Sequence[Made], near: float) -> Packed:
    """Args:
    near: as in `without_near`; 0 where all facts stay.
    """
    blobs = [pickle.dumps(items, pickle.HIGHEST_PROTOCOL) for items in made]
    sizes = array("I", map(len, blobs)).tobytes()
    if not near:
        return Packed(b"".join(blobs), sizes)
    facts, ranks, texts = array("I"), array("Q"), list[str]()
    for items in made:
        groups = _by_fact(items)
        facts.append(len(groups))
        for pairs in groups:
            leader = _leader(pairs)
            ranks.append(_rank(leader))
            texts.append(_text(leader))
    return Packed(b"".join(blobs), sizes, facts.tobytes(), ranks.tobytes(), sign(texts, near))


def unpack(packed: Packed) -> Iterator[Made]:
    """What came of each record, once more."""
    start = 0
    for size in memoryview(packed.sizes).cast("I"):
        # What is read was written by this program a moment ago, where nobody else could.
        yield pickle.loads(packed.made[start : start + size])
        start += size


class Seen:
    """Remembers pairs by 96 bits of their digest, in 24 to 48 bytes each; no two of 10^9 are mixed up."""

    def __init__(self) -> None:
        # Two numbers a place; a pair is where its digest says, or in the next place that is free.
        self._places = array("Q", bytes(16 * _EMPTY))
        self._room = _room(self._places)

    def add(self, pair: Pair) -> bool:
        """Whether `pair` is new; it is not the next time."""
        if not _put(self._places, int(pair.digest[:16], 16) or 1, int(pair.digest[16:24], 16)):
            return False
        self._room -= 1
        if not self._room:
            self._grow()
        return True

    def _grow(self) -> None:
        places = array("Q", bytes(16 * len(self._places)))
        for first, second in zip(self._places[::2], self._places[1::2], strict=True):
            if first:
                _put(places, first, second)
        self._room = _room(places) - _room(self._places)
        self._places = places


def _room(places: array[int]) -> int:
    """How many pairs may be in it: two thirds of what it could hold."""
    return len(places) // 3


def _put(places: array[int], first: int, second: int) -> bool:
    mask = len(places) - 1
    place = 2 * first & mask
    while there := places[place]:
        if there == first and places[place + 1] == second:
            return False
        place = place + 2 & mask
    places[place], places[place + 1] = first, second
    return True


Tokens = Callable[[Iterable[bytes]], Iterator[bytes | None]]


class Shared(NamedTuple):
    """A file that other processes read as well, to count tokens meanwhile.

    Attributes:
        tokens: counts those of the pairs of some blocks, which is begun at once. Of each block it gets
            where its records begin, and its end, 8 bytes each; and gives the tokens of each pair, 4 bytes
            each. None where the next one takes a while.
    """

    file: IO[bytes]
    tokens: Tokens


def without_near(
    packed: Iterable[Packed | None], threshold: float, *, numbers: bool, shared: Shared | None = None
) -> Iterator[Made | Step]:
    """What came of each record, without the facts that nearly say what a better one says.

    Everything is looked at before the first of it is given on; meanwhile it lies in a file
    that has no name. A fact is compared with other facts, never with its own wordings. The one
    with fewer flags stays, then the one with the longer answer. Its pairs name those it stands
    for; of the others each is a `Dropped`. The same fact from another record is named as well,
    but its wordings are left to `Seen`: it may have some of its own.

    Args:
        packed: None where the next one takes a while.
        threshold: share of three-word runs in common from which on two facts are near, 0 to 1.
            What is packed was packed with the same one.
        numbers: whether facts may be near that hold other numbers.
        shared: where what is packed lies meanwhile; None for a file of one's own, and to count no tokens.
    """
    with (
        nullcontext(shared.file) if shared else tempfile.TemporaryFile(buffering=BLOCK) as file,
        closing(Index(threshold, numbers=numbers)) as index,
    ):
        facts = _Facts(file, index)
        for some in packed:
            if some is not None:
                facts.add(some)
            yield Step(facts.records)
        yield from facts.settled(shared.tokens if shared else None)


class _Facts:
    """The facts of all records: what ranks them in memory, the rest in a file."""

    def __init__(self, file: IO[bytes], index: Index) -> None:
        self._file = file
        self._index = index
        self._starts = array("Q", [0])  # of each record in the file, and the end
        self._records, self._places = array("I"), array("I")  # of each fact: its record, and which of it
        self._ranks = array("Q")
        self._leader = lru_cache(maxsize=_LOADED)(self._read)

    @property
    def records(self) -> int:
        return len(self._starts) - 1

    def add(self, packed: Packed) -> None:
        assert packed.signed is not None
        self._file.write(packed.made)
        facts = memoryview(packed.facts).cast("I")
        self._places.extend([place for count in facts for place in range(count)])
        self._records.extend([record for record, count in enumerate(facts, self.records) for _ in range(count)])
        sizes = memoryview(packed.sizes).cast("I")
        self._starts.extend(islice(accumulate(sizes, initial=self._starts[-1]), 1, None))
        self._ranks.frombytes(packed.ranks)
        self._index.extend(packed.signed)

    def settled(self, count_tokens: Tokens | None) -> Iterator[Made | Step]:
        self._file.flush()
        # Begun now, since from here on only one process has something to do.
        tokens = count_tokens(each.tobytes() for each in self._blocks()) if count_tokens else None
        order = array("I", sorted(range(len(self._ranks)), key=self._ranks.__getitem__))
        yield Step(self.records, "looking for near-duplicates")
        self._ranks = array("Q")
        count = array("I", bytes(4 * len(order)))
        named = dict[int, list[Near]]()
        gone = dict[int, Near]()
        for near in self._index.find_in_steps(order, lambda fact: _text(self._leader(fact))):
            if near is None:
                yield Step(self.records, "looking for near-duplicates")
                continue
            if self._leader(near.text).fact != self._leader(near.kept).fact:
                gone[near.text] = near
            count[near.kept] += 1
            if count[near.kept] <= NAMED:
                named.setdefault(near.kept, []).append(near)
        touched = {self._records[fact] for near in (gone, named) for fact in near}
        record = 0
        for starts in self._blocks():
            counts = None
            while tokens and (counts := next(tokens)) is None:
                yield Step(self.records, "counting tokens")
            for items in self._unpacked(starts, counts):
                if record in touched:
                    yield list(self._changed(items, bisect_left(self._records, record), gone, count, named))
                else:
                    yield items
                record += 1

    def _changed(
        self, items: Made, fact: int, gone: dict[int, Near], count: array[int], named: dict[int, list[Near]]
    ) -> Iterator[Pair | Dropped]:
        """The items of a record, of which `fact` is the first fact, as they are when all is settled."""
        facts = _by_fact(items)
        numbers = {id(pair): fact + place for place, pairs in enumerate(facts) for pair in pairs}
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
                yield self._drop(_leader(facts[number - fact]), gone[number])

    def _drop(self, lost: Pair, near: Near) -> Dropped:
        kept = self._leader(near.kept)
        where = f"{kept.url} · " if kept.url else ""
        dropped = lost.lost("near-duplicate", f"{near.similarity:.0%} of {where}{_question(kept)}")
        return replace(dropped, text=_question(lost), same=kept.digest, alike=near.similarity)

    def _stand_in(self, near: Near) -> StandIn:
        lost = self._leader(near.text)
        return StandIn(lost.record, lost.url, _question(lost), near.similarity, lost.source)

    def _blocks(self) -> Iterator[array[int]]:
        """Where the records of a block begin, and its end."""
        first = 0
        while first < self.records:
            last = max(bisect_right(self._starts, self._starts[first] + BLOCK) - 1, first + 1)
            yield self._starts[first : last + 1]
            first = last

    def _unpacked(self, starts: array[int], counts: bytes | None) -> Iterator[Made]:
        made = in_block(self._file.fileno(), starts)
        if counts is None:
            yield from made
            return
        tokens = iter(memoryview(counts).cast("I"))
        for items in made:
            for item in items:
                if isinstance(item, Pair):
                    item.know_tokens(next(tokens))
            yield items

    def _read(self, fact: int) -> Pair:
        """The pair that speaks for a fact."""
        record = self._records[fact]
        start, end = self._starts[record], self._starts[record + 1]
        made: Made = pickle.loads(os.pread(self._file.fileno(), end - start, start))
        return _leader(_by_fact(made)[self._places[fact]])


def in_block(file: int, starts: Sequence[int]) -> Iterator[Made]:
    """What came of the records of a block.

    Args:
        file: its number.
        starts: where they begin, and the end of the last.
    """
    block = memoryview(os.pread(file, starts[-1] - starts[0], starts[0]))
    for start, end in pairwise(starts):
        # What is read was written by this program a moment ago, into a file that nobody else can open.
        yield pickle.loads(block[start - starts[0] : end - starts[0]])


def _by_fact(items: Made) -> list[list[Pair]]:
    """The pairs of a record, those of one fact together."""
    if len(items) == 1 and isinstance(items[0], Pair):
        return [[items[0]]]
    facts = dict[str, list[Pair]]()
    for item in items:
        if isinstance(item, Pair):
            facts.setdefault(item.fact, []).append(item)
    return list(facts.values())


def _rank(pair: Pair) -> int:
    """Fewer flags are better, then a longer answer; the rest is chance, but the same each time."""
    answer = sum([len(text_of(each)) for each in pair.messages if each["role"] == "assistant"])
    return min(len(pair.flags), 255) << 56 | (_LONGEST - min(answer, _LONGEST)) << 32 | int(pair.digest[:8], 16)


def _leader(pairs: list[Pair]) -> Pair:
    """The pair that speaks for a fact: the one in the page's own words."""
    for pair in pairs:
        if pair.origin.get("phrasing") == "site":
            return pair
    return pairs[0]


def _text(pair: Pair) -> str:
    return "\n".join([text_of(each) for each in pair.messages if each["role"] in ("user", "assistant")])


def _question(pair: Pair) -> str:
    return next((text_of(each) for each in reversed(pair.messages) if each["role"] == "user"), "")
