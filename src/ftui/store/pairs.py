"""Pairs, their decisions, and the journal that makes every change undoable.

Every change of a pair goes through `Pairs._change`: it writes the rows' state
before and after into the journal in the same transaction. One call is one batch
is one undo; undo and redo have no limit and survive a restart.
"""

from __future__ import annotations

import json
import re
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ftui.errors import InputError
from ftui.store.database import Database

Message = Mapping[str, str]


class Decision(IntEnum):
    PENDING = 0
    ACCEPTED = 1
    REJECTED = 2

    @property
    def symbol(self) -> str:
        return "·✓✗"[self]


@dataclass(frozen=True, slots=True)
class NewPair:
    """A pair as `prepare` makes it.

    Attributes:
        fact: equal for all phrasings of one fact.
        kind: "domain" or "general".
        origin: where it comes from: `template`, `phrasing`, `heading`, `passage`.
        digest: identifies the pair as it was made; a later edit does not change it.
        tokens: of the whole pair.
    """

    messages: Sequence[Message]
    digest: str
    source: int | None = None
    record: int | None = None
    url: str = ""
    fact: str = ""
    kind: str = "domain"
    origin: Mapping[str, Any] | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """One training example with its decision. `messages` are as they will be trained."""

    id: int
    source: int | None
    record: int | None
    url: str
    fact: str
    kind: str
    messages: tuple[Message, ...]
    origin: Mapping[str, Any]
    digest: str
    tokens: int
    decision: Decision
    edited: bool

    def text(self, role: str) -> str:
        """The last message of `role`, "" where there is none."""
        return next((m["content"] for m in reversed(self.messages) if m["role"] == role), "")


@dataclass(frozen=True, slots=True)
class Counts:
    total: int
    pending: int
    accepted: int
    rejected: int

    @property
    def decided(self) -> int:
        return self.accepted + self.rejected


