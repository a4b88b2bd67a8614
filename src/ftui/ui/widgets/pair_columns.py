"""The list of pairs with what stands beside it, and which of them is to be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from ftui.store import Store
from ftui.store.pairs import Dropped, Pair
from ftui.ui.keys import focus_now
from ftui.ui.place import Place
from ftui.ui.text import Row
from ftui.ui.widgets.covered import CoveredColumn, CoveredRow
from ftui.ui.widgets.pair_beside import PairSides, beside_dropped, seen_title
from ftui.ui.widgets.pair_filter import PairFilter
from ftui.ui.widgets.pair_pane import NO_PAIR, Beside, Fill, PairReader, SourcePane, all_dropped_rows, pair_rows
from ftui.ui.widgets.pair_title import PairTitle
from ftui.ui.widgets.rows import RowList, entitle

SOURCE = "Pair and source"


class PairColumns(CoveredRow):
    """Left the list, or the whole text of one pair; right the pair and its source.

    In a narrow terminal the right side lies over the left one, when asked for.

    Args:
        row: gives the row of an index for a width in cells.
        moved: called when the cursor of the list is on another row.
    """

    DEFAULT_CSS = """
    PairColumns {
        height: 1fr;
        & #pairs-left { width: 3fr; height: 1fr; }
        & #pairs-frame { height: 1fr; border: round $border-blurred; border-top: none; }
        & RowList { height: 1fr; }
        & PairReader, & SourcePane { display: none; }
        & SourcePane { border: round $border-blurred; border-title-color: $text-muted; }
        & SourcePane:focus { border: round $accent; border-title-color: $foreground; }
        &.-reading RowList { display: none; }
        &.-reading PairReader { display: block; }
        &.-beside SourcePane { display: block; }
        &.-narrow SourcePane { display: none; }
        &.-narrow.-over SourcePane { display: block; }
        &.-narrow.-over #pairs-left { display: none; }
        &.-empty SourcePane { display: none; }
        & #pairs-left:focus-within {
            & #pairs-frame { border: round $accent; border-top: none; }
            & PairTitle { color: $accent; }
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "rows('move', 1)", "down", show=False),
        Binding("up,k", "rows('move', -1)", "up", show=False),
        Binding("pagedown", "rows('page', 1)", "page down", show=False),
        Binding("pageup", "rows('page', -1)", "page up", show=False),
        Binding("home,g", "rows('jump', 0)", "first", show=False),
        Binding("end,G", "rows('jump', -1)", "last", show=False),
    ]

    def __init__(self, row: Callable[[int, int], Row], moved: Callable[[], None]) -> None:
        super().__init__(classes="-beside")
        self.set_class(self.app.size.width < Place.NARROW, "-narrow")
        self.title = PairTitle()
        self.rows = RowList(row, moved=moved, id="pairs-rows")
        self.filter = PairFilter()
        self._reader = PairReader()
        self._source = SourcePane()
        self._source.border_title = SOURCE
        self._sides = PairSides(self, self._show_again)
        self._pair: tuple[Pair | Dropped | None, Store, int] | None = None
        self._seen = False

    def compose(self) -> ComposeResult:
        with CoveredColumn(id="pairs-left"):
            yield self.title
            # The border is not the list's own: a row would bring it along at every repaint.
            with Vertical(id="pairs-frame"):
                yield self.rows
                yield self._reader
                yield self.filter
        yield self._source

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < Place.NARROW, "-narrow")
        # What was hidden had no width to be written for.
        self.call_after_refresh(self._show_again)

    @property
    def reading(self) -> bool:
        """Whether the whole text of a pair is in the place of the list."""
        return self.has_class("-reading")

    @property
    def pane_shown(self) -> bool:
        """Whether anything follows the cursor."""
        return self.reading or self._beside

    @property
    def _over(self) -> bool:
        return self.has_class("-narrow") and self.has_class("-over")

    @property
    def _beside(self) -> bool:
        # Not by its size: a pane that was hidden keeps the one it had.
        wide = not self.has_class("-narrow") and self.has_class("-beside")
        return (wide or self._over) and not self.has_class("-empty")

    def show_pair(self, pair: Pair | Dropped | None, store: Store, digits: int) -> None:
        """Bring what stands beside or over the list to a pair; `digits` as in `list_row`."""
        self._pair = pair, store, digits
        if not self.pane_shown:
            return
        seen = self._seen and isinstance(pair, Pair)
        beside = Beside()
        if isinstance(pair, Pair) and not (seen and not self.reading):
            beside = self._sides.beside(pair, store)
        elif isinstance(pair, Dropped):
            beside = beside_dropped(pair, store)
        if self._beside and not self._pane_seen:
            entitle(self._source, SOURCE)
            self._source.show_pair(pair, beside, digits)
        if self.reading and not seen:
            self._reader.show_rows(("pair", pair.id if pair else None), _filling(pair, beside, digits))
        if isinstance(pair, Pair) and seen:
            self._sides.seen(pair, store, self._show_seen)
        elif self._pane_seen:
            self._source.show_seen(_filling(pair, beside, digits))
        if self._pane_seen:
            entitle(self._source, seen_title(self._sides.target(store)))

    def shows(self, pair: Pair | None) -> bool:
        """Whether the panes were brought to just this pair last."""
        return pair is not None and self._pair is not None and self._pair[0] is pair

    def _show_again(self) -> None:
        if self._pair is not None and self.is_attached:
            self.show_pair(*self._pair)

    def _show_seen(self, what: object, fill: Fill) -> None:
        if self.reading:
            self._reader.show_rows(what, fill)
        elif self._beside:
            self._source.show_seen(fill)

    @property
    def _pane_seen(self) -> bool:
        """Whether the pane beside the list is for what the model will see; over the list, its text has that place."""
        return self._seen and not self.reading

    def empty(self, nothing: bool) -> None:
        """Hide the source while there is no pair in the project at all."""
        self.set_class(nothing, "-empty")

    def toggle_source(self) -> None:
        """Show the pair and its source, or hide them."""
        if self._shown and (self.reading or not self._seen):
            self.remove_class(self._side)
        else:
            self.add_class(self._side)
            self._see(self._seen and self.reading)

    def toggle_seen(self) -> None:
        """Show what the model will see in the place of the source or of the whole text, or those again."""
        if self.reading:
            self._see(not self._seen)
            return
        seen = not (self._shown and self._seen)
        self.set_class(seen or not self.has_class("-narrow"), self._side)
        self._see(seen)

    def _see(self, seen: bool) -> None:
        self._seen = seen
        self._source.set_class(self._pane_seen, "-seen")

    @property
    def _side(self) -> str:
        """The class that shows the pane at this width."""
        return "-over" if self.has_class("-narrow") else "-beside"

    @property
    def _shown(self) -> bool:
        return self.has_class(self._side)

    def read(self) -> None:
        """Put the whole text of the pair in the place of the list, or all that the model will see of it."""
        if self.has_class("-narrow") and not self._over:
            self._seen = False
        self.remove_class("-over")
        self.add_class("-reading")
        self._see(self._seen)

    async def start_filter(self, words: str, where: str) -> None:
        """Open the filter's line below the list."""
        self.remove_class("-over", "-reading")
        await self.filter.open(words, where)

    def end_filter(self) -> None:
        self.filter.close()
        self.screen.set_focus(self.rows)

    def step_back(self) -> bool:
        """Show the list again; False when nothing was over it."""
        if not self.reading and not self._over:
            return False
        self.remove_class("-reading", "-over")
        self._see(self._seen and not self.has_class("-narrow"))
        return True

    def focus_shown(self) -> None:
        """Give the focus to what is seen, so that the keys of the place work."""
        focus_now(self._source if self._over else self._reader if self.reading else self.rows)

    def action_rows(self, what: str, number: int) -> None:
        """From the source pane the list is moved as from the list itself."""
        if self.source_focused:
            getattr(self.rows, f"action_{what}")(number)

    @property
    def source_focused(self) -> bool:
        return self._source.has_focus


def _filling(pair: Pair | Dropped | None, beside: Beside, digits: int) -> Fill:
    """The rows of the whole text."""
    if pair is None:
        return lambda width, most: list(NO_PAIR)
    if isinstance(pair, Dropped):
        return lambda width, most: all_dropped_rows(pair, beside, width, most)
    return lambda width, most: pair_rows(pair, beside, digits, width, most)
