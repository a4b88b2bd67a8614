"""Texts that say nearly the same, among very many, in little memory.

MinHash finds candidates, the words themselves decide. What is kept for each text
is a few dozen bytes of band hashes; texts and signatures lie in files that have no
name. The better of two stays: texts are gone through from the best to the worst, and
one that is near a text that stayed is left out for it. So it does not matter
in which order the texts came.
"""

from __future__ import annotations

import os
import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from operator import eq
from typing import NamedTuple

_SLOTS = 64
_SEED = 1
_SURE = 0.999
_BATCH = 256
_KEY = (1 << 32) - 1
# Below the threshold by more than three standard deviations of the estimate.
_SLACK = 0.2
_TRIED = 12
# A word; of scripts that put no spaces between words, each character is one.
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|\w+")
# The same for ASCII, many times as fast: small letters, and a space for all that is in no word.
_ASCII = bytes(ord(chr(code).lower()) if re.match(r"\w", chr(code), re.ASCII) else 32 for code in range(256))
_FIGURES = re.compile(r"\d+")


class Near(NamedTuple):
    """A text that is left out. `text` and `kept` are numbers of texts, `similarity` is 0 to 1."""

    text: int
    kept: int
    similarity: float


class Signed(NamedTuple):
    """What is kept of some texts, made by `sign` in whatever process.

    Attributes:
        texts: how many they are.
        signatures: a byte a slot.
        bands: the keys of each band, 4 bytes a text; 0 for a text without words.
    """

    texts: int
    signatures: bytes
    bands: tuple[bytes, ...]


