"""The left side of the records: one list of records, one of their fields, one of what failed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from ftui.store.records import Records
from ftui.store.survey import FieldSummary, Survey
from ftui.ui.keys import focus_now
from ftui.ui.places.progress import Reasons, reason_head, reason_row
from ftui.ui.text import Row, count, row
from ftui.ui.widgets.filter_line import FilterLine
from ftui.ui.widgets.record_list import RecordList
from ftui.ui.widgets.record_rows import (
    failed_title,
    field_head,
    field_row,
    nothing_rows,
    record_head,
    record_row,
    records_title,
    view_row,
)
from ftui.ui.widgets.rows import Lines, RowList, entitle

VIEWS = ("records", "fields", "failed")
_NOTHING_FAILED = (row(), row(" Nothing failed and nothing was left out."))


class RecordColumn(Vertical):
    """Shows what it is given; one list at a time.

    Attributes:
        view: the list that is shown, one of `VIEWS`.
        records: the records that are listed.
        survey: their fields, None before they were counted.
        reasons: what failed, and what was left out.
        words: those that the listed records have, "" for all records.
        rows_of: the list of each view.
    """

    DEFAULT_CSS = """
    RecordColumn {
        height: 1fr;
        & #records-views { padding: 0 1; }
        & #records-head { padding: 0 0 0 1; }
        & RowList { height: 1fr; display: none; scrollbar-gutter: stable; }
        &.-records #list, &.-fields #fields, &.-failed #reasons { display: block; }
        & FilterLine { display: none; padding: 0 1; }
    }
    """

    def __init__(self, records: Records) -> None:
        super().__init__(classes="pane -records")
        self.view = VIEWS[0]
        self.records = RecordList(records)
        self.survey: Survey | None = None
        self.reasons = Reasons()
        self.words = ""
        self._views, self._head = Lines(id="records-views"), Lines(id="records-head")
        self._filter = FilterLine("words, all of which are in the record")
        # Held, not looked for: an answer may come while the column is taken away.
        self.rows_of = {
            "records": RowList(self._record_row, id="list"),
            "fields": RowList(self._field_row, id="fields"),
            "failed": RowList(self._reason_row, empty=_NOTHING_FAILED, id="reasons"),
        }

    def compose(self) -> ComposeResult:
        yield self._views
        yield self._head
        yield from self.rows_of.values()
        yield self._filter

    @property
    def whole(self) -> bool:
        """Whether all of it is there: not before it is built, nor while it is taken away."""
        return self._filter.is_mounted and self.is_attached

    @property
    def rows(self) -> RowList:
        """The list that is shown."""
        return self.rows_of[self.view]

    @property
    def field(self) -> FieldSummary | None:
        """The field under the cursor."""
        index = self.rows_of["fields"].cursor
        return self.survey.fields[index] if self.survey and index < len(self.survey.fields) else None

    @property
    def group(self) -> tuple[str, str, int] | None:
        """The reason under the cursor, as the store gives it."""
        index = self.rows_of["failed"].cursor
        return self.reasons.groups[index] if index < len(self.reasons.groups) else None

    def go(self, view: str, row: int = 0) -> None:
        """Show another list, and give it the focus."""
        self.view = view
        self._filter.display = False
        self.remove_class(*(f"-{other}" for other in VIEWS))
        self.add_class(f"-{view}")
        if row:
            self.rows.cursor = row
        focus_now(self.rows)

    def start_filter(self) -> None:
        """Open the filter's line below the list."""
        self._filter.open(self.words)

    def end_filter(self) -> None:
        self._filter.display = False
        self.screen.set_focus(self.rows)

    def update(self) -> None:
        """The lists hold something else now; in that of records the cursor stays where it is."""
        self.rows_of["records"].update(len(self.records.ids), empty=nothing_rows(self.words))
        self.rows_of["fields"].update(len(self.survey.fields) if self.survey else 0)
        self.rows_of["failed"].update(len(self.reasons.groups))

    def show(self, name: str, total: int, says: str, *, listed: bool) -> None:
        """Write the lines above the list.

        Args:
            name: of the source.
            total: all its records.
            says: what else is to say.
            listed: whether the records with the words are known.
        """
        found = len(self.records.ids) if self.words and listed else None
        views = (
            ("records", records_title(total, found, self.words)),
            ("fields", "fields"),
            ("failed", failed_title(self.reasons.failed, self.reasons.skipped)),
        )
        entitle(self, name)
        self._views.show([view_row(views, self.view, says)])
        width = self.rows.row_width
        heads = {"records": record_head(width, self._digits), "fields": field_head(width), "failed": reason_head(width)}
        self._head.show([heads[self.view]])

    @property
    def _digits(self) -> int:
        return max(len(count(len(self.records.ids))), 3)

    def _record_row(self, index: int, width: int) -> Row:
        return record_row(self.records.line(index), index, width, self._digits)

    def _field_row(self, index: int, width: int) -> Row:
        return field_row(self.survey.fields[index], self.survey.read, width) if self.survey else ()

    def _reason_row(self, index: int, width: int) -> Row:
        return reason_row(*self.reasons.groups[index], width)
