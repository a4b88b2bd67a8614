"""The engine: training beside TRL."""

from __future__ import annotations

from collections.abc import Iterator

import engine_train
from measure import Figure


def figures(*, quick: bool) -> Iterator[Figure]:
    yield from engine_train.figures(quick=quick)
