"""The queue between those who want long work done and the worker that does it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ftui.errors import FtuiError, InputError
from ftui.events import Failure, Note, Progress
from ftui.store.database import Database

OPEN = ("queued", "running", "paused")
"""States of a task that is not finished. The others: done, failed, stopped."""
WRITING = ("prepare", "write")
"""Kinds of tasks in which a model writes. Their ledgers stay: what it wrote is paid, and of use to each later one."""


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of long work.

    Attributes:
        kind: "collect", "prepare", "write", "install", "train" or "compare".
        state: queued, running, paused, done, failed or stopped.
        control: what a person asked of the worker: "stop", "pause", "resume" (of a job) or None.
        checkpoint: what the task needs to go on after a crash.
        progress: the last `Progress`.
        started: seconds since the epoch, of the current attempt, or of the part of it that is counted now.
        done_before: units that earlier attempts had done.
    """

    id: int
    kind: str
    title: str
    args: Mapping[str, Any]
    state: str
    control: str | None
    checkpoint: Mapping[str, Any]
    progress: Progress
    result: Mapping[str, Any] | None
    error: FtuiError | None
    source: int | None
    created: float
    started: float | None
    finished: float | None
    done_before: int = 0

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def pausing(self) -> bool:
        """Whether it is paused, or will be as soon as its worker sees the wish."""
        return self.state == "paused" or (self.open and self.control == "pause")

    def rate(self, now: float) -> float | None:
        """Units a second in this attempt, None before anything is known."""
        if self.started is None or not self.progress.done:
            return None
        seconds = (self.finished or now) - self.started
        return max(self.progress.done - self.done_before, 0) / seconds if seconds > 0.5 else None

    def seconds_left(self, now: float) -> float | None:
        rate, total = self.rate(now), self.progress.total
        if not rate or total is None or self.state != "running":
            return None
        return max(total - self.progress.done, 0) / rate


