"""An earlier job, as the list of Bright Data tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
