"""3 Pairs: read pairs one after the other and accept or reject them, a key each.

A decision is in the store before the next row is shown. Only rows that look
different afterwards are painted again.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer

from ftui.errors import BusyError
from ftui.store.filters import ORDERS
from ftui.store.pairs import Decision, Dropped, Pair
from ftui.ui import clock
from ftui.ui.places.learning import LearningPlace
from ftui.ui.text import Row
from ftui.ui.widgets.covered import Covered
from ftui.ui.widgets.pair_aim import Standing
from ftui.ui.widgets.pair_beside import extra
from ftui.ui.widgets.pair_editing import edit_here, edit_outside, not_edited, revert
from ftui.ui.widgets.pair_making import PUT_AWAY
from ftui.ui.widgets.pair_rows import Extra, KeptRows, dropped_row, name
from ftui.ui.widgets.pair_title import progress_words
from ftui.ui.widgets.pair_view import ORDER_WORDS, SHOWN
from ftui.ui.widgets.rows import RowList

_REST = 0.06
"""Seconds that the cursor rests before the source beside the list follows it."""
_REMEMBER = 1.0
"""Seconds that it rests before its place is written down, for a start after a crash."""


_NO_PAIRS = "these did not become pairs · esc shows the pairs"
_NONE_SHOWN = "no pair is shown · esc shows all"
_ON_PAIRS = ("decide", "skip", "fact", "accept_all", "reject_all", "edit", "edit_outside", "revert", "seen")
_ON_ROWS = (*_ON_PAIRS, "source", "filter", "sort")


class PairsPlace(Covered, LearningPlace):
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
        Binding("m", "seen", "model's view", id="pairs.seen"),
        Binding("p", "prepare", "make pairs", id="pairs.prepare"),
        Binding("A", "fact('accepted')", "accept all phrasings", id="pairs.accept_fact"),
        Binding("X", "fact('rejected')", "reject all phrasings", id="pairs.reject_fact"),
        Binding("R", "recipe", "recipe", id="pairs.recipe"),
        Binding("ctrl+r", "redo", "redo", id="pairs.redo"),
        Binding("S", "sort", "sort", id="pairs.sort"),
        Binding("L", "learn", "learn a rule", id="pairs.learn"),
        Binding("ctrl+a", "accept_all", "accept all pending", id="pairs.accept_all"),
        Binding("ctrl+d", "reject_all", "reject all pending", id="pairs.reject_all"),
        Binding("E", "edit_outside", "edit in $EDITOR", id="pairs.edit_outside"),
        Binding("U", "revert", "as it was made", id="pairs.revert"),
        Binding("r", "retry", "try again", id="pairs.retry"),
        Binding("z", "pause", "pause, go on", id="pairs.pause"),
        Binding("ctrl+x", "stop", "stop", id="pairs.stop"),
        Binding("i", "report", "report of making pairs", id="pairs.report"),
        Binding("escape", "back", "back", show=False, id="pairs.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._set: tuple[int, object] = (0, None)
        self._extra = Extra()
        self._kept_rows = KeptRows()
        self._standing = Standing(self, self._show_title)
        now = clock.now()
        self._pace.recall(self.app.store.pairs.steps_by_hand(now - self._pace.WINDOW), now)
        self._pace_shown: float | None = None
        self._pane_timer: Timer | None = None
        self._memory_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.work
        yield self.columns

    # Showing

    def _row(self, index: int, width: int) -> Row:
        found = self._view.row(index)
        if isinstance(found, Dropped):
            return dropped_row(found, width)
        return self._kept_rows.row(found, width, self._digits, self._extra, self._view.lead(index)) if found else ()

    def refresh_view(self) -> None:
        pairs = self.app.store.pairs
        self._mend()
        work = self.work
        self._recipe.look(self.app.store)
        self.look_at_work()
        current = (pairs.counts().total, work.latest and (work.latest.id, work.latest.state))
        self._view.forget()
        self._extra = extra(self.app.store)
        self._standing.look(self.app.store)
        # A list that is being read is brought to its end: while pairs are made, others come all the time.
        if current != self._set and not self._lister.busy:
            self._set = current
            self._reload()
            self._rules.pairs_changed()
        self.columns.empty(not current[0] and not self._view.ids)
        self.rows.update(len(self._view.ids), empty=self._empty())
        self._show_title()
        self._show_pair()

    def _reloaded(self, identifier: int | None, *, stay: bool = False) -> None:
        super()._reloaded(identifier, stay=stay)
        view = self._view
        if view.ids or not view.filtered:
            self.app.unsay(_NONE_SHOWN)
        if not view.dropped:
            self.app.unsay(_NO_PAIRS)
        if self._looking:
            self._rules.listed(len(view.ids))

    def _show_title(self) -> None:
        store = self.app.store
        pace = self._pace.per_minute(clock.now())
        counts = store.pairs.counts()
        self._pace_shown = pace
        words = progress_words(counts, pace, self._standing.aim, self._standing.cost(store, counts))
        if self._view.filtered:
            words = (f"{self._filter_words()}: {len(self._view.ids):,}", *words)
        if self._view.order != ORDERS[0]:
            words = (ORDER_WORDS[self._view.order], *words)
        of_pairs = bool(self._view.ids) and not self._view.dropped
        self.columns.title.show(words, column=of_pairs and not self.columns.reading)

    def next_step(self) -> str:
        """How much is left, how long it takes and what training costs, where that is known."""
        pace = self._pace.per_minute(clock.now())
        if pace != self._pace_shown:
            # The title says the same of it, also while no key comes.
            self._show_title()
        return self._standing.sentence(self.app.store, pace, self.app.size.width - 2) or super().next_step()

    def _show_pair(self) -> None:
        """Bring the source, or the whole text, to the pair under the cursor."""
        if self._pane_timer is not None:
            self._pane_timer.stop()
            self._pane_timer = None
        row = self._view.row(self.rows.cursor) if self._view.ids else None
        self.columns.show_pair(row, self.app.store, self._digits)

    def _moved(self) -> None:
        # Who holds a key down over SSH does not pay for every source on the way.
        if self._pane_timer is not None:
            self._pane_timer.stop()
            self._pane_timer = None
        if self.columns.pane_shown and not self.columns.shows(self.current):
            self._pane_timer = self.set_timer(_REST, self._show_pair)
        # One that runs begins anew, which costs less than another one.
        if self._memory_timer is not None:
            self._memory_timer.reset()
        else:
            self._memory_timer = self.set_timer(_REMEMBER, self._remember)

    def _remember(self) -> None:
        self._memory_timer = None
        self.app.remember()

    # Memory

    def memory(self) -> dict[str, Any]:
        ids, cursor = self._view.ids, self.rows.cursor
        on_pair = cursor < len(ids) and not self._view.dropped
        # The time of the steps, not the one that pictures hold still.
        found: dict[str, Any] = {"pair": ids[cursor] if on_pair else 0, "at": time.time()}
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
        at = memory.get("at")
        if isinstance(identifier, int) and isinstance(at, int | float):
            identifier = self._left_at(identifier, at)
        self._reload(identifier if isinstance(identifier, int) else None)

    def _left_at(self, identifier: int, moment: float) -> int:
        """The pair to go to: after a crash decisions may be younger than what was remembered at `moment`."""
        pairs = self.app.store.pairs
        last = pairs.left_at(moment)
        remembered = pairs.get(identifier) if last is not None else None
        if last is None or (remembered is not None and remembered.decision is Decision.PENDING):
            return identifier
        if self._view.filtered or self._view.order != ORDERS[0]:
            return last
        # An edited pair may still be pending itself.
        return pairs.next_pending(last - 1) or last

    def focus_first(self) -> None:
        self.columns.focus_shown()

    # What works now

    def refusal(self, action: str) -> str:
        if self.columns.filter.typing:
            return "the filter has the keys · enter keeps it, esc shows all"
        if action in ("undo", "redo") and not self._set[0] and not self._any_step(action):
            return "nothing has been decided yet"
        if action == "filter" and (self._view.filtered or self.work.dropped):
            return ""
        if action in _ON_PAIRS and self._view.dropped:
            return _NO_PAIRS
        if action in _ON_ROWS and not self._view.ids:
            return _NONE_SHOWN if self._view.filtered else "there are no pairs yet · p makes some"
        if action == "revert" and self.current is not None and not self.current.edited:
            return not_edited(name(self.current, self._digits))
        return self.learning_refusal(action) or self.deciding_refusal(action)

    def _any_step(self, action: str) -> bool:
        """Whether there is anything to undo, or to redo, in a project without pairs: a recipe may have been saved."""
        with contextlib.suppress(BusyError):
            return self.app.store.pairs.next_step("undo" if action == "undo" else "redo") is not None
        return True

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

    def action_revert(self) -> None:
        pair = self.current
        if self.can("revert") and pair is not None:
            with self.app.trying():
                said = revert(self.app, pair, name(pair, self._digits))
                self._wrote()
                self._show_pair()
                self.app.say(said)

    def _edited(self, pair: Pair, changed: bool) -> None:
        if changed:
            self._wrote()
            self._show_pair()
        self.app.say(
            f"edited {name(pair, self._digits)} · u undo" if changed else f"{name(pair, self._digits)} is as it was"
        )

    # Panes

    def action_source(self) -> None:
        if not self.can("source"):
            return
        self.columns.toggle_source()
        self.call_after_refresh(self._settle)

    def action_seen(self) -> None:
        if self.can("seen"):
            self.columns.toggle_seen()
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

    def action_back(self) -> None:
        """One step back: from the whole text, from the source over the list, from a filter, from a report."""
        if self.columns.step_back():
            self.call_after_refresh(self._settle)
        elif self._view.filtered:
            self._show_all()
        elif self.work.dismiss():
            self.app.say(PUT_AWAY)
        else:
            self.app.action_leave()
