"""Decisions on pairs: on one, on the phrasings of a fact, on all that a filter shows; undo and redo of all of them."""

from __future__ import annotations

import contextlib
from array import array
from collections import deque
from collections.abc import Callable, Sequence

from ftui.errors import BusyError
from ftui.store.filters import Filter, Term
from ftui.store.journal import Way
from ftui.store.pairs import AT_ONCE, BulkProgress, Decision, Pair, Step
from ftui.ui import clock
from ftui.ui.arrival import MENDED
from ftui.ui.reading import Reader
from ftui.ui.text import Row, plural
from ftui.ui.widgets import pair_editing
from ftui.ui.widgets.pair_bulk import REPLAYED, BulkWork, Steps, replayed
from ftui.ui.widgets.pair_columns import PairColumns
from ftui.ui.widgets.pair_making import MakingPlace
from ftui.ui.widgets.pair_next import NextPending
from ftui.ui.widgets.pair_rows import name
from ftui.ui.widgets.pair_view import Pace, PairView

_QUESTION = 1.0
"""Seconds that keys wait for a question that is being counted for: they are about it, not about the list behind."""
_BEGUN = 0.3
"""Seconds that keys wait for an undo or redo that is made beside the screen."""
_DOING = {"accepted": "accepting", "rejected": "rejecting"}


