"""What did not become a pair, as it is looked at: with its record, and the pair that stands for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from ftui.chatfile import text_of
from ftui.store.database import Database
from ftui.store.pair import Dropped, Standing, place

_PAGE = (
    "SELECT d.id, d.record, d.url, reason, detail, text, d.source, same, alike, coalesce(r.key, '') AS key,"
    " t.pair, t.url AS pair_url, coalesce(k.key, '') AS pair_key, t.messages"
    " FROM dropped d LEFT JOIN bulk.records r ON r.id = d.record AND r.source = coalesce(d.source, r.source)"
    " LEFT JOIN pair_texts t ON t.digest = same AND same <> '' LEFT JOIN pairs p ON p.id = t.pair"
    " LEFT JOIN bulk.records k ON k.id = p.record AND k.source = coalesce(p.source, k.source)"
    " WHERE d.id IN (SELECT value FROM json_each(?))"
)
"""A number of a record may have been given again: what is of another source is another one."""


def page(database: Database, ids: Sequence[int]) -> dict[int, Dropped]:
    """Some rows by id."""
    rows = database.connection.execute(_PAGE, (orjson.dumps(list(ids)).decode(),))
    return {row["id"]: _dropped(row) for row in rows}


def _dropped(row: Any) -> Dropped:
    fields = {name: row[name] for name in row.keys() if name in Dropped.__dataclass_fields__}  # noqa: SIM118
    return Dropped(**fields, standing=_standing(row) if row["pair"] is not None else None)


def _standing(row: Any) -> Standing:
    asked = (text_of(message) for message in reversed(json.loads(row["messages"])) if message["role"] == "user")
    return Standing(row["pair"], place(row["pair_url"], row["pair_key"]), next(asked, ""))


def kept_of(database: Database, dropped: Dropped) -> list[int]:
    """The pairs that are kept of the record of what did not become one now."""
    rows = database.connection.execute(
        "SELECT pair FROM kept JOIN pairs ON id = pair WHERE kept.record = ?1 AND (?2 IS NULL OR source IS ?2)"
        " ORDER BY pair",
        (dropped.record, dropped.source),
    )
    return [row[0] for row in rows]
