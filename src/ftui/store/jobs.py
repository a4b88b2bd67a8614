"""Fine-tuning jobs with their events and metrics, as last seen at the provider."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ftui.errors import FtuiError, InputError
from ftui.store.database import Database

ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""States after which nothing changes. An unknown state is shown as it is and followed on."""


@dataclass(frozen=True, slots=True)
class Job:
    """One fine-tuning run at a provider.

    Attributes:
        tag: our own id, sent as metadata, by which a job is found again after a lost answer.
        cost_at_most: dollars, None when the price is not known.
        remote: the provider's id, None until it has answered.
        version: the dataset version it trains on, None until it is frozen.
        state: "new" before that, then the provider's own word.
    """

    id: int
    name: str
    tag: str
    provider: str
    base_url: str
    base_model: str
    version: int | None
    hyperparameters: Mapping[str, Any]
    cost_at_most: float | None
    remote: str | None
    state: str
    step: int | None
    total_steps: int | None
    trained_tokens: int | None
    estimated_finish: float | None
    fine_tuned_model: str | None
    error: FtuiError | None
    created: float
    submitted: float | None
    finished: float | None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class JobEvent:
    id: str
    time: float
    level: str
    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Metric:
    """What was measured at one step; None where the provider gave no value. Losses in nats."""

    step: int
    train_loss: float | None = None
    valid_loss: float | None = None
    train_accuracy: float | None = None
    valid_accuracy: float | None = None


class Jobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def next_name(self, project: str) -> str:
        """`lumora-3`: the project's name and the next number."""
        rows = self._database.connection.execute("SELECT name FROM jobs")
        numbers = [int(m[1]) for row in rows if (m := re.search(r"-(\d+)$", row[0]))]
        return f"{project}-{max(numbers, default=0) + 1}"

    def add(
        self,
        name: str,
        *,
        provider: str,
        base_url: str,
        base_model: str,
        version: int | None,
        hyperparameters: Mapping[str, Any],
        cost_at_most: float | None,
    ) -> Job:
        """Write a job down before anything is sent."""
        with self._database.write(durable=True) as connection:
            cursor = connection.execute(
                "INSERT INTO jobs (name, tag, provider, base_url, base_model, version, hyperparameters,"
                " cost_at_most, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    name,
                    f"ftui-{uuid.uuid4().hex[:16]}",
                    provider,
                    base_url,
                    base_model,
                    version,
                    json.dumps(hyperparameters),
                    cost_at_most,
                    time.time(),
                ),
            )
        return self.get(int(cursor.lastrowid or 0))

    def get(self, identifier: int) -> Job:
        row = self._database.connection.execute("SELECT * FROM jobs WHERE id = ?", (identifier,)).fetchone()
        if row is None:
            raise InputError("There is no such job", f"no job has the number {identifier}", "See: ftui status")
        return _job(row)

    def find(self, name: str) -> Job:
        """By our name, our tag or the provider's id."""
        row = self._database.connection.execute(
            "SELECT * FROM jobs WHERE ? IN (name, tag, remote) ORDER BY id DESC", (name,)
        ).fetchone()
        if row is None:
            raise InputError(f"There is no job {name!r}", "this project has none of that name", "See: ftui status")
        return _job(row)

    def all(self) -> list[Job]:
        """The newest first."""
        return [_job(row) for row in self._database.connection.execute("SELECT * FROM jobs ORDER BY id DESC")]

    def newest(self) -> int:
        """The id of the newest one, 0 where there is none."""
        return int(self._database.connection.execute("SELECT coalesce(max(id), 0) FROM jobs").fetchone()[0])

    def update(self, identifier: int, **fields: Any) -> None:
        """Change columns of a job; `error` is an `FtuiError` or None."""
        if isinstance(fields.get("error"), FtuiError):
            fields["error"] = json.dumps(fields["error"].as_dict())
        names = ", ".join(f"{name} = ?" for name in fields)
        with self._database.write(durable="remote" in fields or "state" in fields) as connection:
            connection.execute(f"UPDATE jobs SET {names} WHERE id = ?", [*fields.values(), identifier])

    def give_up(self, identifier: int) -> None:
        """A person cancelled a job before it was sent: it has ended, and nothing was bought."""
        with self._database.write(durable=True) as connection:
            self.update(identifier, state="cancelled", error=None, finished=time.time())
            connection.execute(
                "UPDATE spending SET actual = 0 WHERE reference = (SELECT tag FROM jobs WHERE id = ?)", (identifier,)
            )

    def add_events(self, identifier: int, events: Iterable[JobEvent]) -> None:
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO job_events VALUES (?, ?, ?, ?, ?, ?)",
                [(identifier, e.id, e.time, e.level, e.type, e.message) for e in events],
            )

    def events(self, identifier: int, limit: int = 200) -> list[JobEvent]:
        """The last events, oldest first, without those that only carry metrics."""
        rows = self._database.connection.execute(
            "SELECT id, time, level, type, message FROM job_events WHERE job = ? AND type != 'metrics'"
            " ORDER BY time DESC, id DESC LIMIT ?",
            (identifier, limit),
        ).fetchall()
        return [JobEvent(**dict(row)) for row in reversed(rows)]

    def event_ids(self, identifier: int) -> set[str]:
        rows = self._database.connection.execute("SELECT id FROM job_events WHERE job = ?", (identifier,))
        return {row[0] for row in rows}

    def add_metrics(self, identifier: int, metrics: Iterable[Metric]) -> None:
        """Add what was measured; a later value for a step fills what an earlier one left out."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO job_metrics VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (job, step) DO UPDATE SET"
                " train_loss = coalesce(excluded.train_loss, train_loss),"
                " valid_loss = coalesce(excluded.valid_loss, valid_loss),"
                " train_accuracy = coalesce(excluded.train_accuracy, train_accuracy),"
                " valid_accuracy = coalesce(excluded.valid_accuracy, valid_accuracy)",
                [(identifier, m.step, m.train_loss, m.valid_loss, m.train_accuracy, m.valid_accuracy) for m in metrics],
            )

    def metrics(self, identifier: int) -> list[Metric]:
        rows = self._database.connection.execute(
            "SELECT step, train_loss, valid_loss, train_accuracy, valid_accuracy FROM job_metrics"
            " WHERE job = ? ORDER BY step",
            (identifier,),
        )
        return [Metric(**dict(row)) for row in rows]


def _job(row: Any) -> Job:
    fields = dict(row)
    fields["hyperparameters"] = json.loads(fields["hyperparameters"])
    fields["error"] = FtuiError.from_dict(json.loads(fields["error"])) if fields["error"] else None
    return Job(**fields)
