"""Views: the ids of what passes a filter, in an order, the first of them at once."""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ftui.errors import InputError
from ftui.store.database import Database
from ftui.store.filters import Filter, Term, either, write
from ftui.store.folding import LEADS, fold
from ftui.store.pair import Decision

FIRST = 200
"""Ids of the first part of a view: more than a screen shows."""
_NAMED = 3
"""Sources or reasons that are named where one is written that there is not."""
_SMALLEST = 20
_LARGEST = 50_000
_MOMENT = 0.05
"""Seconds that what was found waits for more."""
SHOWN = "run = coalesce((SELECT cast(value AS INTEGER) FROM meta WHERE key = 'dropped'), 0)"
"""Of what did not become a pair, that of the last preparation that came to its end."""

_COMMON = LEADS + " etaoinsrhldcumfp.,gwyb-0123456789vkjxqz"
"""Signs of texts, the most frequent first; others are rarer."""
_MIX = "(id + {0}) * (id + {0}) % 2147483629 * 1640531527 % 2147483629"
"""A number that has no order in it: a square modulo a prime, below 2^63 on the way, where SQLite leaves integers."""
_ORDERS = {
    "order": "",
    "risk": "risk DESC, id",
    "length": "tokens DESC, id",
    "source": "source, id",
    "random": f"{_MIX}, id",
}
_ORDERS_OF_DROPPED = {**_ORDERS, "risk": "", "length": "length(text) DESC, id"}


def parts(database: Database, wanted: Filter) -> Iterator[Sequence[int]]:
    """The ids of a view in parts, small ones first: each is `range` or `array('q')`.

    A view of pairs has ids of pairs; one with `dropped` has ids of dropped rows.
    All pairs in the order in which they were made are one `range` where no id is missing.
    Ends early when `Database.interrupt` is called from another thread.

    Raises:
        InputError: the filter is not in the language, says what is wrong.
    """
    if wanted.plain:
        row = database.connection.execute(
            "SELECT (SELECT min(id) FROM pairs), (SELECT max(id) FROM pairs), sum(pairs) FROM pair_totals"
        ).fetchone()
        if row[2] and row[1] - row[0] + 1 == row[2]:
            yield range(row[0], row[1] + 1)
            return
    query, values, order = _query(database, wanted)
    try:
        if order:
            # The best few are there long before all of them are sorted.
            query += f" ORDER BY {order}"
            first = array("q", _read(database, f"{query} LIMIT {FIRST}", values))
            yield first
            # Not by OFFSET: a decision between the two reads moves what comes behind it.
            given = frozenset(first)
            yield from _grown(found for found in _read(database, query, values) if found not in given)
        else:
            yield from _grown(_read(database, query, values))
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise


def check(database: Database, wanted: Filter) -> None:
    """Whether a view can be asked for.

    Raises:
        InputError: as `parts`.
    """
    _query(database, wanted)


def ids(database: Database, wanted: Filter) -> range | array[int]:
    """All ids of a view."""
    found: array[int] = array("q")
    for part in parts(database, wanted):
        if isinstance(part, range):
            return part
        found.extend(part)
    return found


def _grown(ids: Iterator[int]) -> Iterator[array[int]]:
    """Ids in ever larger parts; while they are few and far between, what there is after a moment."""
    part, size, due = array("q"), _SMALLEST, time.monotonic() + _MOMENT
    for found in ids:
        part.append(found)
        full = len(part) >= size
        if full or time.monotonic() >= due:
            yield part
            part, due = array("q"), time.monotonic() + _MOMENT
            size *= 5 if full else 1
            if size > FIRST:
                break
    if part:
        yield part
    while part := array("q", islice(ids, size)):
        yield part
        size = min(size * 4, _LARGEST)


def _read(database: Database, query: str, values: Sequence[Any]) -> Iterator[int]:
    cursor = database.connection.cursor()
    cursor.row_factory = None
    return (row[0] for row in cursor.execute(query, values))


def _query(database: Database, wanted: Filter) -> tuple[str, list[Any], str]:
    """The SELECT of a view without its order, the values of its marks, and the order."""
    terms = wanted.terms()
    conditions, values = list[str](), list[Any]()
    dropped = any(term.key == "dropped" for term in terms)
    searched = any(not term.key for term in terms)
    for term in terms:
        condition, more = _condition(database, term, dropped)
        if condition:
            conditions.append(condition if term.wanted else f"NOT ({condition})")
            values += more
    if dropped:
        table, orders = "dropped", _ORDERS_OF_DROPPED
        conditions.append(SHOWN)
    else:
        orders = _ORDERS
        table = "pair_words JOIN pairs ON id = pair" if searched else "pairs"
        if searched and not orders[wanted.order] and all(not term.key for term in terms):
            table = "(SELECT pair AS id, text FROM pair_words)"
    order = orders[wanted.order].format(wanted.seed * 7919 % 1_000_003)
    query = f"SELECT id FROM {table}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
    if not order:
        query += " ORDER BY id"
    return query, values, order


