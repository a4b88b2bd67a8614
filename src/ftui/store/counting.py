"""How many pairs there are of each kind, and how fast they are decided on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftui.store.database import Database
from ftui.store.judged import BY_HAND, Judged, judged, rejected_by_hand
from ftui.store.pair import Counts, Decision


class Counting:
    """The part of `Pairs` that counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> Counts:
        found = dict(self._rows("SELECT decision, pairs FROM pair_totals"))
        return Counts(sum(found.values()), found[0], found[1], found[2])

    def accepted_size(self) -> tuple[int, int]:
        """Accepted pairs and their tokens in all."""
        pairs, tokens = self._rows("SELECT pairs, tokens FROM pair_totals WHERE decision = 1")[0]
        return int(pairs), int(tokens)

    def token_counts(self, *, accepted: bool = False) -> Iterator[int]:
        """The tokens of each pair that is not rejected, or of the accepted ones, in no order; reads all pairs."""
        where, which = ("decision = ?", Decision.ACCEPTED) if accepted else ("decision <> ?", Decision.REJECTED)
        rows = self._database.connection.execute(f"SELECT tokens FROM pairs WHERE {where}", (which,))
        return (row[0] for row in rows)

    def flags(self) -> list[tuple[str, int]]:
        """The flags that pairs carry with their counts, most first."""
        return self._rows("SELECT flag, count(*) AS n FROM pair_flags GROUP BY flag ORDER BY n DESC, flag")

    def any_flags(self) -> bool:
        """Whether any pair carries a flag."""
        return bool(self._rows("SELECT EXISTS (SELECT 1 FROM pair_flags)")[0][0])

    def kept(self) -> int:
        """Pairs that stay although the recipe no longer makes them."""
        return int(self._rows("SELECT count(*) FROM kept")[0][0])

    def by_source(self) -> list[tuple[str, int]]:
        """The names of the sources that pairs are of, with their counts, most first; looks at all pairs."""
        return self._rows(
            "SELECT name, n FROM (SELECT source, count(*) AS n FROM pairs GROUP BY source)"
            " JOIN sources ON sources.id = source ORDER BY n DESC, name"
        )

    def decided_since(self, moment: float) -> int:
        """Pairs whose decision is from after `moment`."""
        return int(self._rows("SELECT count(*) FROM pairs WHERE decided > ?", moment)[0][0])

    def steps_by_hand(self, moment: float) -> list[tuple[float, int]]:
        """Steps by hand since a moment, the earliest first: when, and how many pairs were decided on."""
        return self._rows(
            f"SELECT time, size FROM journal WHERE time > ? AND {BY_HAND} AND label IN ('accepted', 'rejected')"
            " ORDER BY id",
            moment,
        )

    def rejected_by_hand(self) -> int:
        """Pairs that were rejected in steps that count as by hand."""
        return rejected_by_hand(self._database)

    def judged(self, most: int) -> list[Judged]:
        """What was decided by hand last, to learn from."""
        return judged(self._database, most)

    def _rows(self, query: str, *values: Any) -> list[Any]:
        return [tuple(row) for row in self._database.connection.execute(query, values)]
