"""Writes what a task says into the store, in small transactions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ftui.events import Batch, Checkpoint, Entry, Event, Failure, Note, Progress, Record, Result
from ftui.store import Store
from ftui.store.records import Rows
from ftui.store.tasks import WRITING, Task

CONTROL_SECONDS = 0.25
FLUSH_SECONDS = 0.25
LARGEST = 16 * 2**20
"""Characters of records in one transaction. Few large ones are far cheaper than many: an index over keys in
no order has most of its pages written in each."""


class Sink:
    """Writes events into the store: records in batches, progress a few times a second."""

    def __init__(self, store: Store, task: Task) -> None:
        self._store = store
        self._task = task
        self._rows = self._no_rows()
        self._failures: list[Failure] = []
        self._notes: list[Note] = []
        self._entries: list[Mapping[str, Any]] = []
        self._progress: Progress | None = None
        self._unit = task.progress.unit if task.progress.done else ""
        self._flushed = time.monotonic()
        self._controlled = time.monotonic()
        self.result: Mapping[str, Any] | None = None

    def take(self, event: Event) -> None:
        match event:
            case Record():
                self._rows.add(event)
            case Failure():
                self._failures.append(event)
            case Batch():
                for item in event.items:
                    if isinstance(item, Record):
                        self._rows.add(item)
                    else:
                        self._failures.append(item)
            case Note():
                self._notes.append(event)
            case Progress():
                if self._unit and event.unit != self._unit and self._task.kind in WRITING:
                    # Of what comes now nothing is done yet: its pace is its own.
                    self.flush()
                    self._store.tasks.begin_part(self._task.id)
                self._progress, self._unit = event, event.unit
            case Result():
                self.result = event.data
            case Checkpoint():
                # The records it counts on must be there before it.
                self.flush()
                self._store.tasks.save_checkpoint(self._task.id, event.state)
            case Entry():
                self._entries.append(event.data)
                if event.at_once:
                    self.flush()
        if self._rows.size >= LARGEST or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def control_due(self) -> bool:
        """Whether it is time to look if a person wants the task to stop."""
        now = time.monotonic()
        if now - self._controlled < CONTROL_SECONDS:
            return False
        self._controlled = now
        return True

    def flush(self) -> None:
        tasks, task = self._store.tasks, self._task
        if not (self._rows.size or self._failures or self._notes or self._entries or self._progress):
            self._flushed = time.monotonic()
            return
        database = self._store.database
        # Before the entries that count on them.
        if self._failures or self._notes or self._progress:
            with database.write():
                tasks.add_failures(task.id, self._failures)
                tasks.log(task.id, self._notes)
                if self._progress is not None:
                    tasks.save_progress(task.id, self._progress)
        if self._rows.size or self._entries:
            # What a model is asked costs money, which a power cut must not let be spent twice.
            with database.write_records(durable=task.kind in WRITING):
                if task.source is not None:
                    self._store.records.put_rows(self._rows)
                tasks.add_entries(task.id, self._entries)
        self._rows, self._progress = self._no_rows(), None
        self._failures, self._notes, self._entries = [], [], []
        # The time from one to the next, without what they take.
        self._flushed = time.monotonic()

    def _no_rows(self) -> Rows:
        return Rows(self._task.source or 0, self._task.id)