def _condition(database: Database, term: Term, dropped: bool) -> tuple[str, list[Any]]:
    value = term.value
    match term.key:
        case "":
            return _word(fold(value), "words" if dropped else "text")
        case "is":
            if value in ("domain", "general"):
                return "kind = ?", [value]
            if value == "edited":
                return "edited = 1", []
            if value == "flagged":
                return "id IN (SELECT pair FROM pair_flags)", []
            if value == "kept":
                return "id IN (SELECT pair FROM kept)", []
            return "decision = ?", [int(Decision[value.upper()])]
        case "flag":
            return "id IN (SELECT pair FROM pair_flags WHERE flag = ?)", [_flag(database, value)]
        case "tokens":
            sign, number = term.number()
            return f"tokens {sign} ?", [number]
        case "fact":
            return "id IN (SELECT pair FROM pair_texts WHERE fact = ?)", [_fact(database, value)]
        case "pair":
            return "id = ?", [int(value)]
        case "made":
            # Of all texts only those of the rows that are left: no list of them is made first.
            made = "lower(json_extract(origin, '$.template')), lower(json_extract(origin, '$.phrasing'))"
            return f"EXISTS (SELECT 1 FROM pair_texts t WHERE t.pair = pairs.id AND ? IN ({made}))", [value.lower()]
        case "source":
            found = _sources(database, value)
            return f"coalesce(source, 0) IN ({', '.join('?' * len(found))})", list[Any](found)
        case _:
            reasons = _reasons(database, value) if value else None
            if reasons is None:
                return "", []
            return f"reason IN ({', '.join('?' * len(reasons))})", list[Any](reasons)


def _word(word: str, column: str) -> tuple[str, list[Any]]:
    """A condition that a folded text holds a folded word.

    GLOB leaps from one place where the pattern's first letter stands to the next:
    so it gets the word from its rarest letter on, and only what passes is looked at in full.
    """
    if not word:
        return "", []
    start = max(range(len(word)), key=lambda place: (_COMMON.find(word[place]) % (len(_COMMON) + 1), -place))
    pattern = "*" + "".join(f"[{sign}]" if sign in "*?[" else sign for sign in word[start:]) + "*"
    if start == 0:
        return f"{column} GLOB ?", [pattern]
    return f"({column} GLOB ? AND instr({column}, ?))", [pattern, word]


def _flag(database: Database, value: str) -> str:
    flag = value.lower()
    if not database.connection.execute("SELECT 1 FROM pair_flags WHERE flag = ? LIMIT 1", (flag,)).fetchone():
        rows = database.connection.execute("SELECT flag FROM pair_flags GROUP BY flag ORDER BY count(*) DESC, flag")
        flags = [row[0] for row in rows]
        listed = f"the flags are: {', '.join(flags)}"
        raise InputError(f"No pair has the flag {value!r}", *_there_are("flag", flags, listed))
    return flag


def _fact(database: Database, value: str) -> str:
    """The fact of this mark, or the only one whose mark begins so."""
    rows = database.connection.execute(
        "SELECT DISTINCT fact FROM pair_texts WHERE fact >= ? AND fact < ? || char(0x10FFFF) ORDER BY fact LIMIT ?",
        (value, value, _NAMED + 1),
    )
    facts = [row[0] for row in rows]
    if not facts:
        raise InputError(
            f"No fact is marked {value!r}",
            "a mark stands beside the source of a pair, where its fact has several phrasings",
            "Write it, or its beginning, as it stands there",
        )
    if len(facts) > 1 and facts[0] != value:
        raise InputError(f"Several facts are marked {value}…", *_there_are("fact", facts, "it is too short to tell"))
    return str(facts[0])


def _sources(database: Database, value: str) -> list[int]:
    rows = database.connection.execute("SELECT id, name FROM sources ORDER BY id").fetchall()
    found = [row["id"] for row in rows if str(row["id"]) == value or fold(value) in fold(row["name"])]
    if not found:
        names = [row["name"] for row in rows]
        listed = ", ".join(f"{row['id']} {row['name']}" for row in rows)
        raise InputError(f"No source is called {value!r}", *_there_are("source", names, f"the sources are: {listed}"))
    return found


def _reasons(database: Database, value: str) -> list[str]:
    """The reason of this name, or all that it is a part of."""
    rows = database.connection.execute(f"SELECT DISTINCT reason FROM dropped WHERE {SHOWN} ORDER BY reason").fetchall()
    reasons, part = [row[0] for row in rows], fold(value)
    found = (
        [reason for reason in reasons if reason == value]
        or [reason for reason in reasons if fold(reason) == part]
        or [reason for reason in reasons if part in fold(reason)]
    )
    if not found:
        listed = f"the reasons are: {', '.join(reasons)}"
        raise InputError(f"Nothing was dropped for {value!r}", *_there_are("dropped", reasons, listed))
    return found


def _there_are(key: str, names: Sequence[str], listed: str) -> tuple[str, str]:
    """The why and the do of an error: all names, and the first few as they can be written."""
    if not names:
        return "there are none", ""
    few = [write([Term(key, name)]) for name in names[:_NAMED]]
    return listed, f"Write {either([*few, 'another of them'] if len(names) > _NAMED else few)}"
