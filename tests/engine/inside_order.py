"""What `Order` promises, checked in the engine's interpreter; prints "ok"."""

from __future__ import annotations

import itertools

from ftui.engine.order import Order, pieces


def main() -> None:
    for rows, batch, at_once, world in itertools.product((1, 5, 12, 13), (1, 4, 6, 7), (1, 2, 6), (1, 2, 3)):
        lengths = list(range(10, 10 + rows))
        shares = [Order(lengths, batch, at_once, 7, rank, world) for rank in range(world)]
        alone = Order(lengths, batch, batch, 7)
        for epoch in (0, 1, 5):
            for order in (*shares, alone):
                order.set_epoch(epoch)
            taken = [list(order) for order in shares]
            # All processes take as many pieces, of the same size, and say so beforehand.
            assert len({len(batches) for batches in taken}) == 1
            assert all(len(batches) == len(order) for batches, order in zip(taken, shares, strict=True))
            assert all(len({len(piece) for piece in piece_of_all}) == 1 for piece_of_all in zip(*taken, strict=True))
            # A step learns from the rows that one process alone would learn from, each of them once.
            starts = range(0, len(taken[0]), pieces(batch, at_once, world))
            for step, (start, whole) in enumerate(zip(starts, alone, strict=True)):
                end = start + pieces(batch, at_once, world)
                mine = [row for batches in taken for piece in batches[start:end] for row in piece if row < rows]
                assert sorted(mine) == sorted(whole)
                assert alone.tokens(step) == sum(lengths[row] for row in whole)
        alone.set_epoch(0)
        first = list(alone)
        alone.set_epoch(1)
        assert rows < 12 or list(alone) != first


if __name__ == "__main__":
    main()
    print("ok")
