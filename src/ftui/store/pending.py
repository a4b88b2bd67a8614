"""The next pending pair, in the order in which pairs were made or in that of a view."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import orjson

from ftui.store.database import Database

FAR: Final = -1
"""No index: none is near, and looking on takes too long for a thread that answers keys."""

_NEAR = 2_000
"""Rows of a view behind the cursor that are looked at for a key."""
_FIRST = 50
_STRETCH = 20_000


def next_pending(database: Database, after: int) -> int | None:
    """The first pending pair behind `after`, from the start again when there is none."""
    for bound in (after, -1):
        row = database.connection.execute(
            "SELECT id FROM pairs WHERE decision = 0 AND id > ? ORDER BY id LIMIT 1", (bound,)
        ).fetchone()
        if row:
            return int(row[0])
    return None


def near(database: Database, ids: Sequence[int], after: int) -> int | None:
    """The index of the first pending pair of a view behind index `after`, from the start again; or `FAR`."""
    if not database.connection.execute("SELECT pairs FROM pair_totals WHERE decision = 0").fetchone()[0]:
        return None
    count = min(_NEAR, len(ids))
    start, size = after + 1, _FIRST
    while count > 0:
        start %= len(ids)
        part = ids[start : start + min(size, count)]
        found = _first_of(_pending_of(database, part), ids, start, start + len(part))
        if found is not None:
            return found
        start, count, size = start + len(part), count - len(part), _NEAR
    return FAR if len(ids) > _NEAR else None


def anywhere(database: Database, ids: Sequence[int], after: int) -> int | None:
    """The same however far it is; for a thread with a store of its own."""
    start, left = after + 1, database.connection.execute("SELECT count(*) FROM pairs WHERE decision = 0").fetchone()[0]
    # So far the asking costs less than reading all that are pending does, however many these are.
    while start < min(after + left // 8, len(ids)):
        stop = min(start + _STRETCH, len(ids))
        found = _first_of(_pending_of(database, ids[start:stop]), ids, start, stop)
        if found is not None:
            return found
        start = stop
    # They are few and far between: all of them are read sooner than all that is not one of them is asked for.
    pending = {row[0] for row in database.connection.execute("SELECT id FROM pairs WHERE decision = 0")}
    found = _first_of(pending, ids, start, len(ids))
    return found if found is not None else _first_of(pending, ids, 0, min(after + 1, len(ids)))


def _pending_of(database: Database, ids: Sequence[int]) -> set[int]:
    rows = database.connection.execute(
        "SELECT id FROM pairs WHERE id IN (SELECT value FROM json_each(?)) AND +decision = 0",
        (orjson.dumps(list(ids)).decode(),),
    )
    return {row[0] for row in rows}


def _first_of(wanted: Collection[int], ids: Sequence[int], start: int, stop: int) -> int | None:
    """The first index in a stretch of `ids` at which one of `wanted` stands."""
    wanted = frozenset(wanted)
    while start < stop:
        part = ids[start : min(start + _STRETCH, stop)]
        if not wanted.isdisjoint(part):
            return next(index for index, identifier in enumerate(part, start) if identifier in wanted)
        start += len(part)
    return None
