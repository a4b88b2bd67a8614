"""How pairs come into the store, and go again when a recipe no longer makes them."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from ftui.store import edit_marks, kept
from ftui.store.database import BULK_CACHE, Database
from ftui.store.folding import fold
from ftui.store.journal import AT_ONCE, State
from ftui.store.pair import NewDropped, NewPair, search_text

_PAUSE = 0.002
_TABLES = ("pair_texts", "pair_words", "pair_originals", "pair_flags", "stand_ins")


class Replacing:
    """A preparation in progress.

    A pair that was there before keeps its id, its decision and its edit; where it comes from, its
    flags, its risk and what it stands for are as they are now. Flags and risk of an edited one are
    those of its edit, and the new ones come back with its first text. One that the recipe no longer makes
    goes at `finish`, unless a person has decided on it, or could undo or redo something that was done
    to a few pairs and this one. A preparation that is cut off
    before `finish` removes nothing, and what it dropped is not shown.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        row = database.connection.execute("SELECT max(run) FROM dropped").fetchone()
        self._run = max(_shown_run(database), row[0] or 0) + 1

    def put(self, batch: Sequence[NewPair]) -> int:
        """Add a batch; gives how many were new."""
        with self._database.write() as connection:
            ids, new = insert(self._database, batch)
            connection.executemany("INSERT OR IGNORE INTO made VALUES (?)", [(i,) for i in ids])
            edit_marks.prepared(self._database, time.time())
            return new

    def drop(self, batch: Sequence[NewDropped]) -> None:
        """Add a batch of what did not become a pair."""
        with self._database.write():
            _drop(self._database, self._run, batch)

    def finish(self) -> int:
        """Remove what was not made again, note what stays all the same, and show what was dropped now.

        Gives how many pairs went.
        """
        with self._database.write():
            _show_run(self._database, self._run)
        _sweep_dropped(self._database)
        # All but the last few of the steps are read before anybody has to wait for it.
        removed, last, step = 0, 0, self._spare_steps(0)
        while True:
            with self._database.write() as connection:
                step = self._spare_steps(step)
                rows = connection.execute(
                    "SELECT id, tokens FROM pairs WHERE decision = 0 AND edited = 0 AND id > ?"
                    " AND id NOT IN (SELECT id FROM made) AND id NOT IN (SELECT id FROM spared) ORDER BY id LIMIT ?",
                    (last, AT_ONCE),
                ).fetchall()
                ids = [(row["id"],) for row in rows]
                for table in _TABLES:
                    connection.executemany(f"DELETE FROM {table} WHERE pair = ?", ids)
                connection.executemany("DELETE FROM pairs WHERE id = ?", ids)
                _total(self._database, -len(ids), -sum(row["tokens"] for row in rows))
            removed += len(ids)
            if len(ids) < AT_ONCE:
                kept.note(self._database, self._run)
                return removed
            last = ids[-1][0]
            time.sleep(_PAUSE)

    def _spare_steps(self, after: int) -> int:
        """Spare the pairs of small steps behind a step that can be undone or redone; gives the last step."""
        connection = self._database.connection
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0]
        connection.execute(
            "INSERT OR IGNORE INTO spared SELECT pair FROM journal JOIN journal_rows ON batch = journal.id"
            " WHERE journal.id > ? AND journal.id <= ? AND size <= ? AND state IN (?, ?, ?)",
            (after, newest, AT_ONCE, State.DONE, State.UNDONE, State.DECIDING),
        )
        return int(newest)


@contextmanager
def replacing(database: Database) -> Iterator[Replacing]:
    connection = database.connection
    connection.execute("CREATE TEMP TABLE made (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TEMP TABLE spared (id INTEGER PRIMARY KEY)")
    # The index of a million digests has no order in it: without this, each of them is read from the file.
    usual = connection.execute("PRAGMA main.cache_size").fetchone()[0]
    connection.execute(f"PRAGMA main.cache_size = -{BULK_CACHE}")
    try:
        yield Replacing(database)
    finally:
        connection.execute(f"PRAGMA main.cache_size = {usual}")
        connection.execute("DROP TABLE made")
        connection.execute("DROP TABLE spared")


def insert(database: Database, pairs: Sequence[NewPair]) -> tuple[list[int], int]:
    """Put pairs in, within a transaction: the id of each, and how many are new."""
    connection = database.connection
    digests = orjson.dumps([pair.digest for pair in pairs]).decode()
    known: dict[str, int] = {
        row["digest"]: row["pair"]
        for row in connection.execute(
            "SELECT digest, pair FROM pair_texts WHERE digest IN (SELECT value FROM json_each(?))", (digests,)
        )
    }
    there = {known[pair.digest]: pair for pair in pairs if pair.digest in known}
    new: dict[str, NewPair] = {}
    for pair in pairs:
        if pair.digest not in known:
            new.setdefault(pair.digest, pair)
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'pairs'").fetchone()
    added = dict(enumerate(new.values(), (row[0] if row else 0) + 1))
    known |= {pair.digest: identifier for identifier, pair in added.items()}
    _insert_new(database, added)
    edited = _edited(database, there) if there else ()
    _refresh(database, there, edited)
    _insert_marks(database, {**there, **added}, edited)
    return [known[pair.digest] for pair in pairs], len(added)


