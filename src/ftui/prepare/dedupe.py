"""Pairs that are there already."""

from __future__ import annotations

from ftui.prepare.pair import Pair


class Seen:
    """Remembers pairs by their digest, 32 bytes each."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, pair: Pair) -> bool:
        """Whether `pair` is new; it is not the next time."""
        digest = bytes.fromhex(pair.digest)
        if digest in self._digests:
            return False
        self._digests.add(digest)
        return True
