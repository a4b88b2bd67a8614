"""Sources and their raw records."""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui.errors import InputError
from ftui.events import Record
from ftui.store.database import Database


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from.

    Attributes:
        kind: "crawl", "brightdata" or "files".
        config: the settings of its collector, without secrets.
        tag: "domain" or "general".
    """

    id: int
    name: str
    kind: str
    config: Mapping[str, Any]
    tag: str


class Sources:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, kind: str, config: Mapping[str, Any], tag: str = "domain") -> Source:
        """A new source; a name that is taken gets a number behind it."""
        with self._database.write() as connection:
            taken = {row[0] for row in connection.execute("SELECT name FROM sources")}
            unique, number = name, 1
            while unique in taken:
                number += 1
                unique = f"{name} {number}"
            cursor = connection.execute(
                "INSERT INTO sources (name, kind, config, tag, created) VALUES (?, ?, ?, ?, ?)",
                (unique, kind, json.dumps(config), tag, time.time()),
            )
            return Source(int(cursor.lastrowid or 0), unique, kind, config, tag)

    def get(self, identifier: int) -> Source:
        row = self._database.connection.execute("SELECT * FROM sources WHERE id = ?", (identifier,)).fetchone()
        if row is None:
            raise InputError("There is no such source", f"no source has the number {identifier}")
        return _source(row)

    def all(self) -> list[Source]:
        return [_source(row) for row in self._database.connection.execute("SELECT * FROM sources ORDER BY id")]

    def find(self, kind: str, config: Mapping[str, Any]) -> Source | None:
        """The source with these settings, so that the same collection is not made twice."""
        wanted = json.dumps(config)
        row = self._database.connection.execute(
            "SELECT * FROM sources WHERE kind = ? AND config = ?", (kind, wanted)
        ).fetchone()
        return _source(row) if row else None

    def delete(self, identifier: int) -> None:
        """Remove a source with its records. Pairs made from them stay."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM bulk.records WHERE source = ?", (identifier,))
            connection.execute("DELETE FROM sources WHERE id = ?", (identifier,))


class Records:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, source: int, records: Sequence[Record]) -> None:
        """Store a batch; a record whose key is there already is replaced and keeps its id."""
        now = time.time()
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO bulk.records (source, key, url, title, data, time) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (source, key) DO UPDATE SET url = excluded.url, title = excluded.title,"
                " data = excluded.data, time = excluded.time",
                [
                    (source, item.key, item.url, item.title, json.dumps(item.data, ensure_ascii=False), now)
                    for item in records
                ],
            )

    def has(self, source: int, key: str) -> bool:
        found = self._database.connection.execute(
            "SELECT 1 FROM bulk.records WHERE source = ? AND key = ?", (source, key)
        ).fetchone()
        return found is not None

    def count(self, source: int | None = None) -> int:
        query = "SELECT count(*) FROM bulk.records"
        if source is None:
            return int(self._database.connection.execute(query).fetchone()[0])
        return int(self._database.connection.execute(query + " WHERE source = ?", (source,)).fetchone()[0])

    def ids(self, source: int) -> array[int]:
        """The ids of a source's records in their order."""
        rows = self._database.connection.execute("SELECT id FROM bulk.records WHERE source = ? ORDER BY id", (source,))
        return array("q", (row[0] for row in rows))

    def get(self, identifier: int) -> dict[str, Any] | None:
        """One record as `{"id", "source", "key", "url", "title", "data", "time"}`."""
        row = self._database.connection.execute("SELECT * FROM bulk.records WHERE id = ?", (identifier,)).fetchone()
        return _record(row) if row else None

    def iterate(self, batch: int = 500) -> Iterator[dict[str, Any]]:
        """All records in order of id, read in batches so that no read blocks a writer for long."""
        last = 0
        while True:
            rows = self._database.connection.execute(
                "SELECT * FROM bulk.records WHERE id > ? ORDER BY id LIMIT ?", (last, batch)
            ).fetchall()
            if not rows:
                return
            for row in rows:
                yield _record(row)
            last = rows[-1]["id"]


def _source(row: Any) -> Source:
    return Source(row["id"], row["name"], row["kind"], json.loads(row["config"]), row["tag"])


def _record(row: Any) -> dict[str, Any]:
    return {**dict(row), "data": json.loads(row["data"])}
