"""Beside or over the list of records: one record to read, or the values of a field, or what failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll

from ftui.store import Store
from ftui.store.records import RecordLine
from ftui.store.survey import FieldSummary
from ftui.ui.keys import focus_now
from ftui.ui.reading import Reader
from ftui.ui.text import Row, count, plain, row
from ftui.ui.widgets.record_rows import field_about, record_raw, record_text, value_row
from ftui.ui.widgets.rows import Lines, RowList, entitle

_SUBJECTS = 500
"""What failed for one reason, at most so many of it."""


class TextPane(VerticalScroll, can_focus=True):
    """Rows to scroll through."""

    DEFAULT_CSS = "TextPane { height: 1fr; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "first", show=False),
        Binding("G", "scroll_end", "last", show=False),
    ]

    _shown: object = None

    def compose(self) -> ComposeResult:
        yield Lines()

    def show(self, rows: Sequence[Row], what: object) -> None:
        """Show rows from their beginning; of the same `what` stays where it was scrolled to."""
        self.query_one(Lines).show(rows)
        if what != self._shown:
            self._shown = what
            self.scroll_home(animate=False)


class RecordPane(Vertical):
    """The second pane of the records: a text, or some lines and a list below them."""

    DEFAULT_CSS = """
    RecordPane {
        height: 1fr; padding: 0 0 0 1;
        & > Lines { padding: 0 1 0 0; }
        & > RowList { height: 1fr; margin-left: -1; display: none; }
        &.-listing > RowList { display: block; }
        &.-listing > TextPane { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__(classes="pane", id="record-pane")
        self._row: Callable[[int, int], Row] = lambda index, width: ()
        self._reader = Reader(self, "beside")

    def compose(self) -> ComposeResult:
        yield Lines()
        yield TextPane()
        yield RowList(lambda index, width: self._row(index, width))

    def focus_shown(self) -> None:
        focus_now(self.query_one(RowList) if self.has_class("-listing") else self.query_one(TextPane))

    def show_record(self, line: RecordLine | None, number: int, raw: bool, rest: float) -> None:
        """Show a record to read, or as it is stored.

        Args:
            number: its place in the list, from 1.
            rest: seconds without another one before it is read.
        """
        if line is None:
            self._reader.stop()
            self._text("Record", [row(("No record is chosen.", "dim"))], None)
            return
        title = f"Record {count(number)}" + (" · raw" if raw else "")
        width = max(self.size.width - 4, 16)

        def read(store: Store) -> list[Row]:
            record = store.records.get(line.id)
            if record is None:
                return [row(("It was deleted meanwhile.", "dim"))]
            return record_raw(record, width) if raw else record_text(record, line.size, width)

        self._reader.read(read, lambda rows: self._text(title, rows, (line.id, raw)), rest)

    def show_field(self, field: FieldSummary | None, read: int) -> None:
        """Show the values of a field, counted in `read` records."""
        self._reader.stop()
        if field is None:
            self._text("Field", (), None)
            return
        values, filled = field.values, field.filled
        self._list(
            field.name,
            field_about(field, read),
            len(values),
            lambda index, width: value_row(*values[index], filled, width),
        )

    def show_failed(self, task: int | None, group: tuple[str, str, int] | None, rest: float) -> None:
        """Show what failed in a task for one reason; `group` as the store gives it."""
        if task is None or group is None:
            self._reader.stop()
            self._text("Failed", (), None)
            return
        _, reason, number = group

        def show(subjects: list[str]) -> None:
            above = [row((f"the first {count(_SUBJECTS)} of {count(number)}", "dim"))] if number > _SUBJECTS else []
            self._list(reason, above, len(subjects), lambda index, width: row(plain(subjects[index], width)))

        self._reader.read(lambda store: store.tasks.failed_subjects(task, reason, _SUBJECTS), show, rest)

    def _text(self, title: str, rows: Sequence[Row], what: object) -> None:
        self._as(title, (), listing=False)
        self.query_one(TextPane).show(rows, what)

    def _list(self, title: str, above: Sequence[Row], count: int, row: Callable[[int, int], Row]) -> None:
        self._as(title, above, listing=True)
        self._row = row
        rows = self.query_one(RowList)
        rows.cursor = 0
        rows.update(count)

    def _as(self, title: str, above: Sequence[Row], *, listing: bool) -> None:
        focused = self.has_focus_within
        self.set_class(listing, "-listing")
        if focused:
            self.focus_shown()
        entitle(self, title)
        self.query_one(Lines).show(above)
