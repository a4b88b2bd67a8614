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

from ftui.errors import InputError
from ftui.store import Store
from ftui.store.filters import ORDERS, Filter
from ftui.store.pairs import Dropped, Pair
from ftui.ui import clock
from ftui.ui.places.deciding import DecidingPlace
from ftui.ui.reading import Reader
from ftui.ui.text import Row
from ftui.ui.widgets.pair_columns import PairColumns
from ftui.ui.widgets.pair_editing import edit_here, edit_outside
from ftui.ui.widgets.pair_filter import PairFilter
from ftui.ui.widgets.pair_rows import dropped_row, list_row, name
from ftui.ui.widgets.pair_title import progress_words
from ftui.ui.widgets.pair_view import ORDER_WORDS, SHOWN, read_parts
from ftui.ui.widgets.pair_work import PairWork, empty_rows, no_match_rows
from ftui.ui.widgets.rows import RowList

_REST = 0.06
"""Seconds that the cursor rests before the source beside the list follows it."""
_REMEMBER = 1.0
"""Seconds that it rests before its place is written down, for a start after a crash."""


_AT_ONCE = 5_000
"""Pairs that are filtered at once; more are in a thread."""

_ON_PAIRS = ("decide", "skip", "fact", "accept_all", "reject_all", "edit", "edit_outside")
_ON_ROWS = (*_ON_PAIRS, "source", "filter", "sort")


class PairsPlace(DecidingPlace):
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
        Binding("S", "sort", "sort", id="pairs.sort"),
        Binding("ctrl+a", "accept_all", "accept all pending", id="pairs.accept_all"),
        Binding("ctrl+d", "reject_all", "reject all pending", id="pairs.reject_all"),
        Binding("E", "edit_outside", "edit in $EDITOR", id="pairs.edit_outside"),
        Binding("r", "retry", "try again", id="pairs.retry"),
        Binding("ctrl+x", "stop", "stop", id="pairs.stop"),
        Binding("escape", "back", "back", show=False, id="pairs.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._lister = Reader(self, "list")
        self._set: tuple[int, object] = (0, None)
        self._left: int | None = None
        """The pair to go back to from a filter that shows none."""
        self._pane_timer: Timer | None = None
        self._memory_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield PairWork()
        yield PairColumns(self._row)

    # Showing

    def _row(self, index: int, width: int) -> Row:
        found = self._view.row(index)
        if isinstance(found, Dropped):
            return dropped_row(found, width)
        return list_row(found, width, self._digits) if found else ()

    def refresh_view(self) -> None:
        pairs = self.app.store.pairs
        work = self.work
        work.look(self.app.store)
        current = (pairs.counts().total, work.latest and (work.latest.id, work.latest.state))
        self._view.forget()
        # A list that is being read is brought to its end: while pairs are made, others come all the time.
        if current != self._set and not self._lister.busy:
            self._set = current
            self._reload()
        self.columns.empty(not current[0])
        self.rows.update(len(self._view.ids), empty=self._empty())
        self._show_title()
        self._show_pair()

    def _reload(self, identifier: int | None = None, *, first: bool = False) -> None:
        """Ask anew what passes the filter, and keep the cursor on its pair or on `identifier`.

        Args:
            first: go to the first row instead.
        """
        ids, cursor = self._view.ids, self.rows.cursor
        if identifier is None:
            identifier = self._left if self._view.dropped or cursor >= len(ids) else ids[cursor]
        try:
            wanted = self._view.wanted
            if self._view.at_once():
                self._lister.stop()
            elif self.app.store.pairs.counts().total > _AT_ONCE:
                self._read_list(wanted, None if first else identifier)
                return
            else:
                self._view.reload()
        except InputError as error:
            self._blame(error)
            return
        self._reloaded(None if first else identifier)

    def _read_list(self, wanted: Filter, identifier: int | None) -> None:
        """Read a long list in a thread; its first rows show as soon as they are there."""

        def current(then: Any, *values: Any) -> None:
            if wanted == self._view.wanted:
                then(*values)

        def show(ids: Any) -> None:
            self._view.take(ids, wanted)
            self._reloaded(identifier)

        def read(store: Store) -> Any:
            ids: Any = None
            try:
                for ids in read_parts(store.pairs, wanted):
                    self.call_later(current, show, ids)
            except InputError as error:
                return error
            return ids

        def done(found: Any) -> None:
            if isinstance(found, InputError):
                current(self._blame, found)

        self._lister.read(read, done)

    def _reloaded(self, identifier: int | None) -> None:
        self.columns.filter.blame(None)
        ids = self._view.ids
        if ids and not self._view.dropped:
            self._digits = max(self._digits, len(str(ids[0])), len(str(ids[-1])))
        self.rows.update(len(ids), empty=self._empty())
        if ids and identifier is not None and not self._view.dropped:
            self.rows.cursor = self._view.place(identifier)
        elif ids:
            self.rows.cursor = 0
        self._show_title()
        self._show_pair()

    def _blame(self, error: InputError) -> None:
        """Say what is wrong with the filter; the list stays as it is."""
        self._view.step_back()
        self.columns.filter.blame(error)
        if not self.columns.filter.has_focus_within:
            self.app.fail(error)

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
        if self._view.order != ORDERS[0]:
            words = (ORDER_WORDS[self._view.order], *words)
        self.columns.title.show(words, column=bool(self._view.ids) and not self.columns.reading)

    def _show_pair(self) -> None:
        """Bring the source, or the whole text, to the pair under the cursor."""
        if self._pane_timer is not None:
            self._pane_timer.stop()
            self._pane_timer = None
        row = self._view.row(self.rows.cursor) if self._view.ids else None
        self.columns.show_pair(row, self.app.store, self._digits)

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
        on_pair = cursor < len(ids) and not self._view.dropped
        found: dict[str, Any] = {"pair": ids[cursor] if on_pair else 0}
        if self._view.order != ORDERS[0]:
            found |= {"order": self._view.order, "seed": self._view.seed}
        if self._view.filtered:
            found |= {"where": self._view.where, "words": self._view.words}
        return found

    def recall(self, memory: dict[str, Any]) -> None:
        where, words, identifier = memory.get("where"), memory.get("words"), memory.get("pair")
        order, seed = memory.get("order"), memory.get("seed")
        self._view.where = where if where in SHOWN else SHOWN[0]
        self._view.words = words if isinstance(words, str) else ""
        self._view.order = order if order in ORDERS else ORDERS[0]
        self._view.seed = seed if isinstance(seed, int) else 0
        self._reload(identifier if isinstance(identifier, int) else None)

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
        if action in _ON_PAIRS and self._view.dropped:
            return "these did not become pairs · esc shows the pairs"
        if action in _ON_ROWS and not self._view.ids:
            return (
                "no pair is shown · esc shows all" if self._view.filtered else "there are no pairs yet · p makes some"
            )
        return self.deciding_refusal(action)

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

    @on(PairFilter.Left)
    def _filtered(self, event: PairFilter.Left) -> None:
        self.columns.end_filter()
        if not event.keep:
            self._show_all()

    def _show_all(self) -> None:
        self._view.where, self._view.words = SHOWN[0], ""
        self._reload()

    def action_sort(self) -> None:
        """The next order: as made, riskiest, longest, by source, at random."""
        if not self.can("sort"):
            return
        view = self._view
        view.order = ORDERS[(ORDERS.index(view.order) + 1) % len(ORDERS)]
        view.seed += view.order == "random"
        self._reload(first=view.order != ORDERS[0])
        self.app.say(f"{ORDER_WORDS.get(view.order, 'in the order in which they were made')} · S sorts otherwise")

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
