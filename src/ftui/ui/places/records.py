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
from ftui.ui.keys import focus_now
from ftui.ui.place import Place
from ftui.ui.reading import Reader
from ftui.ui.text import count, plural
from ftui.ui.widgets.filter_line import FilterLine
from ftui.ui.widgets.record_column import VIEWS, RecordColumn
from ftui.ui.widgets.record_pane import RecordPane
from ftui.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

_REST = 0.06
"""Seconds that the cursor rests before the pane beside the list follows it."""
_TYPING = 0.2
"""Seconds without a key before the records are looked through."""
_LONGEST_REST = 30.0
"""Seconds between two reads of very many records while more of them come."""
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
        & RecordColumn { width: 3fr; }
        & RecordPane { width: 2fr; display: none; }
        &.-beside RecordPane { display: block; }
        &.-narrow RecordPane { display: none; width: 1fr; }
        &.-narrow.-over RecordPane { display: block; }
        &.-narrow.-over RecordColumn { display: none; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    class Left(Message):
        """Back to the sources."""

    def __init__(self, store: Store, source: Source) -> None:
        super().__init__(classes="-beside")
        self._source = source
        self._column = RecordColumn(store.records)
        self._pane = RecordPane()
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
            yield self._column
            yield self._pane

    def on_mount(self) -> None:
        self._ready = True
        if self._column.whole:
            self.refresh_view()
        else:
            self.call_after_refresh(self.refresh_view)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < Place.NARROW, "-narrow")
        self.call_after_refresh(self._settle)

    # What is there

    def refresh_view(self) -> None:
        """Look what has changed in the store, and read again what has to be."""
        if not self._ready or not self._column.whole:
            return
        store = self.app.store
        task = store.tasks.latest("collect", self._source.id)
        self._total = store.records.count(self._source.id)
        self._now = (self._total, (task.id, task.state) if task else None)
        self._column.reasons.look(store, task)
        # Reading them all takes its time: not all the time while records come.
        rest = min(10 * self._took, _LONGEST_REST)
        if self._listed != self._now and not self._lister.busy:
            self._list(rest if self._listed else 0.0)
        if self._column.view == "fields" and self._surveyed != self._now and not self._surveyor.busy:
            self._count_fields(rest if self._surveyed else 0.0)
        self._column.update()
        self._show()

    def _list(self, rest: float = 0.0) -> None:
        source, words, now = self._source.id, self._column.words, self._now

        def read(store: Store) -> array[int]:
            began = time.monotonic()
            found = store.records.ids(source, words)
            self._took = time.monotonic() - began
            return found

        def take(ids: array[int]) -> None:
            if not self._column.whole:
                return
            self._listed = now
            rows, records = self._column.rows_of["records"], self._column.records
            current = records.ids[rows.cursor] if rows.cursor < len(records.ids) else None
            records.take(ids)
            self._column.update()
            if current is not None:
                rows.cursor = records.place(current)
            self._settle()

        self._lister.read(read, take, rest)

    def _count_fields(self, rest: float = 0.0) -> None:
        source, now = self._source.id, self._now

        def take(survey: Survey) -> None:
            if not self._column.whole:
                return
            self._column.survey, self._surveyed = survey, now
            self._column.update()
            self._settle()

        self._surveyor.read(lambda store: store.records.survey(source, _SURVEY), take, rest)

    # Showing

    def _settle(self) -> None:
        self._show()
        self._show_beside()

    def _show(self) -> None:
        """The lines above the list."""
        self._column.show(self._source.name, self._total, self._says(), listed=bool(self._listed))

    def _says(self) -> str:
        """What is being read, or how much was."""
        view, survey = self._column.view, self._column.survey
        if view == "records" and not self._listed:
            return f"reading {plural(self._total, 'record')} …"
        if view == "fields":
            if survey is None:
                return f"reading {plural(min(self._total, _SURVEY), 'record')} …"
            if survey.read < survey.records:
                return f"in {count(survey.read)} of them"
        return ""

    def _show_beside(self, rest: float = 0.0) -> None:
        """Bring the second pane to what the cursor is on."""
        column, index = self._column, self._column.rows.cursor
        if not (self._over or (self.has_class("-beside") and not self.has_class("-narrow"))):
            return
        if column.view == "records":
            line = column.records.line(index) if index < len(column.records.ids) else None
            self._pane.show_record(line, index + 1, self._raw, rest)
        elif column.view == "fields":
            self._pane.show_field(column.field, column.survey.read if column.survey else 0)
        else:
            self._pane.show_failed(column.reasons.task, column.group, rest)

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()
        if event.rows is self._column.rows:
            self._show_beside(_REST)

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        event.stop()
        if event.rows is self._column.rows:
            self._open()

    # Panes and views

    @property
    def _over(self) -> bool:
        return self.has_class("-narrow") and self.has_class("-over")

    def focus_first(self) -> None:
        """Give the focus to what is seen, so that the keys work."""
        if self._over:
            self._pane.focus_shown()
        else:
            focus_now(self._column.rows)

    def show_view(self, view: str, row: int = 0) -> None:
        """Go to the "records", their "fields", or what "failed"; of these to a row."""
        self.remove_class("-over")
        self._column.go(view, row)
        self.refresh_view()
        # The list that is shown now has no size before the next layout.
        self.call_after_refresh(self._settle)
        self.app.look_again()

    def _open(self) -> None:
        self.add_class("-over" if self.has_class("-narrow") else "-beside")
        self._pane.focus_shown()
        # It has its width after the next layout.
        self.call_after_refresh(self._show_beside)

    def _back_to_list(self) -> None:
        self.remove_class("-over")
        focus_now(self._column.rows)

    # Keys

    def refusal(self, action: str) -> str:
        if action == "raw" and self._column.view != "records":
            return "A record can be seen raw · f goes to the records"
        if action in ("filter", "fields") and not self._total:
            return "No record has come yet"
        return ""

    def wording(self, action: str) -> str:
        if action == "fields" and self._column.view == "fields":
            return "records"
        return "as text" if action == "raw" and self._raw else ""

    def _can(self, action: str) -> bool:
        why = self.refusal(action)
        if why:
            self.app.say(why)
        return not why

    def action_filter(self) -> None:
        if self._can("filter"):
            self.remove_class("-over")
            if self._column.view != "records":
                self.show_view("records")
            self._column.start_filter()

    @on(FilterLine.Changed)
    def _typed(self, event: FilterLine.Changed) -> None:
        self._look_for(event.words, _TYPING)

    @on(FilterLine.Left)
    def _typed_all(self, event: FilterLine.Left) -> None:
        self._column.end_filter()
        if not event.keep:
            self._look_for("")

    def _look_for(self, words: str, rest: float = 0.0) -> None:
        if words != self._column.words:
            self._column.words, self._listed = words, ()
            self._list(rest)
            self._show()

    def action_fields(self) -> None:
        if self._can("fields"):
            self.show_view("records" if self._column.view == "fields" else "fields")

    def action_next_view(self) -> None:
        self.show_view(VIEWS[(VIEWS.index(self._column.view) + 1) % len(VIEWS)])

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
            focus_now(self._column.rows)
            self.call_after_refresh(self._settle)

    def action_back(self) -> None:
        """One step back: from the pane, from a filter, from another view, from the records."""
        if self._over or not self._column.rows.has_focus:
            self._back_to_list()
        elif self._column.words:
            self._look_for("")
        elif self._column.view != "records":
            self.show_view("records")
        else:
            self.post_message(self.Left())
