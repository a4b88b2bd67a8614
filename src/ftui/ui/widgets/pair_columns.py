"""The list of pairs with what stands beside it, and which of them is to be seen."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from ftui.store import Store
from ftui.store.pairs import Dropped, Pair
from ftui.ui.place import Place
from ftui.ui.text import Row
from ftui.ui.widgets.pair_filter import PairFilter
from ftui.ui.widgets.pair_pane import Beside, PairReader, SourcePane
from ftui.ui.widgets.pair_title import PairTitle
from ftui.ui.widgets.rows import RowList


class PairColumns(Horizontal):
    """Left the list, or the whole text of one pair; right the pair and its source.

    In a narrow terminal the right side lies over the left one, when asked for.

    Args:
        row: gives the row of an index for a width in cells.
    """

    DEFAULT_CSS = """
    PairColumns {
        height: 1fr;
        & #pairs-left { width: 3fr; height: 1fr; }
        & #pairs-frame { height: 1fr; border: round $border-blurred; border-top: none; }
        & RowList { height: 1fr; }
        & PairReader, & PairFilter, & SourcePane { display: none; }
        & SourcePane { border: round $border-blurred; border-title-color: $text-muted; }
        & SourcePane:focus { border: round $accent; border-title-color: $foreground; }
        &.-filtering PairFilter { display: block; }
        &.-reading RowList { display: none; }
        &.-reading PairReader { display: block; }
        &.-beside SourcePane { display: block; }
        &.-narrow SourcePane { display: none; }
        &.-narrow.-over SourcePane { display: block; }
        &.-narrow.-over #pairs-left { display: none; }
        &.-narrow #pair-text, &.-narrow #pair-from { height: 1fr; }
        &.-empty SourcePane { display: none; }
        & #pairs-left:focus-within {
            & #pairs-frame { border: round $accent; border-top: none; }
            & PairTitle { color: $accent; }
        }
    }
    """

    def __init__(self, row: Callable[[int, int], Row]) -> None:
        super().__init__(classes="-beside")
        self.title = PairTitle()
        self.rows = RowList(row, id="pairs-rows")
        self.filter = PairFilter()
        self._reader = PairReader()
        self._source = SourcePane()
        self._source.border_title = "Pair and source"

    def compose(self) -> ComposeResult:
        with Vertical(id="pairs-left"):
            yield self.title
            # The border is not the list's own: a row would bring it along at every repaint.
            with Vertical(id="pairs-frame"):
                yield self.rows
                yield self._reader
                yield self.filter
        yield self._source

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < Place.NARROW, "-narrow")

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
        if not self.pane_shown:
            return
        beside = Beside()
        if isinstance(pair, Pair):
            record = store.records.get(pair.record) if pair.record else None
            fact_size = len(store.pairs.fact_ids(pair.fact)) if pair.fact else 1
            beside = Beside(record, fact_size, store.pairs.stand_ins(pair.id) if pair.stands_for else ())
        if self._beside:
            self._source.show_pair(pair, beside, digits)
        if self.reading:
            self._reader.show_pair(pair, beside, digits)

    def empty(self, nothing: bool) -> None:
        """Hide the source while there is no pair in the project at all."""
        self.set_class(nothing, "-empty")

    def toggle_source(self) -> None:
        """Show or hide the pair and its source."""
        self.toggle_class("-over" if self.has_class("-narrow") else "-beside")

    def read(self) -> None:
        """Put the whole text of the pair in the place of the list."""
        self.remove_class("-over")
        self.add_class("-reading")

    def start_filter(self, words: str, where: str) -> None:
        """Open the filter's line below the list."""
        self.remove_class("-over", "-reading")
        self.add_class("-filtering")
        self.filter.open(words, where)

    def end_filter(self) -> None:
        self.remove_class("-filtering")
        self.rows.focus()

    def step_back(self) -> bool:
        """Show the list again; False when nothing was over it."""
        if not self.reading and not self._over:
            return False
        self.remove_class("-reading", "-over")
        return True

    def focus_shown(self) -> None:
        """Give the focus to what is seen, so that the keys of the place work."""
        (self._source if self._over else self._reader if self.reading else self.rows).focus()

    @property
    def source_focused(self) -> bool:
        return self._source.has_focus
