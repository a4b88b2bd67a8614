"""The engine: chat beside `generate` and beside llama.cpp, training beside TRL, two hosts beside one."""

from __future__ import annotations

from collections.abc import Iterator

import engine_chat
import engine_hosts
import engine_llama
import engine_train
from measure import Figure


def figures(*, quick: bool) -> Iterator[Figure]:
    yield from engine_chat.figures(quick=quick)
    yield from engine_llama.figures(quick=quick)
    yield from engine_train.figures(quick=quick)
    if not quick:
        yield from engine_hosts.figures()