class Pairs:
    def __init__(self, database: Database) -> None:
        self._database = database

    # Reading

    def counts(self) -> Counts:
        rows = self._database.connection.execute("SELECT decision, count(*) FROM pairs GROUP BY decision").fetchall()
        by = {int(row[0]): int(row[1]) for row in rows}
        return Counts(sum(by.values()), by.get(0, 0), by.get(1, 0), by.get(2, 0))

    def ids(self, where: str = "all", words: str = "") -> array[int]:
        """The ids of a view in its order.

        Args:
            where: "all", "pending", "accepted" or "rejected".
            words: text that one of the messages holds; case does not matter for ASCII.
        """
        query, values = "SELECT id FROM pairs WHERE 1", list[Any]()
        if where != "all":
            query += " AND decision = ?"
            values.append(int(Decision[where.upper()]))
        if words:
            query += (
                " AND EXISTS (SELECT 1 FROM json_each(messages)"
                " WHERE json_extract(value, '$.content') LIKE ? ESCAPE '!')"
            )
            values.append("%" + re.sub("([%_!])", r"!\1", words) + "%")
        return array("q", (row[0] for row in self._database.connection.execute(query + " ORDER BY id", values)))

    def page(self, ids: Sequence[int]) -> dict[int, Pair]:
        """Some pairs by id; one that is gone is missing."""
        marks = ", ".join("?" * len(ids))
        rows = self._database.connection.execute(f"SELECT * FROM pairs WHERE id IN ({marks})", list(ids))
        return {row["id"]: _pair(row) for row in rows}

    def get(self, identifier: int) -> Pair | None:
        return self.page([identifier]).get(identifier)

    def fact_ids(self, fact: str) -> list[int]:
        """All phrasings of one fact."""
        rows = self._database.connection.execute("SELECT id FROM pairs WHERE fact = ? ORDER BY id", (fact,))
        return [row[0] for row in rows]

    def next_pending(self, after: int) -> int | None:
        """The first pending pair behind `after`, from the start again when there is none."""
        for bound in (after, -1):
            row = self._database.connection.execute(
                "SELECT id FROM pairs WHERE decision = 0 AND id > ? ORDER BY id LIMIT 1", (bound,)
            ).fetchone()
            if row:
                return int(row[0])
        return None

    def accepted(self) -> Iterator[Pair]:
        rows = self._database.connection.execute("SELECT * FROM pairs WHERE decision = 1 ORDER BY id")
        yield from map(_pair, rows)

    def accepted_size(self) -> tuple[int, int]:
        """Accepted pairs and their tokens in all."""
        row = self._database.connection.execute(
            "SELECT count(*), coalesce(sum(tokens), 0) FROM pairs WHERE decision = 1"
        ).fetchone()
        return int(row[0]), int(row[1])

    def decided_since(self, moment: float) -> int:
        """Decisions made after `moment`, for the pace."""
        row = self._database.connection.execute("SELECT count(*) FROM pairs WHERE decided > ?", (moment,)).fetchone()
        return int(row[0])

    # Decisions

    def decide(self, ids: Sequence[int], decision: Decision) -> int:
        """Give pairs a decision as one undoable step; gives how many changed."""
        return self._change(ids, {"decision": int(decision)}, decision.name.lower())

    def edit(self, identifier: int, messages: Sequence[Message], tokens: int | None = None) -> None:
        """Replace a pair's messages, and its tokens where they were counted, as one undoable step."""
        fields: dict[str, Any] = {"messages": json.dumps(list(messages), ensure_ascii=False), "edited": 1}
        if tokens is not None:
            fields["tokens"] = tokens
        self._change([identifier], fields, "edited")

    def undo(self) -> tuple[str, list[int]] | None:
        """Take the last step back: (what it was, ids of its pairs), None when there is none."""
        return self._replay("SELECT * FROM journal WHERE undone = 0 ORDER BY id DESC LIMIT 1", "before", 1)

    def redo(self) -> tuple[str, list[int]] | None:
        return self._replay("SELECT * FROM journal WHERE undone = 1 ORDER BY id LIMIT 1", "after", 0)

    def _change(self, ids: Sequence[int], fields: Mapping[str, Any], label: str) -> int:
        now = time.time()
        with self._database.write() as connection:
            changed: list[tuple[int, str, str]] = []
            for start in range(0, len(ids), 500):
                part = list(ids[start : start + 500])
                marks = ", ".join("?" * len(part))
                rows = connection.execute(f"SELECT * FROM pairs WHERE id IN ({marks})", part).fetchall()
                for row in rows:
                    before = {name: row[name] for name in fields}
                    if before != dict(fields):
                        changed.append((row["id"], json.dumps(before), json.dumps(dict(fields))))
            if not changed:
                return 0
            connection.execute("DELETE FROM journal WHERE undone = 1")
            cursor = connection.execute("INSERT INTO journal (label, time) VALUES (?, ?)", (label, now))
            connection.executemany(
                "INSERT INTO journal_rows VALUES (?, ?, ?, ?)", [(cursor.lastrowid, *row) for row in changed]
            )
            self._apply((row[0], dict(fields)) for row in changed)
            return len(changed)

    def _replay(self, query: str, column: str, undone: int) -> tuple[str, list[int]] | None:
        with self._database.write() as connection:
            batch = connection.execute(query).fetchone()
            if batch is None:
                return None
            rows = connection.execute(
                f"SELECT pair, {column} FROM journal_rows WHERE batch = ? ORDER BY pair", (batch["id"],)
            ).fetchall()
            self._apply((row[0], json.loads(row[1])) for row in rows)
            connection.execute("UPDATE journal SET undone = ? WHERE id = ?", (undone, batch["id"]))
            return str(batch["label"]), [row[0] for row in rows]

    def _apply(self, changes: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        now = time.time()
        for identifier, fields in changes:
            names = ", ".join(f"{name} = ?" for name in fields)
            decided = now if fields.get("decision") else None
            self._database.connection.execute(
                f"UPDATE pairs SET {names}, decided = coalesce(?, decided) WHERE id = ?",
                [*fields.values(), decided, identifier],
            )

    # Preparing

    @contextmanager
    def replacing(self) -> Iterator[Replacing]:
        """Put newly prepared pairs in, batch by batch, in small transactions."""
        connection = self._database.connection
        connection.execute("CREATE TEMP TABLE made (digest TEXT PRIMARY KEY) WITHOUT ROWID")
        try:
            yield Replacing(self._database, self._insert)
        finally:
            connection.execute("DROP TABLE made")

    def add(self, pair: NewPair) -> int | None:
        """One more pair, pending: its id, or None when it is there already."""
        with self._database.write() as connection:
            if not self._insert(pair):
                return None
            return int(connection.execute("SELECT last_insert_rowid()").fetchone()[0])

    def _insert(self, pair: NewPair) -> int:
        return self._database.connection.execute(
            "INSERT INTO pairs (source, record, url, fact, kind, messages, origin, digest, tokens)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
            (
                pair.source,
                pair.record,
                pair.url,
                pair.fact,
                pair.kind,
                json.dumps(list(pair.messages), ensure_ascii=False),
                json.dumps(dict(pair.origin or {}), ensure_ascii=False),
                pair.digest,
                pair.tokens,
            ),
        ).rowcount

    def replace_dropped(self, rows: Iterable[tuple[int | None, str, str, str]]) -> None:
        """What did not become a pair: (record, url, reason, detail)."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM dropped")
            connection.executemany("INSERT INTO dropped (record, url, reason, detail) VALUES (?, ?, ?, ?)", rows)

    def dropped(self) -> list[tuple[str, int]]:
        """Reasons with their counts, most first."""
        rows = self._database.connection.execute(
            "SELECT reason, count(*) AS n FROM dropped GROUP BY reason ORDER BY n DESC, reason"
        )
        return [tuple(row) for row in rows]


class Replacing:
    """A preparation in progress.

    A pair that was there before keeps its id, its decision and its edit. One that
    the recipe no longer makes goes at `finish`, unless a person has decided on it.
    A preparation that is cut off before `finish` removes nothing.
    """

    def __init__(self, database: Database, insert: Callable[[NewPair], int]) -> None:
        self._database = database
        self._insert = insert

    def put(self, batch: Sequence[NewPair]) -> int:
        """Add a batch; gives how many were new."""
        with self._database.write() as connection:
            connection.executemany("INSERT OR IGNORE INTO made VALUES (?)", [(pair.digest,) for pair in batch])
            return sum(self._insert(pair) for pair in batch)

    def finish(self) -> int:
        """Remove what was not made again; gives how many went."""
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM pairs WHERE decision = 0 AND edited = 0 AND digest NOT IN (SELECT digest FROM made)"
            ).rowcount


def check_messages(messages: Sequence[Message]) -> None:
    """Refuse what no provider would take, before it is saved."""
    if not messages or messages[-1].get("role") != "assistant" or not messages[-1].get("content", "").strip():
        raise InputError("A pair ends with an answer", "the assistant's text is empty", "Write one, or reject the pair")
    if not any(m.get("role") == "user" and m.get("content", "").strip() for m in messages):
        raise InputError("A pair needs a question", "the user's text is empty", "Write one, or reject the pair")


def _pair(row: Any) -> Pair:
    fields = dict(row)
    fields.pop("decided")
    fields["messages"] = tuple(json.loads(fields["messages"]))
    fields["origin"] = json.loads(fields["origin"])
    fields["decision"] = Decision(fields["decision"])
    fields["edited"] = bool(fields["edited"])
    return Pair(**fields)
