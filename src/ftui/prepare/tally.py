"""What became of all records, in counts that add up."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ftui.prepare.pair import Dropped, Pair


class Tally:
    """Counts what `prepare` gives.

    Attributes:
        pairs: that were made.
        with_pairs: records of which at least one pair was made.
        dropped: all other records, by reason.
        parts: what else did not become a pair, by reason: passages of records that have other pairs.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self.with_pairs = 0
        self.dropped: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self._last: tuple[int | None] | None = None
        self._general = set[int | None]()

    def take(self, item: Pair | Dropped) -> None:
        """Count one. The pairs of a record of the domain come one after the other."""
        if isinstance(item, Dropped):
            (self.dropped if item.scope == "record" else self.parts)[item.reason] += 1
            return
        self.pairs += 1
        if item.record is None:
            return
        if item.kind == "general":
            self.with_pairs += item.record not in self._general
            self._general.add(item.record)
        elif self._last != (item.record,):
            self._last = (item.record,)
            self.with_pairs += 1

    def as_dict(self) -> dict[str, Any]:
        """`made`, `with_pairs`, and by reason, the most frequent first, `dropped` and `parts`."""
        return {
            "made": self.pairs,
            "with_pairs": self.with_pairs,
            "dropped": dict(self.dropped.most_common()),
            "parts": dict(self.parts.most_common()),
        }
