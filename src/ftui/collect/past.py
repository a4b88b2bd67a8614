"""What a collection is told about before: of itself, when it was cut off, and of earlier runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def _nothing(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Past:
    """What is known when a collection begins or goes on.

    Attributes:
        state: the last checkpoint of this run, {} when it begins.
        ledger: the entries of this run, in order.
        known: the data of the record that an earlier run of the source stored under
            a key, None where there is none.
        only: the subjects of the failures to try again, () for everything.
    """

    state: Mapping[str, Any] = field(default_factory=dict)
    ledger: Sequence[Mapping[str, Any]] = ()
    known: Callable[[str], Mapping[str, Any] | None] = _nothing
    only: tuple[str, ...] = ()


NOTHING = Past()
