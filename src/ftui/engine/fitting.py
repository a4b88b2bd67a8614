"""How a run fits into the memory there is, before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ftui.engine import memory, plan

SHARDS = ("auto", "fsdp", "ddp")
"""What a job's `launch.shard` may be: as it fits, the base sharded over the processes, or whole in each."""


class Way(NamedTuple):
    """How a run takes its memory.

    Attributes:
        fit: how a process takes its share of a batch, and the bytes that it needs.
        sharded: whether the base's weights are sharded over the processes.
        whole: what it would be with all of the base in each process.
    """

    fit: plan.Fit
    sharded: bool
    whole: plan.Fit


def choose(
    model: memory.Shape, weight_bytes: int, rank: int, sizes: Sequence[tuple[int, int]], batch_size: int, free: float,
    *, pairs: bool = False, processes: int = 1, wanted: str = "auto", gpu: bool = False,
) -> Way:  # fmt: skip
    """All of the model in each process where that fits, else sharded over them; what does not fit has `bytes > free`.

    Args:
        weight_bytes: of one frozen weight: 2 or 4.
        rank: of the adapter.
        sizes: tokens and learned tokens of each row.
        free: bytes that every process has.
        wanted: one of `SHARDS`.
        gpu: whether `free` is of a GPU's memory.
    """
    share = -(-batch_size // processes)
    needs = [memory.need(model, weight_bytes, rank, recomputed=again, pairs=pairs, gpu=gpu) for again in (False, True)]
    whole = plan.fit(share, sizes, needs[0].of, needs[1].of, free)
    if processes == 1 or wanted == "ddp" or (wanted != "fsdp" and whole.bytes <= free):
        return Way(whole, False, whole)
    parts = [memory.sharded(model, need, weight_bytes, processes) for need in needs]
    return Way(plan.fit(share, sizes, parts[0].of, parts[1].of, free), True, whole)


def told(way: Way, free: float, processes: int, *, gpu: bool, wanted: str = "auto") -> tuple[str, str | None]:
    """What is said about it: what training needs, with the numbers, and why the model is sharded where it is."""
    where, one = ("GPU memory", "one GPU") if gpu else ("memory", "one process")
    each = " in each process" * (processes > 1)
    needs = f"needs about {memory.said(way.fit.bytes)} of {where}{each}, {memory.said(free)} are free"
    if not way.sharded:
        return needs, None
    parts = f"sharded over {processes}: {memory.said(way.fit.bytes)} each"
    if way.whole.bytes > free:
        return needs, f"The model does not fit {one}: {memory.said(way.whole.bytes)}; {parts}"
    asked = " as asked" * (wanted == "fsdp")
    return needs, f"The model would fit {one} with {memory.said(way.whole.bytes)}; {parts},{asked}".rstrip(",")
