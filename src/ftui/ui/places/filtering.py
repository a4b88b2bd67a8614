"""Which pairs the list shows: a filter in words and by decision, an order, long lists read in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from textual import on

from ftui.errors import InputError
from ftui.store import Store
from ftui.store.filters import ORDERS, Filter
from ftui.ui.places.deciding import DecidingPlace
from ftui.ui.reading import Reader
from ftui.ui.text import Row, plain
from ftui.ui.widgets.pair_filter import PairFilter
from ftui.ui.widgets.pair_view import ORDER_WORDS, SHOWN, read_parts
from ftui.ui.widgets.pair_words import WORDS
from ftui.ui.widgets.pair_work import empty_rows, no_match_rows

_AT_ONCE = 5_000
"""Pairs that are filtered at once; more are in a thread, and what was dropped, of which there may be many."""
_COMES = 1.0
"""Seconds that a key about a row waits for the first rows of another list."""
_ABOUT_ROWS = frozenset(
    ("decide", "skip", "fact", "accept_all", "reject_all", "edit", "edit_outside", "revert", "seen", "source")
) | frozenset(("move", "page", "jump", "select"))
"""Actions of keys that are about the row under the cursor, or begin there."""


class FilteringPlace(DecidingPlace):
    """A place whose list shows what passes a filter. Who inherits binds the keys."""

    def __init__(self) -> None:
        super().__init__()
        self._lister = Reader(self, "list")
        self._left: int | None = None
        """The pair to go back to from a filter that shows none."""
        self._coming: asyncio.Future[bool] | None = None
        """While another list is asked for than the one that is shown: done with its first rows."""
        self._blamed: InputError | None = None

    async def settled(self, action: str) -> bool:
        there = await super().settled(action)
        coming = self._coming
        if coming is None or action.partition("(")[0] not in _ABOUT_ROWS:
            return there
        await asyncio.wait((coming,), timeout=_COMES)
        if not coming.done():
            self.app.say("the list is still being looked for · press it again when it is there")
        return coming.done() and coming.result()

    def _came(self, there: bool = True) -> None:
        """Another list is not waited for any more: it is there, or there is none."""
        if self._coming is not None:
            self._coming.set_result(there)
            self._coming = None

    def _reload(self, identifier: int | None = None, *, first: bool = False) -> None:
        """Ask anew what passes the filter, and keep the cursor on its pair or on `identifier`.

        Args:
            first: go to the first row instead.
        """
        ids, cursor = self._view.ids, self.rows.cursor
        if identifier is None:
            identifier = self._left if self._view.dropped or cursor >= len(ids) else ids[cursor]
        with self.app.trying():
            try:
                wanted = self._view.wanted
                if self._view.at_once():
                    self._lister.stop()
                    self._came()
                elif wanted.dropped or self.app.store.pairs.counts().total > _AT_ONCE:
                    self._read_list(wanted, None if first else identifier)
                    return
                else:
                    self._lister.stop()
                    self._view.reload()
                    self._came()
            except InputError as error:
                self._blame(error)
                return
            self._reloaded(None if first else identifier)

    def _read_list(self, wanted: Filter, identifier: int | None) -> None:
        """Read a long list in a thread; its first rows show as soon as they are there."""
        if self._coming is None and not self._view.shows(wanted):
            self._coming = asyncio.get_running_loop().create_future()
        found_place = False

        def current(then: Any, *values: Any) -> None:
            if wanted == self._view.wanted:
                then(*values)

        def show(ids: Any, complete: bool) -> None:
            nonlocal found_place
            self._view.take(ids, wanted)
            # What was shown first is the beginning of what is now: the cursor may have been moved in it since.
            self._reloaded(identifier, stay=found_place)
            found_place = found_place or complete or identifier is None or self._view.reaches(identifier)
            if found_place:
                self._came()

        def read(store: Store) -> Any:
            ids: Any = None
            try:
                for ids, complete in read_parts(store.pairs, wanted):
                    self.call_later(current, show, ids, complete)
            except InputError as error:
                return error
            return ids

        def done(found: Any) -> None:
            if isinstance(found, InputError):
                current(self._blame, found)

        def failed(error: Exception) -> None:
            self._came(False)
            raise error

        self._lister.read(read, done, failed=failed)

    def _reloaded(self, identifier: int | None, *, stay: bool = False) -> None:
        """Show the list that was taken.

        Args:
            identifier: the pair to go to; None for the first row.
            stay: leave the cursor in its row instead.
        """
        self.columns.filter.blame(None)
        if self._blamed is not None:
            self.app.forgive(self._blamed)
            self._blamed = None
        ids = self._view.ids
        # By the last of all pairs: those that are shown may be few, or none.
        self._digits = max(self._digits, len(str(self.app.store.pairs.last_id())))
        self.rows.update(len(ids), empty=self._empty())
        if stay:
            pass
        elif ids and identifier is not None and not self._view.dropped:
            self.rows.cursor = self._view.place(identifier)
        elif ids:
            self.rows.cursor = 0
        self._show_title()
        self._show_pair()
        # Other keys work where the rows are none, or no pairs.
        self.app.look_again()

    def _filter_words(self) -> str:
        """What the list is filtered by, for its title."""
        # What did not become a pair is neither pending nor decided.
        words = [self._view.where] if self._view.where != "all" and not self._view.dropped else []
        return " ".join([*words, *([f"“{plain(self._view.words)}”"] if self._view.words else [])])

    def _blame(self, error: InputError) -> None:
        """Say what is wrong with the filter; the list stays as it is."""
        self._view.step_back()
        self._came(False)
        self.columns.filter.blame(error)
        if not self.columns.filter.typing:
            self._blamed = error
            self.app.fail(error)

    def _empty(self) -> list[Row]:
        if self._view.filtered:
            return no_match_rows(self._view.where, self._view.words)
        return empty_rows(self.app.store.records.count(), self.work.working, dropped=self.work.dropped)

    def words(self) -> Sequence[tuple[str, str]]:
        return WORDS

    async def type_word(self, word: str) -> None:
        await self.action_filter()
        if self.columns.filter.typing:
            self.columns.filter.add(word.rstrip("…"))

    # Keys

    async def action_filter(self) -> None:
        if not self.can("filter"):
            return
        self._left = self.current.id if self.current else self._left
        await self.columns.start_filter(self._view.words, self._view.where)

    @on(PairFilter.Changed)
    def _filter(self, event: PairFilter.Changed) -> None:
        self._view.where, self._view.words = event.where, event.words
        self._reload()

    @on(PairFilter.Left)
    def _filtered(self, event: PairFilter.Left) -> None:
        self.columns.end_filter()
        if event.before is not None:
            self._view.words, self._view.where = event.before
            self._reload(self._left)
        elif not event.keep:
            self._show_all(self._left)
        elif not self._lister.busy:
            # The same words again: by now others may fit them.
            self._reload()

    def _show_all(self, identifier: int | None = None) -> None:
        """Leave the filter, and go to a pair, or stay at the one under the cursor."""
        self._view.where, self._view.words = SHOWN[0], ""
        self._reload(identifier)

    def action_sort(self) -> None:
        """The next order: as made, riskiest, longest, by source, at random."""
        if not self.can("sort"):
            return
        view = self._view
        view.order = ORDERS[(ORDERS.index(view.order) + 1) % len(ORDERS)]
        view.seed += view.order == "random"
        self._reload(first=view.order != ORDERS[0])
        self.app.say(f"{ORDER_WORDS.get(view.order, 'in the order in which they were made')} · S sorts otherwise")
