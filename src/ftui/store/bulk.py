"""Steps over any number of pairs: one undo, made in small transactions.

Others write between two transactions. A decision that somebody makes meanwhile
counts as made after the whole step: where the step comes to such a pair later,
it changes what was before that decision, and not the decision.

A step that is cut off is not left half: a decision is taken back, an undo or a
redo is brought to its end, at once where the program still lives, at the next
start otherwise.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from ftui import process
from ftui.errors import BusyError
from ftui.store.database import Database
from ftui.store.journal import AT_ONCE, Journal, State, Step, Way
from ftui.store.pair import Decision, Marks

PAUSE = 0.002
"""Seconds between two transactions: longer than a waiting write looks away."""

CutOff = Literal["", "decision", "undo", "redo"]
_KINDS: Mapping[int, CutOff] = {
    State.DECIDING: "decision",
    State.CANCELLING: "decision",
    State.UNDOING: "undo",
    State.REDOING: "redo",
}

_mine: set[tuple[str, int]] = set()
"""Files and steps that this process is at work on."""


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """Attributes:
    done: pairs looked at so far.
    changed: pairs that have another decision now.
    gone: pairs that are not there any more.
    """

    done: int
    total: int
    changed: int
    gone: int = 0


class Bulk:
    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def decide(
        self, ids: Sequence[int], decision: Decision, only: Decision | None = None, rule: str = ""
    ) -> Iterator[BulkProgress]:
        """Give pairs, or those of them that have the decision `only`, another one as one step.

        Args:
            rule: the rule that is followed with this step.

        Closing the iterator before its end takes the step back.

        Raises:
            BusyError: another bulk step is being made.
        """
        now = time.time()
        batch = self._start(decision.name.lower(), now, rule)
        changed = 0
        with _Working(self, batch):
            for start in range(0, len(ids), AT_ONCE):
                part = ids[start : start + AT_ONCE]
                with self._database.write() as connection:
                    later = self._later(batch, part, "state IN (0, 1)")
                    changed += self._journal.take(batch, [i for i in part if i not in later], decision, now, only)
                    changed += self._before_later(batch, later, decision, now, only)
                    connection.execute(
                        "UPDATE journal SET size = ?, beat = ? WHERE id = ?", (changed, time.time(), batch)
                    )
                yield BulkProgress(min(start + AT_ONCE, len(ids)), len(ids), changed)
                time.sleep(PAUSE)
            with self._database.write() as connection:
                if changed:
                    connection.execute("UPDATE journal SET state = 0, owner = '' WHERE id = ?", (batch,))
                    # Only now: one that is taken back, or changes nothing, leaves what can be done again.
                    self._journal.forget_undone(batch)
                else:
                    connection.execute("DELETE FROM journal WHERE id = ?", (batch,))
        for _ in self._journal.sweep():
            time.sleep(PAUSE)

    def replay(self, step: Step, way: Way, marks: Marks | None = None) -> Iterator[BulkProgress]:
        """Undo or redo a step, with progress. Closing the iterator brings the rest to its end first.

        Args:
            marks: as for `Journal.replay`.

        Raises:
            BusyError: another bulk step is being made.
        """
        state = State.UNDOING if way == "undo" else State.REDOING
        with self._database.write() as connection:
            self._refuse_second()
            self._journal.same(way, self._journal.next(way), step)
            small = step.size <= AT_ONCE
            if small:
                there = len(self._journal.replay(step, way, marks))
            else:
                self.claim(step.batch)
                connection.execute(
                    "UPDATE journal SET state = ?, place = 0, owner = ?, beat = ? WHERE id = ?",
                    (state, _owner(), time.time(), step.batch),
                )
        if small:
            yield BulkProgress(step.size, step.size, there, step.size - there)
            return
        with _Working(self, step.batch):
            yield from self._go_on(step.batch, step.size)

    def cut_off(self) -> CutOff:
        """What a process that is gone was in, and this one may bring to an end; "" where there is nothing."""
        batch = self._journal.running()
        if batch is None or self._lives(batch) or self._database.refused is not None:
            return ""
        row = self._database.connection.execute("SELECT state FROM journal WHERE id = ?", (batch,)).fetchone()
        return _KINDS.get(row["state"], "") if row else ""

    def recovering(self) -> Iterator[BulkProgress]:
        """Bring a step to an end whose process is gone; nothing where there is none.

        Closing the iterator brings the rest to its end first.
        """
        batch = self._journal.running()
        if batch is None or not self.cut_off():
            return
        with self._database.write() as connection:
            if self._journal.running() != batch or self._lives(batch):
                return
            self.claim(batch)
            connection.execute("UPDATE journal SET owner = ?, beat = ? WHERE id = ?", (_owner(), time.time(), batch))
            size = connection.execute("SELECT size FROM journal WHERE id = ?", (batch,)).fetchone()[0]
        with _Working(self, batch):
            self._cancel(batch)
            yield from self._go_on(batch, size)

    def end(self, batch: int) -> None:
        """Take a decision back that was cut off, or bring an undo or a redo to its end."""
        self._cancel(batch)
        for _ in self._go_on(batch, 0):
            pass

    def _cancel(self, batch: int) -> None:
        with self._database.write() as connection:
            connection.execute("UPDATE journal SET state = 6 WHERE id = ? AND state = 3", (batch,))

    # Parts

    def _start(self, label: str, now: float, rule: str) -> int:
        with self._database.write():
            self._refuse_second()
            batch = self._journal.open(label, now, State.DECIDING, _owner())
            self._database.connection.execute("UPDATE journal SET unread = 1 WHERE id = ?", (batch,))
            if rule:
                self._journal.speak(batch, rule, "followed")
            self.claim(batch)
            return batch

    def claim(self, batch: int) -> None:
        """Say that this process is at work on a step, before anybody can see the step."""
        _mine.add((str(self._database.path), batch))

    def release(self, batch: int) -> None:
        _mine.discard((str(self._database.path), batch))

    def _refuse_second(self) -> None:
        if self._journal.running() is not None:
            raise BusyError("Many pairs are being decided on", "one such step at a time", "Wait for its end")

    def _go_on(self, batch: int, total: int) -> Iterator[BulkProgress]:
        """Undo, redo or cancel a step from the place where it is."""
        done = changed = gone = 0
        while True:
            with self._database.write() as connection:
                row = connection.execute("SELECT state, place FROM journal WHERE id = ?", (batch,)).fetchone()
                state, place = State(row["state"]), int(row["place"])
                if state < State.DECIDING:
                    return
                pairs = [
                    found[0]
                    for found in connection.execute(
                        "SELECT pair FROM journal_rows WHERE batch = ? AND pair > ? ORDER BY pair LIMIT ?",
                        (batch, place, AT_ONCE),
                    )
                ]
                if not pairs:
                    ends = {State.UNDOING: State.UNDONE, State.REDOING: State.DONE, State.CANCELLING: State.GONE}
                    connection.execute("UPDATE journal SET state = ?, owner = '' WHERE id = ?", (ends[state], batch))
                    return
                changed += self._pass(batch, state, place, pairs)
                gone += len(pairs) - self._there(pairs)
                connection.execute(
                    "UPDATE journal SET place = ?, beat = ? WHERE id = ?", (pairs[-1], time.time(), batch)
                )
            done += len(pairs)
            yield BulkProgress(done, total, changed, gone)
            time.sleep(PAUSE)

    def _there(self, pairs: Sequence[int]) -> int:
        query = "SELECT count(*) FROM pairs WHERE id IN (SELECT value FROM json_each(?))"
        return int(self._database.connection.execute(query, (orjson.dumps(pairs).decode(),)).fetchone()[0])

    def _pass(self, batch: int, state: State, place: int, pairs: Sequence[int]) -> int:
        """Go over some pairs of a step; gives how many have another decision now."""
        column = "after" if state is State.REDOING else "before"
        later = self._later(batch, pairs, "state IN (0, 1)" if state is State.CANCELLING else "state = 0")
        start, changed = place, 0
        for pair in sorted(later):
            changed += self._journal.move(batch, column, start, pair - 1)
            value, decided, made = self._database.connection.execute(
                f"SELECT {column}, decided, time FROM journal_rows JOIN journal ON id = batch"
                " WHERE batch = ? AND pair = ?",
                (batch, pair),
            ).fetchone()
            made = made if value else None
            self._rewrite(later[pair], pair, value, decided if column == "before" else made)
            start = pair
        return changed + self._journal.move(batch, column, start, pairs[-1])

    def _later(self, batch: int, pairs: Sequence[int], states: str) -> dict[int, int]:
        """Pairs that a later step has decided on, with the first such step."""
        # The plus keeps SQLite from looking each of the pairs up in each of the steps.
        rows = self._database.connection.execute(
            f"SELECT pair, min(batch) FROM journal_rows JOIN journal ON journal.id = batch AND {states}"
            " WHERE batch > ? AND typeof(before) = 'integer' AND +pair IN (SELECT value FROM json_each(?))"
            " GROUP BY pair",
            (batch, orjson.dumps(list(pairs)).decode()),
        )
        return {row[0]: row[1] for row in rows}

    def _before_later(
        self, batch: int, later: dict[int, int], decision: Decision, now: float, only: Decision | None
    ) -> int:
        """Put a decision into the past of pairs that a later step has decided on; gives how many it changes."""
        changed = 0
        for pair, step in later.items():
            connection = self._database.connection
            before, decided = connection.execute(
                "SELECT before, decided FROM journal_rows WHERE batch = ? AND pair = ?", (step, pair)
            ).fetchone()
            if before != decision and only in (None, before):
                connection.execute(
                    "INSERT OR IGNORE INTO journal_rows VALUES (?, ?, ?, ?, ?)",
                    (batch, pair, before, decision, decided),
                )
                self._rewrite(step, pair, decision, now if decision else None)
                changed += 1
        return changed

    def _rewrite(self, step: int, pair: int, decision: int, decided: float | None) -> None:
        """Say what was before a later step; where that one is undone, this is what the pair has now."""
        connection = self._database.connection
        connection.execute(
            "UPDATE journal_rows SET before = ?, decided = ? WHERE batch = ? AND pair = ?",
            (decision, decided, step, pair),
        )
        if connection.execute("SELECT state FROM journal WHERE id = ?", (step,)).fetchone()[0] == State.UNDONE:
            self._journal.move(step, "before", pair - 1, pair)

    def _lives(self, batch: int) -> bool:
        row = self._database.connection.execute("SELECT owner, beat FROM journal WHERE id = ?", (batch,)).fetchone()
        if row is None or not row["owner"]:
            return False
        if row["owner"] == _owner():
            return (str(self._database.path), batch) in _mine
        host, pid, started = json.loads(row["owner"])
        return process.lives(host, pid, started, row["beat"])


class _Working:
    """While a step is being made. When it is left by an exception, the step is brought to an end."""

    def __init__(self, bulk: Bulk, batch: int) -> None:
        self._bulk = bulk
        self._batch = batch

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is not None:
                self._bulk.end(self._batch)
        finally:
            self._bulk.release(self._batch)


def _owner() -> str:
    return json.dumps([socket.gethostname(), os.getpid(), process.start_time(os.getpid())])
