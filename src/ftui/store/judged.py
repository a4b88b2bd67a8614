"""What a person has decided by hand: pairs with their decision, as a rule is learnt from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ftui.store.database import Database
from ftui.store.matching import made_of
from ftui.store.pair import Decision, Message

BY_HAND = "state = 0 AND unread = 0 AND size <= 50"
"""Steps of the journal that count as by hand: one pair or all phrasings of a fact, but not all of a filter."""

LEAST = 24
"""Rejections by hand before a rule is looked for."""
EVERY = 10
"""Further rejections after which it is looked for again."""
SAMPLE = 2000
"""Decisions that are looked at, the latest ones."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair that was accepted or rejected by hand, as a `matching.Subject`."""

    id: int
    messages: tuple[Message, ...]
    words: str
    tokens: int
    flags: frozenset[str]
    kind: str
    source: int | None
    source_name: str
    fact: str
    made: tuple[str, ...]
    decision: Decision
    edited: bool


def rejected_by_hand(database: Database) -> int:
    """Pairs that were rejected in steps that count as by hand."""
    row = database.connection.execute(
        f"SELECT coalesce(sum(size), 0) FROM journal WHERE {BY_HAND} AND label = 'rejected'"
    ).fetchone()
    return int(row[0])


def judged(database: Database, most: int) -> list[Judged]:
    """At most `most` pairs whose decision was made by hand and still holds, the latest first."""
    connection = database.connection
    found = dict[int, None]()
    rows = connection.execute(
        "SELECT r.pair FROM journal b JOIN journal_rows r ON r.batch = b.id JOIN pairs p ON p.id = r.pair"
        f" WHERE {BY_HAND} AND b.label IN ('accepted', 'rejected') AND p.decision = r.after ORDER BY b.id DESC"
    )
    for row in rows:
        found[row[0]] = None
        if len(found) >= most:
            break
    rows.close()
    names: Mapping[int, str] = dict(map(tuple, connection.execute("SELECT id, name FROM sources")))
    pairs = connection.execute(
        "SELECT id, source, kind, tokens, decision, edited, fact, messages, origin, text,"
        " (SELECT json_group_array(flag) FROM pair_flags f WHERE f.pair = pairs.id) AS flags"
        " FROM pairs JOIN pair_texts ON pair_texts.pair = id JOIN pair_words ON pair_words.pair = id"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(found)),),
    )
    by_id = {
        row["id"]: Judged(
            row["id"],
            tuple(json.loads(row["messages"])),
            row["text"],
            row["tokens"],
            frozenset(json.loads(row["flags"])),
            row["kind"],
            row["source"],
            names.get(row["source"], ""),
            row["fact"],
            made_of(json.loads(row["origin"])),
            Decision(row["decision"]),
            bool(row["edited"]),
        )
        for row in pairs
    }
    return [by_id[identifier] for identifier in found if identifier in by_id]
