"""Beside the list: where a pair comes from, or what the model will see of it. Over the list: all of its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from ftui.store.pairs import Dropped, Message, Pair, StandIn
from ftui.ui.text import Row, Span
from ftui.ui.widgets.pair_messages import message_rows
from ftui.ui.widgets.pair_rows import dropped_rows, flag_rows, heading, kept_rows, stand_in_rows
from ftui.ui.widgets.pair_source import gone_row, record_rows, source_rows
from ftui.ui.widgets.rows import Lines

_FROM: Row = (Span("from", "accent"),)
_MORE: Row = (Span("… ", "dim"), Span("enter", "key"), Span(" shows all of it", "dim"))
_STILL: Row = (Span("… ", "dim"), Span("enter", "key"), Span(" shows more", "dim"))
NO_PAIR: tuple[Row, ...] = ((Span("No pair is chosen.", "dim"),),)

Fill = Callable[[int, int | None], list[Row]]
"""Gives the rows for a width, at most so many when a number is given."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is to know about a pair besides itself.

    Attributes:
        record: as `store.records.get` gives it; None when it is gone or there was none.
        fact_size: how many phrasings the pair's fact has.
        stand_ins: the near-duplicates that it stands for.
        original: its messages before they were edited.
        cost: what training on it costs, in a few words.
        source: the name of its source, "" when it is gone.
        key: what its record is called in the source, `chats.jsonl:3` for a row of a file; "" where
            that is its address.
        kept: beside what did not become a pair, those of its record that stay from before.
    """

    record: Mapping[str, Any] | None = None
    fact_size: int = 1
    stand_ins: Sequence[StandIn] = ()
    original: Sequence[Message] | None = None
    cost: str = ""
    source: str = ""
    key: str = ""
    kept: Sequence[int] = ()


def pair_rows(pair: Pair, beside: Beside, digits: int, width: int, most: int | None = None) -> list[Row]:
    """All that is to know about a pair: what it is, its messages, its source."""
    rows = [heading(pair, digits, beside.cost), *kept_rows(pair, width), *flag_rows(pair, width), ()]
    rows += message_rows(pair, width, most=most, original=beside.original)
    rows += stand_in_rows(pair, beside.stand_ins, width)
    if most is None or len(rows) < most:
        rows += [_FROM, *_source_rows(pair, beside, width, most)]
    return rows if most is None else rows[:most]


def all_dropped_rows(dropped: Dropped, beside: Beside, width: int, most: int | None = None) -> list[Row]:
    """All that is to know about what did not become a pair: why, and the record that it would have come from."""
    rows = dropped_rows(dropped, width, most, beside.source, beside.key, beside.kept)
    record = _dropped_record_rows(dropped, beside, width, most)
    rows += [(), *record] if record else []
    return rows if most is None else rows[:most]


def _dropped_record_rows(dropped: Dropped, beside: Beside, width: int, most: int | None) -> list[Row]:
    if beside.record is not None:
        return record_rows(beside.record, width, most)
    return [gone_row(width)] if dropped.record else []


def _source_rows(pair: Pair, beside: Beside, width: int, most: int | None) -> list[Row]:
    return source_rows(pair, beside.record, beside.fact_size, width, most, beside.source, beside.key)


class _Part(Lines):
    """The inside of the pane. Always as many lines as it has room for, so that a change lays nothing out again."""

    DEFAULT_CSS = "_Part { height: 1fr; }"

    @property
    def room(self) -> int:
        """Cells of a line of text. The last one stays free: a line that ends at the border costs ten bytes more."""
        return max(self.size.width - 1, 8)

    def fill(self, *stretches: tuple[Sequence[Row], int]) -> None:
        """Show rows below each other, each stretch of them in as many lines as it says."""
        lines: list[Row] = []
        for rows, height in stretches:
            shown = list(rows[:height])
            if len(rows) > height > 0:
                shown[-1] = _MORE
            lines += [*shown, *[()] * (height - len(shown))]
        self.show(lines)


class SourcePane(Vertical, can_focus=True):
    """The pair, and below it where its answer was taken from; or what the model will see, all over.

    Each has its own lines of the pane: a longer question does not push the source
    down, so the phrasings of one fact leave it as it is. Only a pair that has not
    room in its own takes of those that the source leaves free.
    """

    DEFAULT_CSS = """
    SourcePane {
        height: 1fr; width: 2fr; padding: 0 1;
        & > #pair-seen { display: none; }
        &.-seen > #pair-text { display: none; }
        &.-seen > #pair-seen { display: block; }
    }
    """

    def compose(self) -> ComposeResult:
        yield _Part(id="pair-text")
        yield _Part(id="pair-seen")

    def show_pair(self, pair: Pair | Dropped | None, beside: Beside, digits: int) -> None:
        """Show a pair and its source; `digits` as in `list_row`."""
        part = self.query_one("#pair-text", _Part)
        width, height = part.room, part.size.height
        narrow = any(node.has_class("-narrow") for node in self.ancestors)
        own = height // 2 if narrow else height * 2 // 5
        text: list[Row] = list(NO_PAIR)
        source: list[Row] = []
        if isinstance(pair, Dropped):
            text = dropped_rows(pair, width, height + 1, beside.source, beside.key, beside.kept)
            source = _dropped_record_rows(pair, beside, width, height - own + 1)
        elif pair is not None:
            messages = message_rows(pair, width, system=False, most=height + 1, original=beside.original)
            others = stand_in_rows(pair, beside.stand_ins, width)
            about = [heading(pair, digits, beside.cost), *kept_rows(pair, width), *flag_rows(pair, width)]
            text = [*about, *messages, *others]
            source = [_FROM, *_source_rows(pair, beside, width, height - own + 1)]
        for rows in (text, source):
            while rows and not rows[-1]:
                rows.pop()
        # With an empty line below it.
        own = max(min(len(text) + 1, height - len(source)), own) if len(text) > own else own
        part.fill((text, own), (source, height - own))

    def show_seen(self, fill: Fill) -> None:
        """Show what the model will see."""
        part = self.query_one("#pair-seen", _Part)
        part.fill((fill(part.room, part.size.height + 1), part.size.height))


class PairReader(VerticalScroll, can_focus=True):
    """All of a pair, to scroll through: as far as is looked at first, `enter` shows more.

    A key scrolls at once: were it animated, the next one would begin from wherever the last one was.
    """

    DEFAULT_CSS = """
    PairReader { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "first", show=False),
        Binding("G", "scroll_end", "last", show=False),
        Binding("enter", "more", "more", show=False),
    ]
    FIRST: ClassVar[int] = 500
    """Rows that are shown at once; each `enter` shows four times as many."""

    _shown: object = None
    _most = FIRST
    _fill: Fill | None = None
    _cut = False

    def compose(self) -> ComposeResult:
        yield Lines()

    def show_rows(self, what: object, fill: Fill) -> None:
        """Show something from its beginning; the same again stays where it was scrolled to.

        Args:
            what: tells one thing from another.
        """
        other = what != self._shown
        if other:
            self._shown, self._most = what, self.FIRST
        self._fill = fill
        self._draw()
        if other:
            self.scroll_home(animate=False)

    def _draw(self) -> None:
        if self._fill is None:
            return
        # The bar comes only with the rows: what is written for a width without it would lose the ends of its lines.
        width = self.size.width - self.styles.scrollbar_size_vertical
        rows = self._fill(max(width, 8), self._most + 1)
        self._cut = len(rows) > self._most
        self.query_one(Lines).show([*rows[: self._most], _STILL] if self._cut else rows)

    def scroll_to(self, *args: Any, **options: Any) -> None:
        super().scroll_to(*args, **{**options, "animate": False, "immediate": True})

    def scroll_end(self, **options: Any) -> None:
        super().scroll_end(**{**options, "animate": False, "immediate": True})

    def action_more(self) -> None:
        if self._cut:
            self._most *= 4
            self._draw()

    def on_click(self, event: events.Click) -> None:
        if self._cut and event.y + self.scroll_offset.y >= self._most:
            self.action_more()
