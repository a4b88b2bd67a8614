"""Which rows a step learns from, the same on one machine and on many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler


class Order(Sampler[list[int]]):  # type: ignore[misc]
    """The rows of an epoch in an order drawn from the seed, in batches, shared out among the processes.

    A step's rows are the same however many processes share them and in however
    many pieces each of them takes its share. Where a share is smaller than the
    others it is filled up with the number `len(lengths)`, which stands for a
    row without anything to learn.

    Args:
        lengths: tokens of each row.
        batch_size: rows of one step, all processes together.
        at_once: rows that one process takes at a time.
    """

    def __init__(
        self, lengths: Sequence[int], batch_size: int, at_once: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self.pieces = pieces(batch_size, at_once, world)
        self._lengths = lengths
        self._batch_size = batch_size
        self._at_once = at_once
        self._seed = seed
        self._rank = rank
        self._world = world
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        drawn = torch.randperm(len(self._lengths), generator=torch.Generator().manual_seed(self._seed + epoch))
        self._rows: list[int] = drawn.tolist()

    def tokens(self, step: int) -> int:
        """Tokens of step number `step` (from 0) of this epoch, of all processes together."""
        return sum(self._lengths[row] for row in self._of_step(step))

    def __len__(self) -> int:
        """How many batches this process takes in an epoch."""
        whole, rest = divmod(len(self._lengths), self._batch_size)
        return whole * self.pieces + (pieces(rest, self._at_once, self._world) if rest else 0)

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(-(-len(self._rows) // self._batch_size)):
            rows = self._of_step(step)
            mine = rows[self._rank :: self._world]
            # Processes wait for each other after each piece, so all of them take as many, of the same size.
            if self._world > 1:
                longest = -(-len(rows) // self._world)
                mine += [len(self._lengths)] * (longest - len(mine))
            for start in range(0, len(mine), self._at_once):
                yield mine[start : start + self._at_once]

    def _of_step(self, step: int) -> list[int]:
        return self._rows[step * self._batch_size : (step + 1) * self._batch_size]


def pieces(batch_size: int, at_once: int, world: int) -> int:
    """In how many pieces each of `world` processes takes its share of a batch."""
    share = -(-batch_size // world)
    return -(-share // at_once)


class Batches(DataLoader[Any]):  # type: ignore[misc]
    """Rows in the order of an `Order`; the library calls `set_epoch`.

    Args:
        blank: the row without anything to learn.
    """

    def __init__(self, rows: Sequence[Any], blank: Any, order: Order, collate: Callable[[list[Any]], Any]) -> None:
        super().__init__([*rows, blank], batch_sampler=order, collate_fn=collate)

    def set_epoch(self, epoch: int) -> None:
        self.batch_sampler.set_epoch(epoch)
