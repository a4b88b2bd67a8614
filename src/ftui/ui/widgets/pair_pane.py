"""Beside the list: where a pair comes from. Over the list: all of its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from ftui.store.pairs import Dropped, Pair, StandIn
from ftui.ui.text import Row, Span
from ftui.ui.widgets.pair_rows import dropped_rows, flag_rows, heading, message_rows, source_rows, stand_in_rows
from ftui.ui.widgets.rows import Lines

_FROM: Row = (Span("from", "accent"),)
NO_PAIR: tuple[Row, ...] = ((Span("No pair is chosen.", "dim"),),)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is to know about a pair besides itself.

    Attributes:
        record: as `store.records.get` gives it; None when it is gone or there was none.
        fact_size: how many phrasings the pair's fact has.
        stand_ins: the near-duplicates that it stands for.
    """

    record: Mapping[str, Any] | None = None
    fact_size: int = 1
    stand_ins: Sequence[StandIn] = ()


def pair_rows(pair: Pair, beside: Beside, digits: int, width: int) -> list[Row]:
    """All that is to know about a pair: what it is, its messages, its source."""
    source = source_rows(pair, beside.record, beside.fact_size, width)
    others = stand_in_rows(pair, beside.stand_ins, width)
    return [heading(pair, digits), *flag_rows(pair, width), (), *message_rows(pair, width), *others, _FROM, *source]


class _Part(Lines):
    """A stretch of the pane. Always as many lines as it has room for, so that a change lays nothing out again."""

    DEFAULT_CSS = "_Part { height: 1fr; }"

    def fill(self, rows: Sequence[Row]) -> None:
        height = self.size.height
        shown = list(rows[:height])
        if len(rows) > height > 0:
            shown[-1] = (Span("… ", "dim"), Span("enter", "key"), Span(" shows all of it", "dim"))
        self.show([*shown, *[()] * (height - len(shown))])


class SourcePane(Vertical, can_focus=True):
    """The pair, and below it where its answer was taken from.

    Each has its own part of the pane: a longer question does not push the source
    down, so the phrasings of one fact leave it as it is.
    """

    DEFAULT_CSS = """
    SourcePane {
        height: 1fr; width: 2fr; padding: 0 1;
        & > #pair-text { height: 2fr; }
        & > #pair-from { height: 3fr; }
    }
    """

    def compose(self) -> ComposeResult:
        yield _Part(id="pair-text")
        yield _Part(id="pair-from")

    def show_pair(self, pair: Pair | Dropped | None, beside: Beside, digits: int) -> None:
        """Show a pair and its source; `digits` as in `list_row`."""
        text, source = self.query_one("#pair-text", _Part), self.query_one("#pair-from", _Part)
        if pair is None:
            text.fill(NO_PAIR)
            source.fill(())
            return
        if isinstance(pair, Dropped):
            text.fill(dropped_rows(pair, text.size.width))
            source.fill(())
            return
        width = text.size.width
        messages = message_rows(pair, width, system=False)
        others = stand_in_rows(pair, beside.stand_ins, width)
        text.fill([heading(pair, digits), *flag_rows(pair, width), *messages, *others])
        source.fill([_FROM, *source_rows(pair, beside.record, beside.fact_size, source.size.width)])


class PairReader(VerticalScroll, can_focus=True):
    """All messages of a pair and its source, to scroll through."""

    DEFAULT_CSS = """
    PairReader { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "first", show=False),
        Binding("G", "scroll_end", "last", show=False),
    ]

    _shown: int | None = None

    def compose(self) -> ComposeResult:
        yield Lines()

    def show_pair(self, pair: Pair | Dropped | None, beside: Beside, digits: int) -> None:
        """Show a pair from its beginning; the same pair again stays where it was scrolled to."""
        width = max(self.scrollable_content_region.width, 8)
        rows: list[Row] = list(NO_PAIR)
        if isinstance(pair, Dropped):
            rows = dropped_rows(pair, width)
        elif pair is not None:
            rows = pair_rows(pair, beside, digits, width)
        self.query_one(Lines).show(rows)
        identifier = pair.id if pair else None
        if identifier != self._shown:
            self._shown = identifier
            self.scroll_home(animate=False)
