"""The journal: every change of a pair is a step that can be taken back.

A step writes what was before and after into the journal in the transaction that
changes the pairs. One call is one step is one undo; undo and redo have no limit
and survive a restart. Steps over more rows than fit a transaction: `bulk`.
"""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from ftui.errors import BusyError, InputError
from ftui.store import edit_marks
from ftui.store.database import Database
from ftui.store.journal_step import AT_ONCE, Said, State, Step, Way
from ftui.store.pair import Decision, Marks, search_text_of_json

__all__ = ["AT_ONCE", "Journal", "Said", "State", "Step", "Way"]


class Journal:
    def __init__(self, database: Database) -> None:
        self._database = database

    # What is there

    def next(self, way: Way) -> Step | None:
        """The step that `way` would take; None when there is none.

        Raises:
            BusyError: a bulk step is being made that has to end first.
        """
        connection = self._database.connection
        if way == "undo":
            query = "SELECT id, label, size, rule, said FROM journal WHERE state = 0 ORDER BY id DESC LIMIT 1"
        else:
            query = "SELECT id, label, size, rule, said FROM journal WHERE state = 1 ORDER BY id LIMIT 1"
        row = connection.execute(query).fetchone()
        running = self.running()
        if running is not None and (way == "redo" or row is None or row["id"] < running):
            raise BusyError(
                "Many pairs are being decided on", "what came before cannot change meanwhile", "Wait for its end"
            )
        return Step(*row) if row else None

    def left_at(self, moment: float) -> int | None:
        """The last pair of the last step where that is from after `moment`, None otherwise."""
        connection = self._database.connection
        step = connection.execute("SELECT id, time FROM journal WHERE state = 0 ORDER BY id DESC LIMIT 1").fetchone()
        if step is None or step[1] <= moment:
            return None
        found = connection.execute("SELECT max(pair) FROM journal_rows WHERE batch = ?", (step[0],)).fetchone()[0]
        return None if found is None else int(found)

    def same(self, way: Way, step: Step | None, wanted: Step) -> None:
        """Refuse what somebody was shown and is not so any more.

        Raises:
            BusyError: the next step is another one by now; says which.
        """
        if step != wanted:
            why, do = f"nothing is left to {way}", ""
            if step is not None:
                taken = "take back" if way == "undo" else "do again"
                why, do = f"{way} would {taken} now: {step.words}", "Try again if that is meant"
            raise BusyError("Something else was done meanwhile", why, do)

    def refuse_gone(self, pairs: Sequence[int]) -> None:
        """Say that pairs are gone where none of some is left: a preparation may have taken them away meanwhile.

        Raises:
            InputError: as it says.
        """
        listed = orjson.dumps(list(pairs)).decode()
        there = "SELECT 1 FROM pairs WHERE id IN (SELECT value FROM json_each(?)) LIMIT 1"
        if pairs and self._database.connection.execute(there, (listed,)).fetchone() is None:
            raise InputError(
                f"Pair {pairs[0]} is not there any more" if len(pairs) == 1 else "The pairs are not there any more",
                "the recipe no longer makes it" if len(pairs) == 1 else "the recipe no longer makes them",
                "Go on with another one",
            )

    def there(self, step: Step) -> array[int]:
        """The pairs of a step that are there still: a preparation may have taken some of a large one away."""
        query = "SELECT pair FROM journal_rows JOIN pairs ON id = pair WHERE batch = ? ORDER BY pair"
        return array("q", (row[0] for row in self._database.connection.execute(query, (step.batch,))))

    def running(self) -> int | None:
        """The bulk step that somebody is at work on, or was when its process died."""
        row = self._database.connection.execute("SELECT id FROM journal WHERE state >= 3 LIMIT 1").fetchone()
        return int(row[0]) if row else None

    # Small steps

    def decide(self, ids: Sequence[int], decision: Decision, only: Decision | None = None) -> int:
        """Give at most `AT_ONCE` pairs a decision, or those of them that have `only`; gives how many changed.

        Raises:
            InputError: none of the pairs is there any more.
        """
        with self._database.write() as connection:
            now = time.time()
            batch = self.open(decision.name.lower(), now, State.DONE)
            changed = self.take(batch, ids, decision, now, only) or self._confirm(batch, ids, decision)
            if not changed:
                self.refuse_gone(ids)
                # Nothing else has seen it: it is as if it had never been there.
                connection.execute("DELETE FROM journal WHERE id = ?", (batch,))
                return 0
            self.forget_undone(batch)
            connection.execute("UPDATE journal SET size = ? WHERE id = ?", (changed, batch))
            return changed

    def _confirm(self, batch: int, ids: Sequence[int], decision: Decision) -> int:
        """A decision that a step over many pairs has just made as well: it holds where that step is taken back."""
        if (running := self.running()) is None:
            return 0
        cursor = self._database.connection.execute(
            "INSERT INTO journal_rows SELECT :batch, id, decision, :decision, decided FROM pairs"
            " WHERE decision = :decision AND id IN (SELECT value FROM json_each(:ids))"
            " AND EXISTS (SELECT 1 FROM journal_rows WHERE batch = :running AND pair = pairs.id)"
            " AND id NOT IN (SELECT pair FROM journal_rows JOIN journal ON journal.id = batch AND state = 0"
            " WHERE batch > :running)"
            " AND (SELECT state FROM journal WHERE id = :running) = :deciding",
            {
                "batch": batch,
                "decision": decision,
                "running": running,
                "ids": orjson.dumps(list(ids)).decode(),
                "deciding": State.DECIDING,
            },
        )
        return cursor.rowcount

    def edit(self, pair: int, fields: Mapping[str, Any], label: str) -> bool:
        """Change `messages` (JSON), `edited` and perhaps `tokens`, `flags` and `risk` of a pair.

        False when they are so already.

        Raises:
            InputError: the pair is not there any more.
        """
        with self._database.write() as connection:
            self.refuse_gone([pair])
            row = connection.execute(
                "SELECT messages, edited, tokens, risk FROM pairs JOIN pair_texts ON pair = id WHERE id = ?", (pair,)
            ).fetchone()
            flags = dict(map(tuple, connection.execute("SELECT flag, reason FROM pair_flags WHERE pair = ?", (pair,))))
            before = {name: flags if name == "flags" else row[name] for name in fields}
            if before == dict(fields):
                return False
            if not row["edited"]:
                connection.execute(
                    "INSERT OR REPLACE INTO pair_originals VALUES (?, ?, ?, ?, ?)",
                    (pair, row["messages"], row["tokens"], json.dumps(flags), row["risk"]),
                )
            elif "flags" in fields:
                # Edited by an ftui that left the flags alone: what is there now is what it was made with.
                connection.execute(
                    "UPDATE pair_originals SET flags = ?, risk = ? WHERE pair = ? AND flags IS NULL",
                    (json.dumps(flags), row["risk"], pair),
                )
            batch = self.open(label, time.time(), State.DONE)
            self.forget_undone(batch)
            connection.execute("UPDATE journal SET size = 1 WHERE id = ?", (batch,))
            connection.execute(
                "INSERT INTO journal_rows VALUES (?, ?, ?, ?, NULL)",
                (batch, pair, json.dumps(before), json.dumps(dict(fields))),
            )
            self._set_fields(pair, fields)
            return True

    def note(self, label: str, rule: str, said: Said) -> int:
        """Write a step down that changes no pair, as what was said to a rule; gives its number."""
        with self._database.write():
            batch = self.open(label, time.time(), State.DONE)
            self.forget_undone(batch)
            self.speak(batch, rule, said)
            if said == "in recipe":
                self._owe(rule, True)
            return batch

    def replay(self, step: Step, way: Way, marks: Marks | None = None) -> Sequence[int]:
        """Undo or redo a step of at most `AT_ONCE` pairs; gives the ids of those that are there still.

        Args:
            marks: of the text that an edit's pair has then, where they were worked out anew.
        """
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT pair, before, after FROM journal_rows WHERE batch = ? ORDER BY pair", (step.batch,)
            ).fetchall()
            column = "before" if way == "undo" else "after"
            edits = [row for row in rows if isinstance(row["before"], str)]
            for row in edits:
                fields = edit_marks.of_now(self._database, row["pair"], json.loads(row[column]), marks)
                self._set_fields(row["pair"], fields)
            if rows and len(edits) < len(rows):
                self.move(step.batch, column, 0, rows[-1]["pair"])
            state = State.UNDONE if way == "undo" else State.DONE
            connection.execute("UPDATE journal SET state = ? WHERE id = ?", (state, step.batch))
            if step.said == "in recipe":
                self._owe(step.rule, way == "redo")
            return self.there(step).tolist()

    # Parts of steps, within a transaction

    def open(self, label: str, now: float, state: State, owner: str = "") -> int:
        cursor = self._database.connection.execute(
            "INSERT INTO journal (label, time, size, state, owner, beat) VALUES (?, ?, 0, ?, ?, ?)",
            (label, now, state, owner, now),
        )
        return int(cursor.lastrowid or 0)

    def speak(self, batch: int, rule: str, said: Said) -> None:
        """Say of a step that it is about a rule."""
        self._database.connection.execute("UPDATE journal SET rule = ?, said = ? WHERE id = ?", (rule, said, batch))

    def _owe(self, rule: str, wanted: bool) -> None:
        # A file is not written in a transaction: whoever reads the recipe next brings it up to this.
        self._database.connection.execute("INSERT OR REPLACE INTO recipe_due VALUES (?, ?)", (rule, wanted))

    def forget_undone(self, batch: int) -> None:
        """What was undone before `batch` cannot be redone once that is done.

        Large steps wait to be swept away in parts.
        """
        connection = self._database.connection
        undone = "SELECT id FROM journal WHERE state = 1 AND size <= 500 AND id < ?"
        connection.execute(f"DELETE FROM journal_rows WHERE batch IN ({undone})", (batch,))
        connection.execute("DELETE FROM journal WHERE state = 1 AND size <= 500 AND id < ?", (batch,))
        connection.execute("UPDATE journal SET state = 2 WHERE state = 1 AND id < ?", (batch,))
        connection.execute("UPDATE journal SET state = 6 WHERE state = 4")

    def take(self, batch: int, ids: Sequence[int], decision: Decision, now: float, only: Decision | None = None) -> int:
        """Give pairs the decision of a step; gives how many changed."""
        connection = self._database.connection
        listed = orjson.dumps(list(ids)).decode()
        where = "id IN (SELECT value FROM json_each(?)) AND decision <> ?"
        if only is not None:
            where += f" AND decision = {int(only)}"
        before = connection.execute(
            f"SELECT decision, count(*), sum(tokens) FROM pairs WHERE {where} GROUP BY decision", (listed, decision)
        ).fetchall()
        changed = sum(row[1] for row in before)
        if not changed:
            return 0
        connection.execute(
            f"INSERT INTO journal_rows SELECT ?, id, decision, ?, decided FROM pairs WHERE {where}",
            (batch, decision, listed, decision),
        )
        connection.execute(
            f"UPDATE pairs SET decision = ?, decided = ? WHERE {where}",
            (decision, now if decision else None, listed, decision),
        )
        for row in before:
            self.total(row[0], -row[1], -row[2])
            self.total(decision, row[1], row[2])
        return int(changed)

    def move(self, batch: int, column: str, after: int, to: int) -> int:
        """Give the pairs of a step with ids in (`after`, `to`] the decision of `column`; gives how many had another."""
        connection = self._database.connection
        # Undone, a decision has the moment that it had before; done again, that of the step.
        moment = (
            "j.decided" if column == "before" else "iif(j.after, (SELECT time FROM journal WHERE id = j.batch), NULL)"
        )
        rows = "journal_rows j WHERE j.batch = ? AND j.pair > ? AND j.pair <= ? AND typeof(j.before) = 'integer'"
        span = (batch, after, to)
        moved = connection.execute(
            f"SELECT p.decision, j.{column}, count(*), sum(p.tokens)"
            f" FROM pairs p, {rows} AND p.id = j.pair GROUP BY 1, 2",
            span,
        ).fetchall()
        connection.execute(
            f"UPDATE pairs SET decision = j.{column}, decided = {moment} FROM {rows} AND pairs.id = j.pair", span
        )
        for old, new, count, tokens in moved:
            self.total(old, -count, -tokens)
            self.total(new, count, tokens)
        return sum(count for old, new, count, _ in moved if old != new)

    def total(self, decision: int, pairs: int, tokens: int) -> None:
        self._database.connection.execute(
            "UPDATE pair_totals SET pairs = pairs + ?, tokens = tokens + ? WHERE decision = ?",
            (pairs, tokens, decision),
        )

    def _set_fields(self, pair: int, fields: Mapping[str, Any]) -> None:
        connection = self._database.connection
        row = connection.execute("SELECT decision, tokens FROM pairs WHERE id = ?", (pair,)).fetchone()
        if row is None:
            return
        if "tokens" in fields:
            self.total(row["decision"], 0, fields["tokens"] - row["tokens"])
        numbers = {name: value for name, value in fields.items() if name not in ("messages", "flags")}
        names = ", ".join(f"{name} = ?" for name in numbers)
        connection.execute(f"UPDATE pairs SET {names} WHERE id = ?", [*numbers.values(), pair])
        if "flags" in fields:
            connection.execute("DELETE FROM pair_flags WHERE pair = ?", (pair,))
            connection.executemany(
                "INSERT INTO pair_flags VALUES (?, ?, ?)", [(pair, *flag) for flag in fields["flags"].items()]
            )
        messages = fields["messages"]
        connection.execute("UPDATE pair_texts SET messages = ? WHERE pair = ?", (messages, pair))
        connection.execute("UPDATE pair_words SET text = ? WHERE pair = ?", (search_text_of_json(messages), pair))

    def sweep(self) -> Iterator[None]:
        """Remove what cannot come back, a transaction at a time."""
        while True:
            with self._database.write() as connection:
                row = connection.execute("SELECT id FROM journal WHERE state = 2 LIMIT 1").fetchone()
                if row is None:
                    return
                removed = connection.execute(
                    "DELETE FROM journal_rows WHERE batch = ? AND pair IN"
                    " (SELECT pair FROM journal_rows WHERE batch = ? ORDER BY pair LIMIT ?)",
                    (row[0], row[0], AT_ONCE),
                ).rowcount
                if removed < AT_ONCE:
                    connection.execute("DELETE FROM journal WHERE id = ?", (row[0],))
            yield
