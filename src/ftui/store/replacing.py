"""How pairs come into the store, and go again when a recipe no longer makes them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ftui.store.database import Database
from ftui.store.journal import AT_ONCE
from ftui.store.pair import NewDropped, NewPair, fold, search_text

_PAUSE = 0.002
_TABLES = ("pair_texts", "pair_words", "pair_originals", "pair_flags", "stand_ins")


class Replacing:
    """A preparation in progress.

    A pair that was there before keeps its id, its decision and its edit; its flags, its
    risk and what it stands for are as they are now. One that the recipe no longer makes
    goes at `finish`, unless a person has decided on it. A preparation that is cut off
    before `finish` removes nothing, and what it dropped is not shown.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        row = database.connection.execute("SELECT max(run) FROM dropped").fetchone()
        self._run = max(_shown_run(database), row[0] or 0) + 1

    def put(self, batch: Sequence[NewPair]) -> int:
        """Add a batch; gives how many were new."""
        with self._database.write() as connection:
            new = 0
            for pair in batch:
                identifier, fresh = insert(self._database, pair)
                new += fresh
                connection.execute("INSERT OR IGNORE INTO made VALUES (?)", (identifier,))
            return new

    def drop(self, batch: Sequence[NewDropped]) -> None:
        """Add a batch of what did not become a pair."""
        with self._database.write():
            _drop(self._database, self._run, batch)

    def finish(self) -> int:
        """Remove what was not made again, and show what was dropped now; gives how many pairs went."""
        with self._database.write():
            _show_run(self._database, self._run)
        _sweep_dropped(self._database)
        removed, last = 0, 0
        while True:
            with self._database.write() as connection:
                rows = connection.execute(
                    "SELECT id, tokens FROM pairs WHERE decision = 0 AND edited = 0 AND id > ?"
                    " AND id NOT IN (SELECT id FROM made) ORDER BY id LIMIT ?",
                    (last, AT_ONCE),
                ).fetchall()
                ids = [(row["id"],) for row in rows]
                for table in _TABLES:
                    connection.executemany(f"DELETE FROM {table} WHERE pair = ?", ids)
                connection.executemany("DELETE FROM pairs WHERE id = ?", ids)
                _total(self._database, -len(ids), -sum(row["tokens"] for row in rows))
            removed += len(ids)
            if len(ids) < AT_ONCE:
                return removed
            last = ids[-1][0]
            time.sleep(_PAUSE)


@contextmanager
def replacing(database: Database) -> Iterator[Replacing]:
    connection = database.connection
    connection.execute("CREATE TEMP TABLE made (id INTEGER PRIMARY KEY)")
    try:
        yield Replacing(database)
    finally:
        connection.execute("DROP TABLE made")


def insert(database: Database, pair: NewPair) -> tuple[int, bool]:
    """Put a pair in, within a transaction: its id, and whether it is new."""
    connection = database.connection
    row = connection.execute("SELECT pair FROM pair_texts WHERE digest = ?", (pair.digest,)).fetchone()
    stands_for = pair.stands_for or len(pair.stand_ins)
    if row is not None:
        identifier = int(row[0])
        connection.execute(
            "UPDATE pairs SET risk = ?, stands_for = ? WHERE id = ? AND (risk, stands_for) <> (?, ?)",
            (pair.risk, stands_for, identifier, pair.risk, stands_for),
        )
        for table in ("pair_flags", "stand_ins"):
            connection.execute(f"DELETE FROM {table} WHERE pair = ?", (identifier,))
    else:
        cursor = connection.execute(
            "INSERT INTO pairs (source, record, kind, tokens, risk, stands_for) VALUES (?, ?, ?, ?, ?, ?)",
            (pair.source, pair.record, pair.kind, pair.tokens, pair.risk, stands_for),
        )
        identifier = int(cursor.lastrowid or 0)
        messages = json.dumps([dict(message) for message in pair.messages], ensure_ascii=False)
        origin = json.dumps(dict(pair.origin or {}), ensure_ascii=False)
        connection.execute(
            "INSERT INTO pair_texts VALUES (?, ?, ?, ?, ?, ?)",
            (identifier, pair.url, pair.fact, pair.digest, messages, origin),
        )
        connection.execute("INSERT INTO pair_words VALUES (?, ?)", (identifier, search_text(pair.messages)))
        _total(database, 1, pair.tokens)
    if pair.flags:
        rows = [(identifier, flag, reason) for flag, reason in pair.flags.items()]
        connection.executemany("INSERT INTO pair_flags VALUES (?, ?, ?)", rows)
    if pair.stand_ins:
        connection.executemany(
            "INSERT INTO stand_ins (pair, record, url, question, similarity) VALUES (?, ?, ?, ?, ?)",
            [(identifier, s.record, s.url, s.question, s.similarity) for s in pair.stand_ins],
        )
    return identifier, row is None


def replace_dropped(database: Database, rows: Iterable[NewDropped]) -> None:
    """Show what did not become a pair instead of what was there before."""
    with database.write():
        run = _shown_run(database) + 1
        database.connection.execute("DELETE FROM dropped")
        _drop(database, run, rows)
        _show_run(database, run)


def _drop(database: Database, run: int, rows: Iterable[NewDropped]) -> None:
    database.connection.executemany(
        "INSERT INTO dropped (run, record, source, url, reason, detail, text, words) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (run, d.record, d.source, d.url, d.reason, d.detail, d.text, f"{fold(d.text)}\n{fold(d.detail)}\n{d.url}")
            for d in rows
        ),
    )


def _shown_run(database: Database) -> int:
    row = database.connection.execute("SELECT value FROM meta WHERE key = 'dropped'").fetchone()
    return int(row[0]) if row else 0


def _show_run(database: Database, run: int) -> None:
    database.connection.execute("INSERT OR REPLACE INTO meta VALUES ('dropped', ?)", (str(run),))


def _sweep_dropped(database: Database) -> None:
    shown = _shown_run(database)
    removed = AT_ONCE
    while removed == AT_ONCE:
        with database.write() as connection:
            removed = connection.execute(
                "DELETE FROM dropped WHERE id IN (SELECT id FROM dropped WHERE run <> ? LIMIT ?)", (shown, AT_ONCE)
            ).rowcount
        time.sleep(_PAUSE)


def _total(database: Database, pairs: int, tokens: int) -> None:
    database.connection.execute(
        "UPDATE pair_totals SET pairs = pairs + ?, tokens = tokens + ? WHERE decision = 0", (pairs, tokens)
    )
