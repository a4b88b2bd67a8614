"""A project with pairs whose texts say their number."""

from __future__ import annotations

from typing import Any

from ftui.store import Store, create_project
from ftui.store.pairs import Decision, NewPair


def make(number: int, question: str = "", answer: str = "", **fields: Any) -> NewPair:
    messages = [
        {"role": "user", "content": question or f"q{number}"},
        {"role": "assistant", "content": answer or f"a{number}"},
    ]
    return NewPair(messages, f"digest{number}", **{"tokens": 10, **fields})


def filled(count: int) -> Store:
    """The project `kettle` with `count` pairs of ids 1, 2, 3 ..."""
    create_project("kettle")
    store = Store("kettle")
    with store.pairs.replacing() as replacing:
        replacing.put([make(number) for number in range(1, count + 1)])
    return store


def decisions(store: Store) -> str:
    """The symbols of all pairs."""
    rows = store.database.connection.execute("SELECT decision FROM pairs ORDER BY id")
    return "".join(Decision(row[0]).symbol for row in rows)


def assert_sound(store: Store) -> None:
    """The file is whole, the counts are those of the rows, and no step is half done."""
    connection = store.database.connection
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    rows = "SELECT decision, count(*), sum(tokens) FROM pairs GROUP BY decision"
    counted = {row[0]: (row[1], row[2]) for row in connection.execute(rows)}
    kept = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT * FROM pair_totals") if row[1]}
    assert counted == kept
    half = connection.execute("SELECT count(*) FROM journal WHERE state >= 3").fetchone()[0]
    assert half == 0