def _insert_new(database: Database, pairs: Mapping[int, NewPair]) -> None:
    connection = database.connection
    connection.executemany(
        "INSERT INTO pairs (id, source, record, kind, tokens, risk, stands_for) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (i, pair.source, pair.record, pair.kind, pair.tokens, pair.risk, _stands_for(pair))
            for i, pair in pairs.items()
        ],
    )
    connection.executemany(
        "INSERT INTO pair_texts VALUES (?, ?, ?, ?, ?, ?)",
        [
            (i, pair.url, pair.fact, pair.digest, dump([dict(m) for m in pair.messages]), dump(dict(pair.origin or {})))
            for i, pair in pairs.items()
        ],
    )
    connection.executemany(
        "INSERT INTO pair_words VALUES (?, ?)", [(i, search_text(pair.messages)) for i, pair in pairs.items()]
    )
    _total(database, len(pairs), sum(pair.tokens for pair in pairs.values()))


def _edited(database: Database, pairs: Iterable[int]) -> set[int]:
    """Those of some pairs that are edited, and know the flags that they were made with."""
    rows = database.connection.execute(
        "SELECT pair FROM pair_originals JOIN pairs ON id = pair"
        " WHERE pair IN (SELECT value FROM json_each(?)) AND edited = 1 AND flags IS NOT NULL",
        (orjson.dumps(list(pairs)).decode(),),
    )
    return {row[0] for row in rows}


def _refresh(database: Database, pairs: Mapping[int, NewPair], edited: Collection[int]) -> None:
    connection = database.connection
    connection.executemany(
        "UPDATE pairs SET source = ?1, record = ?2, kind = ?3, stands_for = ?4, risk = coalesce(?5, risk) WHERE id = ?6"
        " AND (source, record, kind, stands_for, risk) IS NOT (?1, ?2, ?3, ?4, coalesce(?5, risk))",
        [
            (pair.source, pair.record, pair.kind, _stands_for(pair), None if i in edited else pair.risk, i)
            for i, pair in pairs.items()
        ],
    )
    connection.executemany(
        "UPDATE pair_texts SET url = ?1, fact = ?2, origin = ?3"
        " WHERE pair = ?4 AND (url, fact, origin) <> (?1, ?2, ?3)",
        [(pair.url, pair.fact, dump(dict(pair.origin or {})), i) for i, pair in pairs.items()],
    )
    for i in edited:
        marks = json.dumps(dict(pairs[i].flags)), pairs[i].risk, i
        connection.execute("UPDATE pair_originals SET flags = ?, risk = ? WHERE pair = ?", marks)
    connection.executemany("DELETE FROM pair_flags WHERE pair = ?", [(i,) for i in pairs if i not in edited])
    connection.executemany("DELETE FROM stand_ins WHERE pair = ?", [(i,) for i in pairs])


def _insert_marks(database: Database, pairs: Mapping[int, NewPair], edited: Collection[int]) -> None:
    connection = database.connection
    connection.executemany(
        "INSERT INTO pair_flags VALUES (?, ?, ?)",
        [(i, *flag) for i, pair in pairs.items() if i not in edited for flag in pair.flags.items()],
    )
    stand_ins = [
        (i, other.record, other.url, other.question, other.similarity, other.source)
        for i, pair in pairs.items()
        for other in pair.stand_ins
    ]
    if stand_ins:
        connection.executemany(
            "INSERT INTO stand_ins (pair, record, url, question, similarity, source) VALUES (?, ?, ?, ?, ?, ?)",
            stand_ins,
        )


def _stands_for(pair: NewPair) -> int:
    return pair.stands_for or len(pair.stand_ins)


def dump(value: Any) -> str:
    """JSON as the store keeps it."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, orjson.JSONEncodeError):
        # Half of a surrogate pair, or a number beyond 64 bits.
        return json.dumps(value)


def replace_dropped(database: Database, rows: Iterable[NewDropped]) -> None:
    """Show what did not become a pair instead of what was there before."""
    with database.write():
        run = _shown_run(database) + 1
        database.connection.execute("DELETE FROM dropped")
        _drop(database, run, rows)
        _show_run(database, run)


def _drop(database: Database, run: int, rows: Iterable[NewDropped]) -> None:
    database.connection.executemany(
        "INSERT INTO dropped (run, record, source, url, reason, detail, text, same, alike, words)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((run, d.record, d.source, d.url, d.reason, d.detail, d.text, d.same, d.alike, _words(d)) for d in rows),
    )


def _words(dropped: NewDropped) -> str:
    return f"{fold(dropped.text)}\n{fold(dropped.detail)}\n{dropped.url}"


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
