"""3 Pairs: read pairs one after the other and accept or reject them, a key each.

A decision is in the store before the next row is shown. Only rows that look
different afterwards are painted again.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer

from ftui.store.pairs import Decision, Pair
from ftui.ui import clock
from ftui.ui.text import Row, plural
from ftui.ui.widgets.pair_columns import PairColumns
from ftui.ui.widgets.pair_editing import edit_here, edit_outside
from ftui.ui.widgets.pair_filter import PairFilter
from ftui.ui.widgets.pair_making import MakingPlace
from ftui.ui.widgets.pair_rows import list_row, name
from ftui.ui.widgets.pair_title import progress_words
from ftui.ui.widgets.pair_view import SHOWN, Pace, PairView
from ftui.ui.widgets.pair_work import PairWork, empty_rows, no_match_rows
from ftui.ui.widgets.rows import RowList

_REST = 0.06
"""Seconds that the cursor rests before the source beside the list follows it."""
_REMEMBER = 1.0
"""Seconds that it rests before its place is written down, for a start after a crash."""


_ON_A_PAIR = ("decide", "skip", "fact", "accept_all", "edit", "edit_outside", "source", "filter")


class PairsPlace(MakingPlace):
    """The review of pairs."""

    number = 3
    title = "Pairs"
    short = "Pairs"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide('accepted')", "accept", id="pairs.accept"),
        Binding("x", "decide('rejected')", "reject", id="pairs.reject"),
        Binding("space", "skip", "skip", id="pairs.skip"),
        Binding("u", "undo", "undo", id="pairs.undo"),
        Binding("e", "edit", "edit", id="pairs.edit"),
        Binding("slash", "filter", "filter", key_display="/", id="pairs.filter"),
        Binding("s", "source", "source", id="pairs.source"),
        Binding("p", "prepare", "make pairs", id="pairs.prepare"),
        Binding("A", "fact('accepted')", "accept all phrasings", id="pairs.accept_fact"),
        Binding("X", "fact('rejected')", "reject all phrasings", id="pairs.reject_fact"),
        Binding("R", "recipe", "recipe", id="pairs.recipe"),
        Binding("ctrl+r", "redo", "redo", id="pairs.redo"),
        Binding("ctrl+a", "accept_all", "accept all pending", id="pairs.accept_all"),
        Binding("E", "edit_outside", "edit in $EDITOR", id="pairs.edit_outside"),
        Binding("r", "retry", "try again", id="pairs.retry"),
        Binding("ctrl+x", "stop", "stop", id="pairs.stop"),
        Binding("escape", "back", "back", show=False, id="pairs.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._view = PairView(self.app.store.pairs)
        self._pace = Pace()
        self._set: tuple[int, object] = (0, None)
        self._digits = 3
        self._left: int | None = None
        """The pair to go back to from a filter that shows none."""
        self._pane_timer: Timer | None = None
        self._memory_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield PairWork()
        yield PairColumns(self._row)

    # Showing

    @property
    def columns(self) -> PairColumns:
        return self.query_one(PairColumns)

    @property
    def rows(self) -> RowList:
        return self.columns.rows

    @property
    def current(self) -> Pair | None:
        """The pair under the cursor."""
        return self._view.pair(self.rows.cursor) if self._view.ids else None

    def _row(self, index: int, width: int) -> Row:
        pair = self._view.pair(index)
        return list_row(pair, width, self._digits) if pair else ()

    def refresh_view(self) -> None:
        pairs = self.app.store.pairs
        work = self.work
        work.look(self.app.store)
        current = (pairs.counts().total, work.latest and (work.latest.id, work.latest.state))
        self._view.forget()
        if current != self._set:
            self._set = current
            self._reload()
        self.columns.empty(not current[0])
        self.rows.update(len(self._view.ids), empty=self._empty())
        self._show_title()
        self._show_pair()

    def _reload(self, identifier: int | None = None) -> None:
        """Ask anew what passes the filter, and keep the cursor on its pair or on `identifier`."""
        ids, cursor = self._view.ids, self.rows.cursor
        if identifier is None:
            identifier = ids[cursor] if cursor < len(ids) else self._left
        self._view.reload()
        ids = self._view.ids
        self._digits = max(self._digits, len(str(ids[-1]))) if ids else self._digits
        self.rows.update(len(ids), empty=self._empty())
        if ids and identifier is not None:
            self.rows.cursor = self._view.place(identifier)

    def _empty(self) -> list[Row]:
        if self._view.filtered:
            return no_match_rows(self._view.where, self._view.words)
        return empty_rows(self.app.store.records.count(), self.work.working)

    def _show_title(self) -> None:
        words = progress_words(self.app.store.pairs.counts(), self._pace.per_minute(clock.now()))
        if self._view.filtered:
            said = [*([self._view.where] if self._view.where != "all" else [])]
            said += [f"“{self._view.words}”"] if self._view.words else []
            words = (f"{' '.join(said)}: {len(self._view.ids):,}", *words)
        self.columns.title.show(words, column=bool(self._view.ids) and not self.columns.reading)

    def _show_pair(self) -> None:
        """Bring the source, or the whole text, to the pair under the cursor."""
        if self._pane_timer is not None:
            self._pane_timer.stop()
            self._pane_timer = None
        self.columns.show_pair(self.current, self.app.store, self._digits)

    @on(RowList.Highlighted)
    def _moved(self, event: RowList.Highlighted) -> None:
        # Who holds a key down over SSH does not pay for every source on the way.
        if self._pane_timer is not None:
            self._pane_timer.stop()
        self._pane_timer = self.set_timer(_REST, self._show_pair)
        if self._memory_timer is not None:
            self._memory_timer.stop()
        self._memory_timer = self.set_timer(_REMEMBER, self.app.remember)

    # Memory

    def memory(self) -> dict[str, Any]:
        ids, cursor = self._view.ids, self.rows.cursor
        found: dict[str, Any] = {"pair": ids[cursor] if cursor < len(ids) else 0}
        if self._view.filtered:
            found |= {"where": self._view.where, "words": self._view.words}
        return found

    def recall(self, memory: dict[str, Any]) -> None:
        where, words, identifier = memory.get("where"), memory.get("words"), memory.get("pair")
        self._view.where = where if where in SHOWN else SHOWN[0]
        self._view.words = words if isinstance(words, str) else ""
        self._reload(identifier if isinstance(identifier, int) else None)
        self._show_title()

    def focus_first(self) -> None:
        self.columns.focus_shown()

    # What works now

    def refusal(self, action: str) -> str:
        if self.columns.filter.has_focus_within:
            return "the filter has the keys · enter keeps it, esc shows all"
        if action in ("undo", "redo") and not self._set[0]:
            return "nothing has been decided yet"
        if action == "filter" and self._view.filtered:
            return ""
        if action in _ON_A_PAIR and not self._view.ids:
            return (
                "no pair is shown · esc shows all" if self._view.filtered else "there are no pairs yet · p makes some"
            )
        return self.making_refusal(action)

    # Decisions

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

    def action_accept_all(self) -> None:
        if not self.can("accept_all"):
            return
        ids = self._view.pending()
        if not ids:
            self.app.say("nothing is pending here")
            return
        from ftui.ui.screens.ask import AskScreen

        shown = " of those shown" if self._view.filtered else ""
        question = f"Accept {plural(len(ids), 'pending pair')}{shown}?"
        detail = "They are taken as they are, unread. One u takes all of it back."
        self.app.push_screen(AskScreen(question, detail, "accept them"), lambda yes: self._accept_all(ids, yes))

    def _accept_all(self, ids: list[int], yes: bool | None) -> None:
        if yes:
            self._decide(ids, Decision.ACCEPTED, "pending pairs", paced=False)

    def _decide(self, ids: list[int], decision: Decision, what: str, *, paced: bool = True) -> None:
        """Write a decision, then go to the next pending row."""
        word = decision.name.lower()
        with self.app.trying():
            changed = self.app.store.pairs.decide(ids, decision)
            if changed and paced:
                self._pace.add(clock.now(), changed)
            number = f"{changed:,} " if len(ids) > 1 else ""
            said = f"{word} {number}{what} · u undo" if changed else f"{word} already: {what}"
            self._wrote()
            self._next(said)

    def _wrote(self) -> None:
        """Show what the store holds now, row by row."""
        self._view.forget()
        self.work.look(self.app.store)
        self.rows.update(len(self._view.ids))
        self._show_title()

    def _next(self, said: str) -> None:
        index = self._view.next_pending(self.rows.cursor)
        if index is None:
            left = self.app.store.pairs.counts().pending
            said += " · no other is pending here" if left else " · all are decided"
            if self._view.where in ("accepted", "rejected"):
                self.rows.cursor += 1
        else:
            self.rows.cursor = index
        self.app.say(said)
        self._show_pair()

    def action_skip(self) -> None:
        if not self.can("skip"):
            return
        index = self._view.next_pending(self.rows.cursor)
        if index is None:
            self.app.say("nothing is pending here")
        elif index == self.rows.cursor:
            self.app.say("this is the last pending pair")
        else:
            self.rows.cursor = index

    def action_undo(self) -> None:
        self._replay("undone", "ctrl+r redo", "there is nothing to undo")

    def action_redo(self) -> None:
        self._replay("done again", "u undo", "there is nothing to redo")

    def _replay(self, verb: str, back: str, nothing: str) -> None:
        pairs = self.app.store.pairs
        if not self.can("undo"):
            return
        with self.app.trying():
            step = pairs.undo() if verb == "undone" else pairs.redo()
            if step is None:
                self.app.say(nothing)
                return
            label, ids = step
            self._wrote()
            if ids and self._view.holds(ids[0]):
                self.rows.cursor = self._view.place(ids[0])
            what = f"{ids[0]:0{self._digits}}" if len(ids) == 1 else plural(len(ids), "pair")
            self.app.say(f"{verb}: {label} {what} · {back}")
            self._show_pair()

    # Editing

    def action_edit(self) -> None:
        pair = self.current
        if self.can("edit") and pair is not None:
            edit_here(self.app, pair, self._edited)

    def action_edit_outside(self) -> None:
        pair = self.current
        if self.can("edit_outside") and pair is not None:
            with self.app.trying():
                edit_outside(self.app, pair, self._edited)

    def _edited(self, pair: Pair, changed: bool) -> None:
        if changed:
            self._wrote()
            self._show_pair()
        self.app.say(
            f"edited {name(pair, self._digits)} · u undo" if changed else f"{name(pair, self._digits)} is as it was"
        )

    # Panes and filter

    def action_source(self) -> None:
        if not self.can("source"):
            return
        self.columns.toggle_source()
        self.call_after_refresh(self._settle)

    @on(RowList.Selected)
    def _read(self, event: RowList.Selected) -> None:
        self._read_on()

    def key_enter(self) -> None:
        """`enter` on the source pane opens the whole text."""
        if self.columns.source_focused:
            self._read_on()

    def _read_on(self) -> None:
        self.columns.read()
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        """After a pane came or went: focus what is seen, and fill it."""
        self.focus_first()
        self._show_title()
        self._show_pair()

    def on_resize(self, event: Any) -> None:
        # Place's own handler has run or will run: each class of a widget gets the event.
        self.call_after_refresh(self._show_pair)

    def action_filter(self) -> None:
        if not self.can("filter"):
            return
        self._left = self.current.id if self.current else self._left
        self.columns.start_filter(self._view.words, self._view.where)

    @on(PairFilter.Changed)
    def _filter(self, event: PairFilter.Changed) -> None:
        self._view.where, self._view.words = event.where, event.words
        self._reload()
        self._show_title()
        self._show_pair()

    @on(PairFilter.Left)
    def _filtered(self, event: PairFilter.Left) -> None:
        self.columns.end_filter()
        if not event.keep:
            self._show_all()

    def _show_all(self) -> None:
        self._view.where, self._view.words = SHOWN[0], ""
        self._reload()
        self._show_title()
        self._show_pair()

    def action_back(self) -> None:
        """One step back: from the whole text, from the source over the list, from a report, from a filter."""
        if self.columns.step_back():
            self.call_after_refresh(self._settle)
        elif self.work.dismiss():
            return
        elif self._view.filtered:
            self._show_all()
        else:
            raise SkipAction