class Tasks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, title: str, args: Mapping[str, Any], source: int | None = None) -> int:
        """Queue a task and give its number. The caller starts the worker (`worker.ensure`)."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "INSERT INTO tasks (kind, title, args, source, created) VALUES (?, ?, ?, ?, ?)",
                (kind, title, json.dumps(args), source, time.time()),
            )
            return int(cursor.lastrowid or 0)

    def get(self, identifier: int) -> Task:
        row = self._database.connection.execute("SELECT * FROM tasks WHERE id = ?", (identifier,)).fetchone()
        if row is None:
            raise InputError("There is no such task", f"no task has the number {identifier}")
        return _task(row)

    def all(self, *, states: Sequence[str] = (), kind: str = "", limit: int = 200) -> list[Task]:
        """Tasks, the newest first."""
        query, values = "SELECT * FROM tasks WHERE 1", list[Any]()
        if states:
            query += f" AND state IN ({', '.join('?' * len(states))})"
            values += states
        if kind:
            query += " AND kind = ?"
            values.append(kind)
        rows = self._database.connection.execute(query + " ORDER BY id DESC LIMIT ?", [*values, limit])
        return [_task(row) for row in rows]

    def latest(self, kind: str, source: int | None = None) -> Task | None:
        query, values = "SELECT * FROM tasks WHERE kind = ?", list[Any]([kind])
        if source is not None:
            query += " AND source = ?"
            values.append(source)
        row = self._database.connection.execute(query + " ORDER BY id DESC LIMIT 1", values).fetchone()
        return _task(row) if row else None

    def ask(self, identifier: int, control: str | None) -> None:
        """Ask for a task to "stop" or "pause"; None lets a paused, stopped or failed one go on.

        One that does not run stops at once, what a worker does it stops itself.
        """
        with self._database.write() as connection:
            connection.execute("UPDATE tasks SET control = ? WHERE id = ?", (control, identifier))
            if control is None:
                connection.execute(
                    "UPDATE tasks SET state = 'queued', error = NULL, finished = NULL"
                    " WHERE id = ? AND state IN ('paused', 'failed', 'stopped')",
                    (identifier,),
                )
            else:
                connection.execute(
                    "UPDATE tasks SET state = ?, finished = ? WHERE id = ? AND state IN ('queued', 'paused')",
                    ("paused" if control == "pause" else "stopped", time.time(), identifier),
                )

    def set_control(self, identifier: int, control: str | None) -> None:
        """Leave a wish for whoever does the task; None when it has been seen to."""
        with self._database.write() as connection:
            connection.execute("UPDATE tasks SET control = ? WHERE id = ?", (control, identifier))

    def set_args(self, identifier: int, args: Mapping[str, Any]) -> None:
        """Let a task that no worker is at do something else when it goes on."""
        with self._database.write() as connection:
            connection.execute("UPDATE tasks SET args = ? WHERE id = ?", (json.dumps(args), identifier))

    # What follows is the worker's.

    def start(self, identifier: int) -> bool:
        """Mark a queued task as running; False when it is not queued any more.

        One that begins anew, without a checkpoint and a ledger, begins with no failures.
        """
        with self._database.write() as connection:
            found = connection.execute(
                "SELECT checkpoint = '{}' AND NOT EXISTS (SELECT 1 FROM bulk.ledger WHERE task = tasks.id) AS anew,"
                " progress FROM tasks WHERE id = ? AND state = 'queued'",
                (identifier,),
            ).fetchone()
            if found is None:
                return False
            before = 0
            if found["anew"]:
                connection.execute("DELETE FROM failures WHERE task = ?", (identifier,))
            else:
                before = json.loads(found["progress"]).get("done", 0)
            connection.execute(
                "UPDATE tasks SET state = 'running', started = ?, finished = NULL, error = NULL, done_before = ?"
                " WHERE id = ?",
                (time.time(), before, identifier),
            )
            return True

    def begin_part(self, identifier: int) -> None:
        """Let pace and time left be reckoned from now on: a task begins to count something else."""
        with self._database.write() as connection:
            connection.execute("UPDATE tasks SET started = ?, done_before = 0 WHERE id = ?", (time.time(), identifier))

    def requeue_running(self) -> int:
        """Tasks that a worker left running when it died go back to the queue."""
        with self._database.write() as connection:
            return connection.execute("UPDATE tasks SET state = 'queued' WHERE state = 'running'").rowcount

    def save_progress(self, identifier: int, progress: Progress) -> None:
        with self._database.write() as connection:
            connection.execute("UPDATE tasks SET progress = ? WHERE id = ?", (json.dumps(asdict(progress)), identifier))

    def save_checkpoint(self, identifier: int, state: Mapping[str, Any]) -> None:
        """Durable when this returns: a task resumes its generator only after it.

        An empty one lets the task begin anew, so its ledger goes too.
        """
        if not state:
            self._forget(identifier)
        with self._database.write(durable=True) as connection:
            connection.execute("UPDATE tasks SET checkpoint = ? WHERE id = ?", (json.dumps(state), identifier))

    def add_entries(self, identifier: int, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write lines into the ledger of a task; they lie beside the records, and are committed with them."""
        with self._database.write_records() as connection:
            connection.executemany(
                "INSERT INTO bulk.ledger (task, entry) VALUES (?, ?)",
                [(identifier, json.dumps(entry, ensure_ascii=False)) for entry in entries],
            )

    def goes_on(self, task: Task) -> bool:
        """Whether a task that has not come to its end would go on where it was, and not begin anew."""
        if task.state not in ("failed", "stopped"):
            return task.open
        row = self._database.connection.execute("SELECT 1 FROM bulk.ledger WHERE task = ? LIMIT 1", (task.id,))
        return bool(task.checkpoint) or row.fetchone() is not None

    def ledger(self, identifier: int) -> list[Mapping[str, Any]]:
        """The lines of a task's ledger in their order."""
        rows = self._database.connection.execute(
            "SELECT entry FROM bulk.ledger WHERE task = ? ORDER BY id", (identifier,)
        )
        return [json.loads(row[0]) for row in rows]

    def written(self, but: int = 0) -> Iterator[Mapping[str, Any]]:
        """The ledgers of all tasks in which a model wrote, but one, the oldest first."""
        rows = self._database.connection.execute(
            "SELECT entry FROM bulk.ledger WHERE task != ? AND task IN (SELECT id FROM tasks WHERE kind IN (?, ?))"
            " ORDER BY task, id",
            (but, *WRITING),
        )
        return (json.loads(row[0]) for row in rows)

    def finish(
        self,
        identifier: int,
        state: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: FtuiError | None = None,
    ) -> None:
        """End an attempt at a task. One that pauses, while a person already wants something else, is queued again."""
        with self._database.write() as connection:
            if state == "paused" and self.get(identifier).control != "pause":
                connection.execute("UPDATE tasks SET state = 'queued' WHERE id = ?", (identifier,))
                return
            connection.execute(
                "UPDATE tasks SET state = ?, control = NULL, result = ?, error = ?, finished = ? WHERE id = ?",
                (
                    state,
                    json.dumps(result) if result is not None else None,
                    json.dumps(error.as_dict()) if error else None,
                    time.time(),
                    identifier,
                ),
            )
        if state == "done" and self.get(identifier).kind not in WRITING:
            self._forget(identifier)

    def _forget(self, identifier: int) -> None:
        with self._database.write_records() as connection:
            connection.execute("DELETE FROM bulk.ledger WHERE task = ?", (identifier,))

    def log(self, identifier: int, notes: Sequence[Note]) -> None:
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO task_log (task, time, level, text) VALUES (?, ?, ?, ?)",
                [(identifier, time.time(), note.level, note.text) for note in notes],
            )

    def notes(self, identifier: int, limit: int = 200) -> list[tuple[float, str, str]]:
        """The last lines of a task's log, oldest first: (time, level, text)."""
        rows = self._database.connection.execute(
            "SELECT time, level, text FROM task_log WHERE task = ? ORDER BY id DESC LIMIT ?",
            (identifier, limit),
        ).fetchall()
        return [tuple(row) for row in reversed(rows)]

    def notes_after(self, identifier: int, last: int) -> list[tuple[int, str, str]]:
        """Lines of a task's log behind number `last`: (number, level, text)."""
        rows = self._database.connection.execute(
            "SELECT id, level, text FROM task_log WHERE task = ? AND id > ? ORDER BY id", (identifier, last)
        )
        return [tuple(row) for row in rows]

    def failures_after(self, identifier: int, last: int) -> list[tuple[int, str, str, str]]:
        """What failed or was left out behind number `last`: (number, kind, reason, subject)."""
        rows = self._database.connection.execute(
            "SELECT id, kind, reason, subject FROM failures WHERE id > ? AND task = ? ORDER BY id", (last, identifier)
        )
        return [tuple(row) for row in rows]

    def add_failures(self, identifier: int, failures: Sequence[Failure]) -> None:
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO failures (task, kind, reason, subject) VALUES (?, ?, ?, ?)",
                [(identifier, item.kind, item.reason, item.subject) for item in failures],
            )

    def failures(self, identifier: int) -> list[tuple[str, str, int]]:
        """What failed and what was skipped, grouped: (kind, reason, count), most first."""
        rows = self._database.connection.execute(
            "SELECT kind, reason, count(*) AS n FROM failures WHERE task = ? GROUP BY kind, reason"
            " ORDER BY kind, n DESC",
            (identifier,),
        )
        return [tuple(row) for row in rows]

    def failed_subjects(self, identifier: int, reason: str = "", limit: int = -1) -> list[str]:
        """What failed for a reason, or for any where none is named; what was left out on purpose is not among it."""
        rows = self._database.connection.execute(
            "SELECT subject FROM failures WHERE task = ? AND (reason = ? OR ? = '' AND kind = 'failed')"
            " ORDER BY id LIMIT ?",
            (identifier, reason, reason, limit),
        )
        return [row[0] for row in rows]


def _task(row: Any) -> Task:
    fields = dict(row)
    for name in ("args", "checkpoint"):
        fields[name] = json.loads(fields[name])
    fields["progress"] = Progress(**{"done": 0, **json.loads(fields["progress"])})
    fields["result"] = json.loads(fields["result"]) if fields["result"] else None
    fields["error"] = FtuiError.from_dict(json.loads(fields["error"])) if fields["error"] else None
    return Task(**fields)
