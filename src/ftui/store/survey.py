"""What is in some records: their fields, how often each is filled, and its values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DEEPEST = 3
_MOST_VALUES = 1000
_SHOWN = 50
_LONGEST = 200
_KINDS = {str: "text", bool: "yes/no", int: "number", float: "number", list: "list", dict: "object"}


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One field of the records.

    Attributes:
        name: a field within an object as `outer.inner`.
        filled: records in which it holds something.
        kinds: what it holds ("text", "number", "yes/no", "list", "object"), most frequent first.
        distinct: different values, counted up to 1,000.
        values: the most frequent values as text, shortened, with their counts.
    """

    name: str
    filled: int
    kinds: tuple[str, ...]
    distinct: int
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """The fields of a source's records.

    Attributes:
        read: records that were read for it.
        records: records that the source has.
    """

    read: int
    records: int
    fields: tuple[FieldSummary, ...]


class _Field:
    """What is counted of a field."""

    def __init__(self) -> None:
        self.filled = 0
        self.kinds: Counter[str] = Counter()
        self.values: Counter[str] = Counter()

    def take(self, value: Any) -> None:
        self.filled += 1
        self.kinds[_KINDS.get(type(value), "text")] += 1
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text = text[:_LONGEST]
        if text in self.values or len(self.values) < _MOST_VALUES:
            self.values[text] += 1


def survey(rows: Iterable[Mapping[str, Any]], records: int) -> Survey:
    """Count the fields of some records, in the order in which they first come."""
    found: dict[str, _Field] = {}
    read = 0
    for row in rows:
        read += 1
        for name, value in _fields(row, ""):
            field = found.setdefault(name, _Field())
            if value not in (None, "", [], {}):
                field.take(value)
    return Survey(
        read,
        records,
        tuple(
            FieldSummary(
                name,
                field.filled,
                tuple(kind for kind, _ in field.kinds.most_common()),
                len(field.values),
                tuple(field.values.most_common(_SHOWN)),
            )
            for name, field in found.items()
        ),
    )


def _fields(row: Mapping[str, Any], before: str, depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        yield before + name, value
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _fields(value, f"{before}{name}.", depth + 1)
