"""The flags of a pair whose edit is undone or done again: those of now, not those of then.

A preparation may have given the pair other flags since: `pairs` and `pair_flags` have them
where the pair is as it was made, `pair_originals` where it is edited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ftui.store.database import Database
from ftui.store.journal_step import Step, Way
from ftui.store.pair import Marks, Message

_PREPARED = "prepared"


def prepared(database: Database, now: float) -> None:
    """Within a transaction: pairs have been made again."""
    database.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_PREPARED, str(now)))


def of_now(database: Database, pair: int, fields: Mapping[str, Any], marks: Marks | None) -> Mapping[str, Any]:
    """The fields that a step gives back to a pair, with its flags and its risk as they are now.

    Within a transaction, before the fields are set.

    Args:
        marks: of the text in the fields where they were worked out anew.
    """
    connection = database.connection
    row = connection.execute("SELECT edited, risk FROM pairs WHERE id = ?", (pair,)).fetchone()
    if row is None or "edited" not in fields:
        return fields
    if row["edited"] and not fields["edited"]:
        made = connection.execute("SELECT flags, risk FROM pair_originals WHERE pair = ?", (pair,)).fetchone()
        if made is not None and made["flags"] is not None:
            return {**fields, "flags": json.loads(made["flags"]), "risk": made["risk"]}
    elif fields["edited"] and not row["edited"] and (marks is not None or "flags" in fields):
        flags = dict(map(tuple, connection.execute("SELECT flag, reason FROM pair_flags WHERE pair = ?", (pair,))))
        connection.execute(
            "UPDATE pair_originals SET flags = ?, risk = ? WHERE pair = ?", (json.dumps(flags), row["risk"], pair)
        )
    if fields["edited"] and marks is not None:
        return {**fields, "flags": dict(marks.flags), "risk": marks.risk}
    return fields


def outdated(database: Database, step: Step, way: Way) -> tuple[int, list[Message]] | None:
    """The pair of a step and the text that it would get, where that has no flags of the last preparation.

    None where it has: where nothing was prepared since, or the text is the one that was made.
    """
    if step.label not in ("edited", "reverted"):
        return None
    column = "before" if way == "undo" else "after"
    row = database.connection.execute(
        f"SELECT pair, {column} AS fields FROM journal_rows JOIN journal ON journal.id = batch WHERE batch = ?"
        " AND time <= (SELECT CAST(value AS REAL) FROM meta WHERE key = ?)",
        (step.batch, _PREPARED),
    ).fetchone()
    fields = json.loads(row["fields"]) if row else {}
    return (row["pair"], json.loads(fields["messages"])) if fields.get("edited") else None
