"""The records of one source: the list, their fields, what failed; beside it the chosen one."""

from __future__ import annotations

import time
from array import array
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message

from ftui.store import Store
from ftui.store.records import Source
from ftui.store.survey import Survey
from ftui.ui.place import Place
from ftui.ui.places.progress import Reasons, reason_head, reason_row
from ftui.ui.reading import Reader
from ftui.ui.text import Row, count, plural, row
from ftui.ui.widgets.filter_line import FilterLine
from ftui.ui.widgets.record_list import RecordList
from ftui.ui.widgets.record_pane import RecordPane
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

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

_VIEWS = ("records", "fields", "failed")
_NOTHING_FAILED = (row(), row(" Nothing failed and nothing was left out."))
_REST = 0.06
"""Seconds that the cursor rests before the pane beside the list follows it."""
_TYPING = 0.2
"""Seconds without a key before the records are looked through."""
_SURVEY = 2000
"""Records that the fields are counted in."""


class RecordsView(Vertical):
    """Everything that came from a source, over the whole place.

    It holds ids and a few pages of lines. Whatever reads all records does so in
    a thread, says so, and ends when the view is left.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/", id="records.filter"),
        Binding("f", "fields", "fields", id="records.fields"),
        Binding("v", "raw", "raw", id="records.raw"),
        Binding("tab", "next_view", "next view", id="records.next_view"),
        Binding("s", "switch", "details", id="records.switch"),
        Binding("escape", "back", "back", id="records.back"),
    ]
    DEFAULT_CSS = """
    RecordsView {
        height: 1fr;
        & #records-left { width: 3fr; height: 1fr; }
        & #records-views { padding: 0 1; }
        & #records-head { padding: 0 0 0 1; }
        & RecordPane { width: 2fr; display: none; }
        &.-beside RecordPane { display: block; }
        & #records-left RowList { height: 1fr; display: none; }
        &.-records #list, &.-fields #fields, &.-failed #reasons { display: block; }
        & FilterLine { display: none; padding: 0 1; }
        &.-filtering FilterLine { display: block; }
        &.-narrow RecordPane { display: none; width: 1fr; }
        &.-narrow.-over RecordPane { display: block; }
        &.-narrow.-over #records-left { display: none; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    class Left(Message):
        """Back to the sources."""

    def __init__(self, store: Store, source: Source) -> None:
        super().__init__(classes="-beside -records")
        self.source = source
        self.view = "records"
        self._records = RecordList(store.records)
        self._survey: Survey | None = None
        self._reasons = Reasons()
        self._words = ""
        self._raw = False
        self._total = 0
        self._now: object = None
        """How the records stand, as far as it can be told cheaply."""
        self._listed: object = ()
        """How they stood when they were listed, and `_surveyed` when their fields were counted."""
        self._surveyed: object = ()
        self._took = 0.0
        self._ready = False
        self._lister, self._surveyor = Reader(self, "list"), Reader(self, "fields")

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="records-left", classes="pane"):
                yield Lines(id="records-views")
                yield Lines(id="records-head")
                yield RowList(self._record_row, id="list")
                yield RowList(self._field_row, id="fields")
                yield RowList(self._reason_row, empty=_NOTHING_FAILED, id="reasons")
                yield FilterLine("words, all of which are in the record")
            yield RecordPane()

    def on_mount(self) -> None:
        self._ready = True
        self.refresh_view()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < Place.NARROW, "-narrow")
        self.call_after_refresh(self._settle)

    # What is there

    def refresh_view(self) -> None:
        """Look what has changed in the store, and read again what has to be."""
        if not self._ready:
            return
        store = self.app.store
        task = store.tasks.latest("collect", self.source.id)
        self._total = store.records.count(self.source.id)
        self._now = (self._total, (task.id, task.state) if task else None)
        self._reasons.look(store, task)
        self.query_one("#reasons", RowList).update(len(self._reasons.groups))
        # Reading them all takes its time: not all the time while records come.
        rest = min(10 * self._took, 30.0)
        if self._listed != self._now and not self._lister.busy:
            self._list(rest if self._listed else 0.0)
        if self.view == "fields" and self._surveyed != self._now and not self._surveyor.busy:
            self._count_fields(rest if self._surveyed else 0.0)
        self._show()

    def _list(self, rest: float = 0.0) -> None:
        source, words, now = self.source.id, self._words, self._now

        def read(store: Store) -> array[int]:
            began = time.monotonic()
            found = store.records.ids(source, words)
            self._took = time.monotonic() - began
            return found

        def take(ids: array[int]) -> None:
            self._listed = now
            rows, old = self.query_one("#list", RowList), self._records.ids
            current = old[rows.cursor] if rows.cursor < len(old) else None
            self._records.take(ids)
            rows.update(len(ids), empty=nothing_rows(self._words))
            if current is not None:
                rows.cursor = self._records.place(current)
            self._show()
            self._show_beside()

        self._lister.read(read, take, rest)

    def _count_fields(self, rest: float = 0.0) -> None:
        source, now = self.source.id, self._now

        def take(survey: Survey) -> None:
            self._survey, self._surveyed = survey, now
            self.query_one("#fields", RowList).update(len(survey.fields))
            self._show()
            self._show_beside()

        self._surveyor.read(lambda store: store.records.survey(source, _SURVEY), take, rest)

    # Showing

    def _show(self) -> None:
        """The lines above the list."""
        found = len(self._records.ids) if self._words and self._listed else None
        views = (
            ("records", records_title(self._total, found, self._words)),
            ("fields", "fields"),
            ("failed", failed_title(self._reasons.failed, self._reasons.skipped)),
        )
        entitle(self.query_one("#records-left"), self.source.name)
        self.query_one("#records-views", Lines).show([view_row(views, self.view, self._says())])
        width = self._rows.row_width
        heads = {
            "records": record_head(width, self._digits),
            "fields": field_head(width),
            "failed": reason_head(width),
        }
        self.query_one("#records-head", Lines).show([heads[self.view]])

    def _says(self) -> str:
        """What is being read, or how much was."""
        if self.view == "records" and not self._listed:
            return f"reading {plural(self._total, 'record')} …"
        if self.view == "fields":
            if self._survey is None:
                return f"reading {plural(min(self._total, _SURVEY), 'record')} …"
            if self._survey.read < self._survey.records:
                return f"in {count(self._survey.read)} of them"
        return ""

    def _show_beside(self, rest: float = 0.0) -> None:
        """Bring the second pane to what the cursor is on."""
        if not self._pane_shown:
            return
        pane, index = self.query_one(RecordPane), self._rows.cursor
        if self.view == "records":
            line = self._records.line(index) if index < len(self._records.ids) else None
            pane.show_record(line, index + 1, self._raw, rest)
        elif self.view == "fields":
            found = self._survey.fields if self._survey else ()
            pane.show_field(found[index] if index < len(found) else None, self._survey.read if self._survey else 0)
        else:
            groups = self._reasons.groups
            pane.show_failed(self._reasons.task, groups[index] if index < len(groups) else None, rest)

    # Rows

    @property
    def _rows(self) -> RowList:
        return self.query_one({"records": "#list", "fields": "#fields", "failed": "#reasons"}[self.view], RowList)

    @property
    def _digits(self) -> int:
        return max(len(count(len(self._records.ids))), 3)

    def _record_row(self, index: int, width: int) -> Row:
        return record_row(self._records.line(index), index, width, self._digits)

    def _field_row(self, index: int, width: int) -> Row:
        return field_row(self._survey.fields[index], self._survey.read, width) if self._survey else ()

    def _reason_row(self, index: int, width: int) -> Row:
        return reason_row(*self._reasons.groups[index], width)

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()
        if event.rows is self._rows:
            self._show_beside(_REST)

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        event.stop()
        if event.rows is self._rows:
            self._open()

    # Panes and views

    @property
    def _over(self) -> bool:
        return self.has_class("-narrow") and self.has_class("-over")

    @property
    def _pane_shown(self) -> bool:
        return self._over or (self.has_class("-beside") and not self.has_class("-narrow"))

    def focus_first(self) -> None:
        """Give the focus to what is seen, so that the keys work."""
        self.query_one(RecordPane).focus_shown() if self._over else self._rows.focus()

    def show_view(self, view: str, row: int = 0) -> None:
        """Go to the "records", their "fields", or what "failed"; of the latter to a row."""
        self.view = view
        self.remove_class("-over", "-filtering", *(f"-{other}" for other in _VIEWS))
        self.add_class(f"-{view}")
        if row:
            self._rows.cursor = row
        self._rows.focus()
        self.refresh_view()
        # The list that is shown now has no size before the next layout.
        self.call_after_refresh(self._settle)
        self.app.look_again()

    def _settle(self) -> None:
        self._show()
        self._show_beside()

    def _open(self) -> None:
        self.add_class("-over" if self.has_class("-narrow") else "-beside")
        self.query_one(RecordPane).focus_shown()
        # It has its width after the next layout.
        self.call_after_refresh(self._show_beside)

    # Keys

    def refusal(self, action: str) -> str:
        if action == "raw" and self.view != "records":
            return "A record can be seen raw · f goes to the records"
        if action in ("filter", "fields") and not self._total:
            return "No record has come yet"
        return ""

    def wording(self, action: str) -> str:
        if action == "fields" and self.view == "fields":
            return "records"
        return "as text" if action == "raw" and self._raw else ""

    def _can(self, action: str) -> bool:
        why = self.refusal(action)
        if why:
            self.app.say(why)
        return not why

    def action_filter(self) -> None:
        if self._can("filter"):
            self.show_view("records")
            self.add_class("-filtering")
            self.query_one(FilterLine).open(self._words)

    @on(FilterLine.Changed)
    def _typed(self, event: FilterLine.Changed) -> None:
        self._words, self._listed = event.words, ()
        self._list(_TYPING)
        self._show()

    @on(FilterLine.Left)
    def _typed_all(self, event: FilterLine.Left) -> None:
        self.remove_class("-filtering")
        self._rows.focus()
        if not event.keep:
            self._show_all()

    def _show_all(self) -> None:
        if self._words:
            self._words, self._listed = "", ()
            self._list()
            self._show()

    def action_fields(self) -> None:
        if self._can("fields"):
            self.show_view("records" if self.view == "fields" else "fields")

    def action_next_view(self) -> None:
        self.show_view(_VIEWS[(_VIEWS.index(self.view) + 1) % len(_VIEWS)])

    def action_raw(self) -> None:
        if self._can("raw"):
            self._raw = not self._raw
            self._show_beside()
            self.app.look_again()

    def action_switch(self) -> None:
        if self.has_class("-narrow"):
            self._back_to_list() if self._over else self._open()
        else:
            self.toggle_class("-beside")
            self._rows.focus()
            self.call_after_refresh(self._settle)

    def _back_to_list(self) -> None:
        self.remove_class("-over")
        self._rows.focus()

    def action_back(self) -> None:
        """One step back: from the pane, from a filter, from another view, from the records."""
        if self._over or not self._rows.has_focus:
            self._back_to_list()
        elif self._words:
            self._show_all()
        elif self.view != "records":
            self.show_view("records")
        else:
            self.post_message(self.Left())
