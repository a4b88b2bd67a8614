"""Pairs that stay although the recipe no longer makes them, and why it does not, as far as that is known."""

from __future__ import annotations

import time

from ftui.store.database import Database
from ftui.store.journal_step import AT_ONCE

OTHERS = "other pairs are made of its record"
"""Why, where something else came of the same record."""
_PAUSE = 0.002


def note(database: Database, run: int) -> None:
    """Replace what was kept before by what is kept now; the numbers of what was made are in `temp.made`.

    A pair that was never made of anything, as one of a chat, is not there.

    Args:
        run: of the rows of `dropped` that say why.
    """
    connection = database.connection
    connection.execute("CREATE TEMP TABLE stays (id INTEGER PRIMARY KEY, record INTEGER)")
    connection.execute("CREATE TEMP TABLE fates (record INTEGER PRIMARY KEY, why TEXT)")
    try:
        # All of it is read, and written beside the project's file: nobody waits for it.
        connection.execute(
            "INSERT INTO stays SELECT id, record FROM pairs WHERE id NOT IN (SELECT id FROM made)"
            " AND (record IS NOT NULL OR source IS NOT NULL OR kind = 'general')"
        )
        if connection.execute("SELECT 1 FROM stays LIMIT 1").fetchone():
            connection.execute(
                "INSERT OR IGNORE INTO fates SELECT record, ? FROM pairs"
                " WHERE record IN (SELECT record FROM stays) AND id IN (SELECT id FROM made)",
                (OTHERS,),
            )
            # The first row of a record says what became of it as a whole.
            connection.execute(
                "INSERT OR IGNORE INTO fates SELECT record, reason FROM (SELECT record, reason, min(id) FROM dropped"
                " WHERE run = ? AND record IN (SELECT record FROM stays) GROUP BY record)",
                (run,),
            )
        _forget_others(database)
        _write(database)
    finally:
        connection.execute("DROP TABLE stays")
        connection.execute("DROP TABLE fates")


def _forget_others(database: Database) -> None:
    removed = AT_ONCE
    while removed == AT_ONCE:
        with database.write() as connection:
            removed = connection.execute(
                "DELETE FROM kept WHERE pair IN"
                " (SELECT pair FROM kept WHERE pair NOT IN (SELECT id FROM stays) LIMIT ?)",
                (AT_ONCE,),
            ).rowcount
        time.sleep(_PAUSE)


def _write(database: Database) -> None:
    last = 0
    part = "SELECT max(id) FROM (SELECT id FROM stays WHERE id > ? ORDER BY id LIMIT ?)"
    while to := database.connection.execute(part, (last, AT_ONCE)).fetchone()[0]:
        with database.write() as connection:
            connection.execute(
                "INSERT INTO kept SELECT id, stays.record, coalesce(why, '')"
                " FROM stays LEFT JOIN fates ON fates.record = stays.record WHERE id > ? AND id <= ?"
                " ON CONFLICT (pair) DO UPDATE SET record = excluded.record, why = excluded.why"
                " WHERE (record, why) IS NOT (excluded.record, excluded.why)",
                (last, to),
            )
        last = to
        time.sleep(_PAUSE)
