"""Pairs: reviewing a million of them, and making them; see `pairs_review` and `pairs_prepare`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

from measure import Figure

_PARTS = ("pairs_review", "pairs_prepare")


def figures(*, quick: bool) -> Iterator[Figure]:
    for name in _PARTS:
        if importlib.util.find_spec(name) is not None:
            yield from importlib.import_module(name).figures(quick=quick)