class DecidingPlace(MakingPlace):
    """A place with `PairColumns` in it. Who inherits binds the keys and shows title and pair."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = PairColumns(self._row, self._moved)
        self.rows = self.columns.rows
        self._view = PairView(self.app.store.pairs)
        self._pace = Pace()
        self._digits = 3
        self._bulk = BulkWork(self, self._show_bulk)
        self._replaying = False
        # Undo and redo that were pressed while one of many pairs was at work.
        self._asked: deque[Way] = deque()
        self._counter = Reader(self, "count")
        self._pending = NextPending(self, self._view, "next")

    def on_unmount(self) -> None:
        self._bulk.stop()

    @property
    def current(self) -> Pair | None:
        """The pair under the cursor."""
        return self._view.pair(self.rows.cursor) if self._view.ids else None

    def _row(self, index: int, width: int) -> Row:
        raise NotImplementedError

    def _moved(self) -> None:
        raise NotImplementedError

    def _show_title(self) -> None:
        raise NotImplementedError

    def _show_pair(self) -> None:
        raise NotImplementedError

    def deciding_refusal(self, action: str) -> str:
        """Why a step over many pairs, or its stop, cannot be made now; "" when it can, and for other actions."""
        if action in ("accept_all", "reject_all") and self._bulk.busy:
            return "many pairs are being decided on · ctrl+x stops that"
        if action == "stop" and self._bulk.busy:
            return "" if self._bulk.stoppable else "this goes on to its end · u and ctrl+r work after it"
        return self.making_refusal(action)

    # A few

    def action_decide(self, decision: str) -> None:
        pair = self.current
        if not self.can("decide") or pair is None:
            return
        self._decide([pair.id], Decision[decision.upper()], name(pair, self._digits))

    def action_fact(self, decision: str) -> None:
        pair = self.current
        if not self.can("fact") or pair is None:
            return
        ids = self.app.store.pairs.fact_ids(pair.fact) if pair.fact else [pair.id]
        what = f"{name(pair, self._digits)}, the only phrasing" if len(ids) == 1 else "phrasings of this fact"
        self._decide(ids, Decision[decision.upper()], what)

    def _decide(self, ids: Sequence[int], decision: Decision, what: str) -> int:
        """Write a decision, then go to the next pending row; gives how many changed."""
        changed = 0
        with self.app.trying():
            with self.app.no_news():
                changed = self.app.store.pairs.decide(ids, decision)
            if changed:
                self._pace.add(clock.now(), changed)
            self._decided(changed, ids, decision, what)
        return changed

    def _decided(self, changed: int, ids: Sequence[int], decision: Decision, what: str) -> None:
        word = decision.name.lower()
        number = f"{changed:,} " if len(ids) > 1 else ""
        said = f"{word} {number}{what} · u undo" if changed else f"{word} already: {what}"
        self._view.decided_now(ids, decision)
        self._show_changed(ids)
        self._next(said)

    def _wrote(self, ids: Sequence[int] | None = None) -> None:
        """Show what the store holds now, row by row; only these pairs have changed, where they are named."""
        self._view.forget(ids)
        self._show_changed(ids)

    def _show_changed(self, ids: Sequence[int] | None) -> None:
        if ids is None or self.work.rows:
            self.work.look(self.app.store)
        current = self.current
        alone = current is not None and ids is not None and list(ids) == [current.id]
        self.rows.update(len(self._view.ids), only=[self.rows.cursor] if alone else None)
        self._show_title()

    def _next(self, said: str) -> None:
        if not self._seek(lambda index: self._go_on(index, said)):
            self.app.say(f"{said} · looking for the next pending pair")
            self._show_pair()

    def _go_on(self, index: int | None, said: str) -> None:
        if index is None:
            left = self.app.store.pairs.counts().pending
            said += " · no other is pending here" if left else " · all are decided"
            if self._view.decided:
                self.rows.cursor += 1
        else:
            self.rows.cursor = index
        self.app.say(said)
        self._show_pair()

    def _seek(self, then: Callable[[int | None], None]) -> bool:
        """Call `then` with the next pending row; False where it is called later, if the cursor rests until then."""
        here = self._here

        def found(index: int | None) -> None:
            if self._here == here:
                then(index)

        return self._pending.find(self.rows.cursor, found)

    @property
    def _here(self) -> int:
        """The id of what the cursor is on, 0 where nothing is shown."""
        ids, cursor = self._view.ids, self.rows.cursor
        return ids[cursor] if cursor < len(ids) else 0

    def action_skip(self) -> None:
        if self.can("skip") and not self._seek(self._skip_to):
            self.app.say("looking for the next pending pair")

    def _skip_to(self, index: int | None) -> None:
        if index is None:
            self.app.say("nothing is pending here")
        elif index == self.rows.cursor:
            self.app.say("this is the last pending pair")
        else:
            self.rows.cursor = index

    # All that a filter shows

    async def action_accept_all(self) -> None:
        if self.can("accept_all") and not self._mend():
            self._ask_all(Decision.ACCEPTED)
            await self._counter.wait(_QUESTION)

    async def action_reject_all(self) -> None:
        if self.can("reject_all") and not self._mend():
            self._ask_all(Decision.REJECTED)
            await self._counter.wait(_QUESTION)

    def _ask_all(self, decision: Decision) -> None:
        """Count first, then ask. Only pending pairs are meant, unless the filter asks for decided ones."""
        with self.app.trying():
            wanted = self._view.wanted
            only = None if self._view.decided else Decision.PENDING
            changes = Term("is", decision.name.lower(), wanted=False) if only is None else Term("is", "pending")
            wanted = Filter(wanted.text, also=(*wanted.also, changes))
            self._counter.read(
                lambda store: store.pairs.view_ids(wanted), lambda ids: self._ask_counted(ids, decision, only)
            )

    def _ask_counted(self, ids: range | array[int], decision: Decision, only: Decision | None) -> None:
        if not ids:
            self.app.say("nothing is pending here" if only else f"all of these are {decision.name.lower()} already")
            return
        from ftui.ui.screens.ask import AskScreen

        kind = "pair" if only is None else "pending pair"
        shown = " of those shown" if self._view.filtered else ""
        verb = "Accept" if decision is Decision.ACCEPTED else "Reject"
        question = f"{verb} {plural(len(ids), kind)}{shown}?"
        detail = "They are taken as they are, unread. One u takes all of it back."
        if decision is Decision.REJECTED:
            detail = "They are left out of the training, unread. One u takes all of it back."

        def answered(yes: bool | None) -> None:
            if yes:
                self._decide_all(ids, decision, only, f"{kind}s")

        self.app.push_screen(AskScreen(question, detail, f"{verb.lower()} them"), answered)

    def _decide_all(
        self, ids: Sequence[int], decision: Decision, only: Decision | None, what: str, rule: str = ""
    ) -> None:
        def done(last: BulkProgress, stopped: bool) -> None:
            if stopped:
                self._wrote()
                self._show_pair()
                self.app.say("stopped · all pairs are as they were")
            else:
                self._decided(last.changed, ids, decision, what if len(ids) > 1 else f"{ids[0]:0{self._digits}}")
            if stopped or not last.changed:
                # They were about this step.
                self._asked.clear()

        if self.can("accept_all"):
            doing = _DOING[decision.name.lower()]
            self._bulk.start(
                doing, lambda store: store.pairs.deciding(ids, decision, only, rule), done, over=self._over
            )

    def _show_bulk(self, row: Row | None) -> None:
        self.work.bulk = row
        self.work.look(self.app.store)
        if row is not None:
            self._view.forget()
            self.rows.update(len(self._view.ids))
            self._show_title()

    def _mend(self) -> bool:
        """Bring a step to its end that a crash or a full disk cut off, before anything else is decided on many pairs.

        True where there is one.
        """

        def done(last: BulkProgress, stopped: bool) -> None:
            self._wrote()
            self._show_pair()
            self.app.say(MENDED[kind])

        if self.app.refused is None and not self._bulk.busy and (kind := self.app.store.pairs.cut_off):
            self._bulk.start("mending", lambda store: store.pairs.recovering(), done, stoppable=False, over=self._over)
            return True
        return False

    def action_stop(self) -> None:
        if self._bulk.busy:
            if self.can("stop"):
                self._bulk.stop()
                self.app.say("stopping")
        else:
            super().action_stop()

    # Undo

    async def action_undo(self) -> None:
        await self._replay_in_turn("undo")

    async def action_redo(self) -> None:
        await self._replay_in_turn("redo")

    async def settled(self, action: str) -> bool:
        if self._bulk.beginning:
            # What a key does behind the `y` for many pairs comes behind that step in the journal as well.
            await self._bulk.begin(_BEGUN)
        return await super().settled(action)

    async def _replay_in_turn(self, way: Way) -> None:
        if not self.can(way):
            return
        if self._replaying or (way == "undo" and self._bulk.busy and not self._newer()):
            self._asked.append(way)
            self.app.say(f"{way} when this has ended")
            return
        self._replay(way)
        if self._bulk.busy and not self._bulk.stoppable:
            # Few pairs are done by then, and many begun: what the next key does comes behind it.
            await self._bulk.wait(_BEGUN)

    def _newer(self) -> bool:
        """Whether something was decided since the step over many pairs began that is at work."""
        with contextlib.suppress(BusyError):
            return self.app.store.pairs.next_step("undo") is not None
        return False

    def _replay(self, way: Way) -> None:
        verb, back = REPLAYED[way]
        pairs = self.app.store.pairs
        self._pending.stop()
        with self.app.trying():
            try:
                step = pairs.next_step(way)
            except BusyError:
                if self._mend():
                    return
                raise
            if step is None:
                self.app.say(f"there is nothing to {way}")
            elif not step.size:
                self.app.say(f"{verb}: {self._replay_other(way, step)} · {back}")
            elif step.size > AT_ONCE:
                self._replay_beside(
                    way,
                    step,
                    lambda store: store.pairs.replaying(way, step),
                    lambda last: replayed(way, step, last, plural(last.changed, "pair")),
                )
            elif (outdated := pairs.outdated(step, way)) is not None:
                which = name(outdated[0], self._digits)
                self._replay_beside(
                    way,
                    step,
                    lambda store: pair_editing.replaying(store, step, way),
                    lambda last: replayed(way, step, last, which),
                )
            else:
                with self.app.no_news():
                    done = pairs.undo(step) if way == "undo" else pairs.redo(step)
                ids = done[1] if done else ()
                self._go_to(ids)
                self._wrote(ids)
                self._replayed(step, way)
                what = f"{ids[0]:0{self._digits}}" if len(ids) == 1 else plural(len(ids), "pair")
                self.app.say(
                    replayed(way, step, BulkProgress(step.size, step.size, len(ids), step.size - len(ids)), what)
                )
                self._show_pair()

    def _over(self, well: bool) -> None:
        """A step over many pairs, or its undo, has ended: what was pressed meanwhile has its turn."""
        self._replaying = False
        if not well:
            # They were about what comes behind this one.
            self._asked.clear()
        while self._asked and not self._replaying:
            self._replay(self._asked.popleft())

    def _go_to(self, ids: Sequence[int]) -> None:
        """Put the cursor on the pair of a step. One that the filter did not show may fit it by now."""
        index = self._view.find(ids[0]) if ids else None
        if index is not None:
            self.rows.cursor = index
        elif self._view.filtered and not self._view.dropped:
            self._reload(ids[0] if ids else None)

    def _reload(self, identifier: int | None = None) -> None:
        """Ask anew what passes the filter, and keep the cursor on its pair or on `identifier`."""
        raise NotImplementedError

    def _replayed(self, step: Step, way: Way) -> None:
        """A step over pairs was undone or done again."""

    def _replay_other(self, way: Way, step: Step) -> str:
        """Undo or redo a step that is not about pairs; gives what is so now."""
        raise NotImplementedError

    def _replay_beside(self, way: Way, step: Step, steps: Steps, said: Callable[[BulkProgress], str]) -> None:
        """Undo or redo in a thread what takes its time there."""
        if self._bulk.busy:
            self.app.say(self.deciding_refusal("accept_all"))
            return

        def done(last: BulkProgress, stopped: bool) -> None:
            self._go_to(self.app.store.pairs.step_ids(step) if step.size == 1 else ())
            self._wrote()
            self._replayed(step, way)
            self._show_pair()
            self.app.say(said(last))

        self._replaying = True
        doing = "undoing" if way == "undo" else "doing again"
        self._bulk.start(doing, steps, done, stoppable=False, over=self._over)
