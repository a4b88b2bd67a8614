"""Sources and their raw records."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ftui.errors import InputError
from ftui.events import Record
from ftui.store.database import Database
from ftui.store.survey import Survey, survey

TAGS = ("domain", "general")
_AT_ONCE = 2000
_PUT = (
    "INSERT INTO bulk.records (source, key, url, title, data, time, run) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (source, key) DO UPDATE SET url = excluded.url, title = excluded.title,"
    " data = excluded.data, time = excluded.time, run = excluded.run"
)
_PUT_NEW = _PUT + " WHERE records.run <> excluded.run"


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


@dataclass(frozen=True, slots=True)
class RecordLine:
    """What a list shows of a record.

    Attributes:
        size: characters of its data as JSON.
        time: when it was stored last, seconds since the epoch.
        run: the task that stored it last.
    """

    id: int
    key: str
    url: str
    title: str
    size: int
    time: float
    run: int


class Sources:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, kind: str, config: Mapping[str, Any], tag: str = "domain") -> Source:
        """A new source, with a number that none had before; a name that is taken gets a number behind it."""
        with self._database.write() as connection:
            taken = {row[0] for row in connection.execute("SELECT name FROM sources")}
            unique, number = name, 1
            while unique in taken:
                number += 1
                unique = f"{name} {number}"
            connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'last source'")
            connection.execute(
                "INSERT INTO sources (id, name, kind, config, tag, created)"
                " SELECT value, ?, ?, ?, ?, ? FROM meta WHERE key = 'last source'",
                (unique, kind, json.dumps(config), tag, time.time()),
            )
            identifier = connection.execute("SELECT last_insert_rowid()").fetchone()[0]
            return Source(int(identifier), unique, kind, config, tag)

    def get(self, identifier: int) -> Source:
        row = self._database.connection.execute("SELECT * FROM sources WHERE id = ?", (identifier,)).fetchone()
        if row is None:
            raise InputError("There is no such source", f"no source has the number {identifier}")
        return _source(row)

    def name(self, identifier: int) -> str:
        """What a source is called, "" when it is gone."""
        row = self._database.connection.execute("SELECT name FROM sources WHERE id = ?", (identifier,)).fetchone()
        return str(row[0]) if row else ""

    def all(self) -> list[Source]:
        return [_source(row) for row in self._database.connection.execute("SELECT * FROM sources ORDER BY id")]

    def set_tag(self, identifier: int, tag: str) -> None:
        """Say whether a source teaches the domain, or is there against forgetting the general."""
        if tag not in TAGS:
            raise InputError(f"{tag!r} is no tag of a source", f"the tags are {' and '.join(TAGS)}", "Choose one")
        with self._database.write() as connection:
            connection.execute("UPDATE sources SET tag = ? WHERE id = ?", (tag, identifier))

    def delete(self, identifier: int) -> None:
        """Remove a source with its records. Pairs made from them stay.

        Takes seconds where there are very many: not for the thread of the screen.
        """
        # The source goes last: where this is cut off, it is still there to be deleted.
        removed = 1
        while removed:
            with self._database.write_records() as connection:
                removed = connection.execute(
                    "DELETE FROM bulk.records WHERE id IN"
                    " (SELECT id FROM bulk.records WHERE source = ? ORDER BY id LIMIT ?)",
                    (identifier, _AT_ONCE),
                ).rowcount
                connection.execute(
                    "UPDATE bulk.totals SET records = records - ? WHERE source = ?", (removed, identifier)
                )
        with self._database.write() as connection:
            connection.execute("DELETE FROM sources WHERE id = ?", (identifier,))


class Rows:
    """Records on their way into the store, as text: it takes a fraction of the memory of what it stands for.

    Args:
        source: of all of them.
        run: the task that collects them.

    Attributes:
        size: characters of their data.
        single, repeating: values of rows; of the latter, a key can come again in this run.
    """

    def __init__(self, source: int, run: int = 0) -> None:
        self.source = source
        self.run = run
        self.size = 0
        self.single: list[tuple[Any, ...]] = []
        self.repeating: list[tuple[Any, ...]] = []

    def add(self, record: Record) -> None:
        data = orjson.dumps(record.data).decode()
        rows = self.repeating if record.repeats else self.single
        rows.append((self.source, record.key, record.url, record.title, data, time.time(), self.run))
        self.size += len(data)


class Records:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, source: int, records: Sequence[Record], run: int = 0) -> None:
        """Store a batch; a record whose key is there already is replaced and keeps its id.

        Args:
            run: the task that collects. Where a key `repeats` within one run, the data
                that came first keep it, others are stored under `key#digest`.
        """
        rows = Rows(source, run)
        for record in records:
            rows.add(record)
        self.put_rows(rows)

    def put_rows(self, rows: Rows) -> None:
        """Store a batch, see `put`."""
        with self._database.write_records() as connection:
            before = _last_id(connection)
            connection.executemany(_PUT, rows.single)
            if rows.repeating:
                self._put_repeating(connection, rows.repeating)
            # An id is the highest one and one more, so that the difference is what is new.
            connection.execute(
                "INSERT INTO bulk.totals VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET"
                " records = records + excluded.records",
                (rows.source, _last_id(connection) - before),
            )

    @staticmethod
    def _put_repeating(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
        changes = connection.total_changes
        connection.executemany(_PUT_NEW, rows)
        if connection.total_changes - changes == len(rows):
            return
        for row in rows:
            source, key, data = row[0], row[1], row[4]
            same = connection.execute(
                "SELECT data = ? FROM bulk.records WHERE source = ? AND key = ?", (data, source, key)
            ).fetchone()[0]
            if not same:
                digest = hashlib.blake2b(data.encode(), digest_size=8).hexdigest()
                connection.execute(_PUT, (source, f"{key}#{digest}", *row[2:]))

    def known(self, source: int, key: str, before: int) -> dict[str, Any] | None:
        """The data of a record that a run before `before` stored, None without one."""
        row = self._database.connection.execute(
            "SELECT data FROM bulk.records WHERE source = ? AND key = ? AND run <> ?", (source, key, before)
        ).fetchone()
        return dict(orjson.loads(row[0])) if row else None

    def count(self, source: int | None = None) -> int:
        query = "SELECT total(records) FROM bulk.totals"
        if source is None:
            return int(self._database.connection.execute(query).fetchone()[0])
        return int(self._database.connection.execute(query + " WHERE source = ?", (source,)).fetchone()[0])

    def ids(self, source: int, words: str = "") -> array[int]:
        """The ids of a source's records in their order.

        Args:
            words: all of them must be in the record, in any case. Looking takes seconds
                where there are very many records: not for the thread of the screen.
        """
        query, values = "SELECT id FROM bulk.records WHERE source = ?", list[Any]([source])
        rows: Iterator[Any] = self._database.connection.execute(query + " ORDER BY id", values)
        if not words.strip():
            return array("q", (row[0] for row in rows))
        wanted = words.casefold().split()
        # SQLite's own LIKE knows upper and lower case of ASCII alone.
        rows = self._database.connection.execute(
            "SELECT id, key, title, data FROM bulk.records WHERE source = ? ORDER BY id", values
        )
        return array(
            "q",
            (
                row["id"]
                for row in rows
                if (text := f"{row['key']} {row['title']} {row['data']}".casefold())
                and all(word in text for word in wanted)
            ),
        )

    def page(self, identifiers: Sequence[int]) -> list[RecordLine]:
        """The lines of a list for some ids, in their order; one that is gone is left out."""
        marks = ", ".join("?" * len(identifiers))
        rows = self._database.connection.execute(
            f"SELECT id, key, url, title, length(data), time, run FROM bulk.records WHERE id IN ({marks})",
            list(identifiers),
        )
        found = {row[0]: RecordLine(*row) for row in rows}
        return [found[identifier] for identifier in identifiers if identifier in found]

    def get(self, identifier: int) -> dict[str, Any] | None:
        """One record as `{"id", "source", "key", "url", "title", "data", "time", "run"}`."""
        row = self._database.connection.execute("SELECT * FROM bulk.records WHERE id = ?", (identifier,)).fetchone()
        return _record(row) if row else None

    def survey(self, source: int, most: int = 2000) -> Survey:
        """Which fields the records of a source have, and what is in them.

        Args:
            most: records to read at most; of more, evenly spread ones are read.
        """
        ids = self.ids(source)
        step = max(1, -(-len(ids) // most))
        rows = (
            self._database.connection.execute("SELECT data FROM bulk.records WHERE id = ?", (identifier,)).fetchone()
            for identifier in ids[::step]
        )
        return survey((orjson.loads(row[0]) for row in rows if row), len(ids))

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


def _last_id(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM bulk.records").fetchone()[0])


def _source(row: Any) -> Source:
    return Source(row["id"], row["name"], row["kind"], json.loads(row["config"]), row["tag"])


def _record(row: Any) -> dict[str, Any]:
    return {**dict(row), "data": orjson.loads(row["data"])}
