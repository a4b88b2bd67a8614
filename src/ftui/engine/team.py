"""The processes that train one job together, and what they agree on.

`torchrun` starts them and says in the environment who they are. One process
alone is a team too, in which every sum is its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def rank() -> int:
    """This process's number; number 0 alone reports and writes."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def on_this_host() -> int:
    """How many of them run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def first_here() -> bool:
    """Whether this is the first process of its machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def agree(value: str) -> bool:
    """Whether all processes call this with the same `value`; every process has to call it."""
    return size() == 1 or len(set(_all(value))) == 1


def total(values: Sequence[float]) -> list[float]:
    """The sums of `values` over all processes; every process has to call it."""
    if size() == 1:
        return list(values)
    import torch

    device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(tensor)
    found: list[float] = tensor.tolist()
    return found


def least(values: Sequence[float]) -> list[float]:
    """The smallest of each of `values` of all processes; every process has to call it."""
    if size() == 1:
        return list(values)
    return [min(column) for column in zip(*_all(list(values)), strict=True)]


def of_first(value: T) -> T:
    """What process 0 calls this with; every process has to call it."""
    if size() == 1:
        return value
    return _all(value)[0]


def leave() -> None:
    """Go when all are done; every process has to call it.

    One that goes earlier, or with its connections open, may end by a signal, and
    `torchrun` would end the others for it in the midst of their work.
    """
    if size() > 1:
        import torch

        total([0.0])
        torch.distributed.destroy_process_group()


def _all(value: T) -> list[T]:
    import torch

    found: list[Any] = [None] * size()
    torch.distributed.all_gather_object(found, value)
    return found
