"""How long rows are: in all, beside each other, and packed into sequences of one length."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packed:
    """What packing rows into sequences of `length` tokens saves.

    Attributes:
        rows, tokens: of all rows; a longer row counts as it is cut.
        cut: rows that are longer than a sequence.
        padded: tokens that are computed when rows stand one by one, each batch as long as its longest.
        sequences: how many sequences the rows fill when they are packed.
    """

    length: int
    rows: int
    tokens: int
    cut: int
    padded: int
    sequences: int

    @property
    def packed(self) -> int:
        """Tokens that are computed when rows are packed."""
        return self.sequences * self.length

    @property
    def saved(self) -> float:
        """Share of the computing that packing saves, 0 to 1; negative where it costs."""
        return 1 - self.packed / self.padded if self.padded else 0.0


class Lengths:
    """The lengths of rows in tokens, 4 bytes each."""

    def __init__(self, lengths: Iterable[int] = ()) -> None:
        self._lengths = array("I", lengths)

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, tokens: int) -> None:
        self._lengths.append(tokens)

    @property
    def total(self) -> int:
        return sum(self._lengths)

    def over(self, most: int) -> int:
        """Rows that are longer than `most`."""
        return sum(tokens > most for tokens in self._lengths)

    def at(self, share: float) -> int:
        """The length that a share of the rows, 0 to 1, does not exceed."""
        ordered = sorted(self._lengths)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0

    def packed(self, length: int, batch: int = 8) -> Packed:
        """What packing saves: each row, the longest first, goes where it leaves the least room.

        Args:
            length: tokens of a sequence.
            batch: rows that are trained on together when they are not packed.
        """
        lengths = array("I", (min(tokens, length) for tokens in self._lengths))
        padded = sum(
            max(part) * len(part) for start in range(0, len(lengths), batch) if (part := lengths[start : start + batch])
        )
        cut = self.over(length)
        return Packed(length, len(lengths), sum(lengths), cut, padded, _best_fit(sorted(lengths, reverse=True), length))


def _best_fit(lengths: list[int], length: int) -> int:
    """Sequences that lengths, the longest first, fill.

    There are no more different rooms than `length`, so that a count of each takes the place of a list of all.
    """
    count = [0] * (length + 1)
    rooms = list[int]()  # the rooms of which there is one, in order
    sequences = 0
    for tokens in lengths:
        place = bisect_left(rooms, tokens)
        if place < len(rooms):
            room = rooms[place]
            count[room] -= 1
            if not count[room]:
                del rooms[place]
        else:
            room = length
            sequences += 1
        left = room - tokens
        if left:
            if not count[left]:
                rooms.insert(bisect_left(rooms, left), left)
            count[left] += 1
    return sequences