def sign(texts: Sequence[str], threshold: float) -> Signed:
    """Work out what an `Index` of the same threshold keeps of some texts."""
    from rensa import RMinHash

    words = list(map(runs, texts))
    rows = _rows(threshold)
    signatures, keys = list[bytes](), list[Sequence[int]]()
    none = [0] * (_SLOTS // rows)
    for said, slots in zip(words, RMinHash.digests_from_token_sets(words, _SLOTS, _SEED), strict=True):
        signatures.append(array("I", slots).tobytes()[::4])
        columns = [slots[column::rows] for column in range(rows)]
        keys.append([key & _KEY or 1 for key in map(hash, zip(*columns, strict=False))] if said else none)
    bands = [array("I", band).tobytes() for band in zip(*keys, strict=True)] if keys else [b"" for _ in none]
    return Signed(len(texts), b"".join(signatures), tuple(bands))


class Index:
    """Collects texts, then tells which are near which.

    Args:
        threshold: share of three-word runs that two texts have in common when they are near, 0 to 1.
        numbers: whether texts may be near that do not hold the same numbers.
    """

    def __init__(self, threshold: float, *, numbers: bool = False) -> None:
        self._threshold = threshold
        self._numbers = numbers
        self._bands = [array("I") for _ in range(_SLOTS // _rows(threshold))]
        self._signatures = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the index)
        self._waiting = list[str]()
        self._count = 0

    def __len__(self) -> int:
        return self._count + len(self._waiting)

    def add(self, text: str) -> int:
        """One more text; gives its number, from 0."""
        self._waiting.append(text)
        number = len(self) - 1
        if len(self._waiting) >= _BATCH:
            self._sign()
        return number

    def extend(self, signed: Signed) -> None:
        """Some more texts, which have the next numbers."""
        self._sign()
        self._signatures.write(signed.signatures)
        for band, keys in zip(self._bands, signed.bands, strict=True):
            band.frombytes(keys)
        self._count += signed.texts

    def find_in_steps(self, order: Sequence[int], text: Callable[[int], str]) -> Iterator[Near | None]:
        """The texts to leave out, each with the better one that stays for it; None every now and then.

        Args:
            order: all numbers, the best text first.
            text: gives a text again by its number.
        """
        self._sign()
        self._signatures.flush()
        rank = array("I", bytes(4 * self._count))
        for place, number in enumerate(order):
            rank[number] = place
        yield None
        stays = array("i", b"\xff" * 4 * self._count)  # of the worse ones: which stays for it
        edges = array("Q")
        for some in self._edges(rank):
            edges += some
            yield None
        edges = _unique(edges)
        start, looked = 0, 0
        while start < len(edges):
            place, end = edges[start] >> 32, start
            while end < len(edges) and edges[end] >> 32 == place:
                end += 1
            number, found = order[place], None
            tried = set[int]()
            for edge in edges[start : min(end, start + _TRIED)]:
                other = order[edge & 0xFFFFFFFF]
                other = stays[other] if stays[other] >= 0 else other
                if other in tried:
                    continue
                tried.add(other)
                alike = self._alike(number, other, text)
                if alike >= self._threshold and (found is None or alike > found.similarity):
                    found = Near(number, other, alike)
            if found:
                stays[number] = found.kept
                yield found
            if end - looked >= _BATCH:
                looked = end
                yield None
            start = end

    def links(self, text: Callable[[int], str]) -> Iterator[tuple[int, int]]:
        """Pairs of texts that are near each other; of a group of them enough to hold it together."""
        self._sign()
        self._signatures.flush()
        edges = array("Q")
        for some in self._edges(array("I", range(self._count))):
            edges += some
        for edge in _unique(edges):
            one, other = edge >> 32, edge & 0xFFFFFFFF
            if self._alike(one, other, text) >= self._threshold:
                yield one, other

    def close(self) -> None:
        self._signatures.close()

    def _sign(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.extend(sign(waiting, self._threshold))

    def _edges(self, rank: array[int]) -> Iterator[array[int]]:
        """Candidates of each band as (worse rank << 32 | better rank); the bands are used up.

        In a bucket each is put beside the best of it and the next better one.
        """
        best, beside = array("I", bytes(4 * self._count)), array("I", bytes(4 * self._count))
        while self._bands:
            edges = array("Q")
            for bucket in _buckets(self._bands.pop()):
                places = sorted(rank[number] for number in bucket)
                for place in range(1, len(places)):
                    worse, top, next_better = places[place], places[0], places[place - 1]
                    # Most are met again in the next band: 0 stands for none yet.
                    if best[worse] != top + 1:
                        best[worse] = top + 1
                        edges.append(worse << 32 | top)
                    if next_better != top and beside[worse] != next_better + 1:
                        beside[worse] = next_better + 1
                        edges.append(worse << 32 | next_better)
            yield edges

    def _alike(self, one: int, other: int, text: Callable[[int], str]) -> float:
        """How near two texts are: 0 where the signatures already say that they are not."""
        slots = [self._signature(one), self._signature(other)]
        if sum(map(eq, *slots)) < (self._threshold - _SLACK) * _SLOTS:
            return 0.0
        texts = text(one), text(other)
        if not self._numbers and _numbers(texts[0]) != _numbers(texts[1]):
            return 0.0
        return similarity(*texts)

    def _signature(self, number: int) -> bytes:
        return os.pread(self._signatures.fileno(), _SLOTS, number * _SLOTS)


def _buckets(keys: array[int]) -> Iterator[list[int]]:
    """The numbers of those texts that have a key in common, without the ones that have one for themselves."""
    # Few keys come twice: what tells the others apart from them has to be quick.
    buckets = {key: list[int]() for key, count in Counter(keys).items() if count > 1 and key}
    for number in compress(range(len(keys)), map(buckets.__contains__, keys)):
        buckets[keys[number]].append(number)
    yield from buckets.values()


def _unique(edges: array[int]) -> array[int]:
    return array("Q", sorted(set(edges)))


def runs(text: str) -> list[str]:
    """The three-word runs of a text, in any script; a shorter text is one run."""
    words = text.encode().translate(_ASCII).decode().split() if text.isascii() else _WORD.findall(text.casefold())
    if len(words) < 3:
        return [" ".join(words)] if words else []
    return list(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


def similarity(one: str, other: str) -> float:
    """Share of the three-word runs of both that both have, 0 to 1."""
    left, right = set(runs(one)), set(runs(other))
    return len(left & right) / len(left | right) if left or right else 1.0


def _numbers(text: str) -> list[str]:
    return sorted(set(_FIGURES.findall(text)))


def _rows(threshold: float) -> int:
    """Slots a band: as many as can be, while of two texts at the threshold hardly any pair is missed."""
    for rows in range(8, 1, -1):
        if 1 - (1 - threshold**rows) ** (_SLOTS // rows) >= _SURE:
            return rows
    return 1
