"""An earlier job, as the list of Bright Data tells of it, and whether it is the one that was asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

_MOST_COMPARED = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An earlier job, as the list of the service tells of it.

    Attributes:
        id, dataset_id: as the service calls them.
        status: in the words of the service ("running", "ready", "failed", …).
        created: when it was asked for, ISO 8601, or "".
        records, bytes, cost: as far as the list tells them; cost in US dollars.
    """

    id: str
    dataset_id: str
    status: str
    created: str
    records: int | None = None
    bytes: int | None = None
    cost: float | None = None


def snapshot_of(row: Mapping[str, Any], dataset_id: str) -> Snapshot:
    """The job that a row of the list stands for; the row has an id."""

    def number(*names: str) -> float | None:
        values = (row.get(name) for name in names)
        return next((value for value in values if isinstance(value, int | float) and not isinstance(value, bool)), None)

    records, size = number("dataset_size", "records"), number("file_size", "size")
    return Snapshot(
        id=str(row["id"]),
        dataset_id=str(row.get("dataset_id") or dataset_id),
        status=str(row.get("status") or "unknown"),
        created=str(row.get("created") or ""),
        records=None if records is None else int(records),
        bytes=None if size is None else int(size),
        cost=number("cost"),
    )


def when(snapshot: Snapshot) -> float:
    """The moment at which a snapshot was asked for, Unix seconds; 0 when the list does not say."""
    try:
        moment = datetime.fromisoformat(snapshot.created)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def same_input(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Any]) -> bool:
    """Whether a job was asked for exactly these inputs, in any order.

    To take another job for ours costs some rows; to miss ours means to pay twice. So
    addresses and numbers may look a little different, and the service may have added
    fields of its own.
    """
    rest = [row for row in theirs if isinstance(row, Mapping)]
    if len(rest) != len(ours):
        return False
    names = sorted({name for row in ours for name in row})
    if _counted(ours, names) == _counted(rest, names):
        return True
    if len(ours) > _MOST_COMPARED:
        return False
    plain = [{name: _plain(value) for name, value in row.items()} for row in rest]
    for row in ours:
        wanted = {name: _plain(value) for name, value in row.items()}
        match = next((other for other in plain if wanted.items() <= other.items()), None)
        if match is None:
            return False
        plain.remove(match)
    return True


def _counted(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(_plain(row.get(name)) for name in names) for row in rows)


def _plain(value: Any) -> str:
    """One value without what differs between the ways in which it is sent and told."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, sort_keys=True, default=str)
    text = unquote(value).strip().casefold().rstrip("/")
    for prefix in ("https://", "http://", "www."):
        text = text.removeprefix(prefix)
    return text
