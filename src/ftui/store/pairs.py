"""Pairs, their decisions, and what each of them carries: one object for all of it.

Every change of a pair goes through the journal (`ftui.store.journal`), one step
over any number of pairs through `ftui.store.bulk`. What a view shows is said in
the language of `ftui.store.filters`.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import orjson

from ftui.store import dropped, edit_marks, pending, replacing, views
from ftui.store.bulk import Bulk, BulkProgress, CutOff
from ftui.store.counting import Counting
from ftui.store.database import Database
from ftui.store.filters import Filter, Term
from ftui.store.journal import AT_ONCE, Journal, Said, Step, Way
from ftui.store.pair import (
    Counts,
    Decision,
    Dropped,
    Marks,
    Message,
    NewDropped,
    NewPair,
    Pair,
    StandIn,
    Standing,
    check_messages,
)
from ftui.store.pending import FAR
from ftui.store.replacing import Replacing

__all__ = [
    "AT_ONCE",
    "FAR",
    "BulkProgress",
    "Counts",
    "Decision",
    "Dropped",
    "Filter",
    "Marks",
    "Message",
    "NewDropped",
    "NewPair",
    "Pair",
    "Pairs",
    "Replacing",
    "StandIn",
    "Standing",
    "Step",
    "check_messages",
]

_PAIR = (
    "SELECT id, source, record, url, fact, kind, messages, origin, digest, tokens, decision, edited, risk, stands_for,"
    " (SELECT json_group_object(flag, reason) FROM pair_flags WHERE pair_flags.pair = id) AS flags,"
    " (SELECT why FROM kept WHERE kept.pair = id) AS kept"
    " FROM pairs JOIN pair_texts ON pair_texts.pair = id"
)


class Pairs(Counting):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._journal = Journal(database)
        self._bulk = Bulk(database, self._journal)

    # Reading

    def view(self, wanted: Filter) -> Iterator[Sequence[int]]:
        """The ids of what passes a filter, in parts: see `views.parts`. Not for the thread of the screen."""
        return views.parts(self._database, wanted)

    def view_ids(self, wanted: Filter) -> range | array[int]:
        """All ids of a view."""
        return views.ids(self._database, wanted)

    def check(self, wanted: Filter) -> None:
        """Read nothing, only see whether the store can be asked for it.

        Raises:
            InputError: the filter is not in the language, or names what is not there.
        """
        views.check(self._database, wanted)

    def last_id(self) -> int:
        """The highest number of a pair, 0 where there is none."""
        return int(self._database.connection.execute("SELECT coalesce(max(id), 0) FROM pairs").fetchone()[0])

    def ids(self, where: str = "all", words: str = "") -> range | array[int]:
        """The ids of a simple view in their order.

        Args:
            where: "all", "pending", "accepted" or "rejected".
            words: a phrase that one of the messages holds, in any case.
        """
        state = (Term("is", where),) if where != "all" else ()
        return self.view_ids(Filter(also=(*state, Term("", words)) if words.strip() else state))

    def page(self, ids: Sequence[int]) -> dict[int, Pair]:
        """Some pairs by id; one that is gone is missing."""
        listed = orjson.dumps(list(ids)).decode()
        rows = self._database.connection.execute(f"{_PAIR} WHERE id IN (SELECT value FROM json_each(?))", (listed,))
        return {row["id"]: _pair(row) for row in rows}

    def get(self, identifier: int) -> Pair | None:
        return self.page([identifier]).get(identifier)

    def stand_ins(self, pair: int) -> list[StandIn]:
        """The near-duplicates that a pair stands for, the most similar first."""
        rows = self._rows(
            "SELECT record, s.url, question, similarity, s.source, coalesce(r.key, '') FROM stand_ins s"
            " LEFT JOIN bulk.records r ON r.id = record AND r.source = coalesce(s.source, r.source)"
            " WHERE pair = ? ORDER BY similarity DESC, s.id",
            pair,
        )
        return [StandIn(*row) for row in rows]

    def kept_of(self, row: Dropped) -> list[int]:
        """The pairs that are kept of the record of what did not become one now."""
        return dropped.kept_of(self._database, row)

    def fact_ids(self, fact: str) -> list[int]:
        """All phrasings of one fact."""
        return [row[0] for row in self._rows("SELECT pair FROM pair_texts WHERE fact = ? ORDER BY pair", fact)]

    def next_pending(self, after: int) -> int | None:
        """The first pending pair behind `after`, from the start again when there is none."""
        return pending.next_pending(self._database, after)

    def near_pending(self, ids: Sequence[int], after: int) -> int | None:
        """The index of the first pending pair of a view behind index `after`, from the start again; or `FAR`."""
        return pending.near(self._database, ids, after)

    def left_at(self, moment: float) -> int | None:
        """The last pair of the last step where that is from after `moment`, None otherwise."""
        return self._journal.left_at(moment)

    def next_pending_of(self, ids: Sequence[int], after: int) -> int | None:
        """`near_pending` however far it is, None for none; with a million pairs not for the thread of the screen."""
        return pending.anywhere(self._database, ids, after)

    def accepted(self) -> Iterator[Pair]:
        yield from map(_pair, self._database.connection.execute(f"{_PAIR} WHERE decision = 1 ORDER BY id"))

    # Decisions

    def decide(self, ids: Sequence[int], decision: Decision, only: Decision | None = None) -> int:
        """Give pairs a decision as one undoable step; gives how many changed.

        Args:
            only: leave pairs alone that have another decision than this one by now.

        More than `AT_ONCE` are decided on in several transactions, see `deciding`.

        Raises:
            InputError: none of the pairs is there any more.
        """
        if len(ids) <= AT_ONCE:
            return self._journal.decide(ids, decision, only)
        return _last(self.deciding(ids, decision, only))

    def deciding(
        self, ids: Sequence[int], decision: Decision, only: Decision | None = None, rule: str = ""
    ) -> Iterator[BulkProgress]:
        """`decide` for any number of pairs, with progress after each of many small transactions.

        For a thread with a store of its own. Single decisions land in between and hold.
        Closed before its end, it takes the step back.

        Args:
            rule: the rule that is followed by this: see `Rules`.

        Raises:
            BusyError: another such step is being made.
        """
        return self._bulk.decide(ids, decision, only, rule)

    @property
    def cut_off(self) -> CutOff:
        """In what a process was killed that left a step over many pairs half done; "" for none."""
        return self._bulk.cut_off()

    def recovering(self) -> Iterator[BulkProgress]:
        """Bring such a step to its end, with progress: a decision is taken back, an undo or a redo finished."""
        return self._bulk.recovering()

    def next_step(self, way: Way) -> Step | None:
        """What undo or redo would take, to say so or to see whether it is large."""
        return self._journal.next(way)

    def note(self, label: str, rule: str, said: Said) -> int:
        """A step that changes no pair, as what was said to a rule; gives its number."""
        return self._journal.note(label, rule, said)

    def undo(self, step: Step | None = None) -> tuple[str, Sequence[int]] | None:
        """Take the last step back: (what it was, ids of its pairs that are there still), None when there is none.

        Args:
            step: what the last step has to be.

        Raises:
            BusyError: a bulk step is being made that has to end first, or another step has come since.
        """
        return self._replay("undo", step)

    def redo(self, step: Step | None = None) -> tuple[str, Sequence[int]] | None:
        """Do the step again that was undone last; see `undo`."""
        return self._replay("redo", step)

    def replaying(self, way: Way, step: Step | None = None, marks: Marks | None = None) -> Iterator[BulkProgress]:
        """`undo` or `redo` of a step of any size, with progress; nothing when there is none.

        For a thread with a store of its own. Closed before its end, it comes to its end first.

        Args:
            step: what the step has to be.
            marks: of the text that its pair has then, where it is `outdated`.
        """
        step = step or self._journal.next(way)
        return self._bulk.replay(step, way, marks) if step else iter(())

    def outdated(self, step: Step, way: Way) -> tuple[Pair, list[Message]] | None:
        """The pair of an edit, as it was made, with the text that `way` would give it; to work its marks out for.

        None where they are known: nothing was prepared since the edit, or the text is the one that was made.
        """
        found = edit_marks.outdated(self._database, step, way)
        pair = self.get(found[0]) if found else None
        if found is None or pair is None:
            return None
        if pair.edited:
            messages, flags = self._rows("SELECT messages, flags FROM pair_originals WHERE pair = ?", pair.id)[0]
            pair = replace(pair, messages=tuple(json.loads(messages)), flags=json.loads(flags) if flags else pair.flags)
        return pair, found[1]

    def _replay(self, way: Way, wanted: Step | None) -> tuple[str, Sequence[int]] | None:
        with self._database.write():
            step = self._journal.next(way)
            if wanted is not None:
                self._journal.same(way, step, wanted)
            if step is None:
                return None
            if step.size <= AT_ONCE:
                return step.label, self._journal.replay(step, way)
        _last(self._bulk.replay(step, way))
        return step.label, self.step_ids(step)

    def step_ids(self, step: Step) -> array[int]:
        """The pairs of a step that are there still."""
        return self._journal.there(step)

    def edit(
        self, identifier: int, messages: Sequence[Message], tokens: int | None = None, marks: Marks | None = None
    ) -> None:
        """Replace a pair's messages, its tokens and its marks where they were worked out, as one undoable step.

        Raises:
            InputError: the pair is not there any more.
        """
        fields: dict[str, Any] = {"messages": replacing.dump([dict(message) for message in messages]), "edited": 1}
        if tokens is not None:
            fields["tokens"] = tokens
        if marks is not None:
            fields |= {"flags": dict(marks.flags), "risk": marks.risk}
        self._journal.edit(identifier, fields, "edited")

    def original(self, identifier: int) -> tuple[Message, ...] | None:
        """The messages of an edited pair before its first edit; None for one that is as it was made."""
        rows = self._rows(
            "SELECT o.messages FROM pair_originals o JOIN pairs ON id = o.pair WHERE id = ? AND edited = 1", identifier
        )
        return tuple(json.loads(rows[0][0])) if rows else None

    def revert(self, identifier: int) -> bool:
        """Give an edited pair its first messages and marks back as one undoable step; False for one that is not.

        Raises:
            InputError: the pair is not there any more.
        """
        rows = self._rows(
            "SELECT messages, o.tokens, flags, o.risk FROM pair_originals o JOIN pairs ON id = o.pair"
            " WHERE id = ? AND edited = 1",
            identifier,
        )
        if not rows:
            self._journal.refuse_gone([identifier])
            return False
        messages, tokens, flags, risk = rows[0]
        fields = {"messages": messages, "edited": 0, "tokens": tokens}
        if flags is not None:
            fields |= {"flags": json.loads(flags), "risk": risk}
        return self._journal.edit(identifier, fields, "reverted")

    # Preparing

    def replacing(self) -> AbstractContextManager[Replacing]:
        """Put newly prepared pairs in, batch by batch, in small transactions."""
        return replacing.replacing(self._database)

    def add(self, pair: NewPair) -> int | None:
        """One more pair, pending: its id, or None when it is there already."""
        with self._database.write():
            if self._rows("SELECT 1 FROM pair_texts WHERE digest = ?", pair.digest):
                return None
            [identifier], _ = replacing.insert(self._database, [pair])
            return identifier

    # What did not become a pair

    def replace_dropped(self, rows: Iterable[NewDropped | tuple[int | None, str, str, str]]) -> None:
        """Show these instead of what was there before; as tuples: (record, url, reason, detail)."""
        replacing.replace_dropped(
            self._database, (row if isinstance(row, NewDropped) else NewDropped(*row) for row in rows)
        )

    def dropped(self) -> list[tuple[str, int]]:
        """Reasons with their counts, most first."""
        return self._rows(
            f"SELECT reason, count(*) AS n FROM dropped WHERE {views.SHOWN} GROUP BY reason ORDER BY n DESC, reason"
        )

    def any_dropped(self) -> bool:
        """Whether `dropped` gives anything; at once, however much it is."""
        return bool(self._rows(f"SELECT 1 FROM dropped WHERE {views.SHOWN} LIMIT 1"))

    def dropped_page(self, ids: Sequence[int]) -> dict[int, Dropped]:
        """Some dropped rows by id, as a view with `dropped` gives them."""
        return dropped.page(self._database, ids)


def _last(steps: Iterator[BulkProgress]) -> int:
    changed = 0
    for step in steps:
        changed = step.changed
    return changed


def _pair(row: Any) -> Pair:
    fields = dict(row)
    fields["messages"] = tuple(json.loads(fields["messages"]))
    fields["origin"] = json.loads(fields["origin"])
    fields["decision"] = Decision(fields["decision"])
    fields["edited"] = bool(fields["edited"])
    fields["flags"] = json.loads(fields["flags"])
    return Pair(**fields)
