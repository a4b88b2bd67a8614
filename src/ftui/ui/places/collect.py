"""Collect: the sources of a project, and how their collection goes."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from ftui.store.records import Source
from ftui.store.tasks import Task
from ftui.ui import clock
from ftui.ui.place import Place
from ftui.ui.places.progress import KINDS, progress_rows, reason_row, source_row
from ftui.ui.screens.ask import AskScreen
from ftui.ui.text import Row, plain, plural, row
from ftui.ui.widgets.rows import Lines, RowList, entitle

_EMPTY = (
    row(),
    row("A source gives records: the pages of a website,"),
    row("a Bright Data dataset, or files."),
    row(),
    row(("n", "key"), " adds the first one"),
)


class CollectPlace(Place):
    number, title, short = 2, "Collect", "Coll"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new source", id="collect.new"),
        Binding("z", "pause", "pause", id="collect.pause"),
        Binding("ctrl+x", "stop", "stop", id="collect.stop"),
        Binding("r", "retry", "again", id="collect.retry"),
        Binding("p", "prepare", "make pairs", id="collect.prepare"),
        Binding("s", "switch", "details", id="collect.switch"),
        Binding("d", "delete", "delete", id="collect.delete"),
        Binding("escape", "back", show=False),
    ]
    DEFAULT_CSS = """
    CollectPlace {
        & #sources { width: 9fr; }
        & #how { width: 13fr; padding: 0 1 0 0; }
        & #progress { padding: 0 0 0 1; }
        & #reasons { height: 1fr; margin-top: 1; }
        &.-narrow Horizontal { layout: vertical; }
        &.-narrow #sources { width: 1fr; height: 2fr; }
        &.-narrow #how { width: 1fr; height: 3fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sources: list[Source] = []
        self._tasks: dict[int, Task] = {}
        self._counts: dict[int, int] = {}
        self._reasons: list[tuple[str, str, int]] = []

    def compose(self) -> ComposeResult:
        with Horizontal():
            sources = RowList(self._source_row, empty=_EMPTY, id="sources", classes="pane")
            yield sources
            with Vertical(id="how", classes="pane"):
                yield Lines(id="progress")
                yield RowList(self._reason_row, id="reasons")

    def refresh_view(self) -> None:
        store = self.app.store
        with self.app.trying():
            self._sources = store.sources.all()
            self._tasks = {}
            for source in self._sources:
                task = store.tasks.latest("collect", source.id)
                if task is not None:
                    self._tasks[source.id] = task
            self._counts = {source.id: store.records.count(source.id) for source in self._sources}
            rows = self.query_one("#sources", RowList)
            entitle(rows, f"Sources · {plural(sum(self._counts.values()), 'record')}")
            rows.update(len(self._sources))
            self._show_how()

    @property
    def _source(self) -> Source | None:
        index = self.query_one("#sources", RowList).cursor
        return self._sources[index] if index < len(self._sources) else None

    @property
    def _latest(self) -> Task | None:
        return self._tasks.get(self._source.id) if self._source else None

    def _show_how(self) -> None:
        source, task = self._source, self._latest
        with self.app.trying():
            self._show(source, task)

    def _show(self, source: Source | None, task: Task | None) -> None:
        pane, lines, reasons = (
            self.query_one("#how"),
            self.query_one("#progress", Lines),
            self.query_one("#reasons", RowList),
        )
        pane.display = source is not None
        if source is None:
            return
        entitle(pane, f"{source.name} · {KINDS[source.kind]}")
        self._reasons = self.app.store.tasks.failures(task.id) if task else []
        lines.show(progress_rows(source, task, self._counts[source.id], clock.now(), lines.size.width))
        reasons.update(len(self._reasons))

    def _source_row(self, index: int, width: int) -> Row:
        source = self._sources[index]
        return source_row(source, self._tasks.get(source.id), self._counts[source.id], width)

    def _reason_row(self, index: int, width: int) -> Row:
        return reason_row(*self._reasons[index], width)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._show_how)

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        if event.rows.id == "sources":
            self._show_how()
            self.app.look_again()

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        from ftui.ui.screens.listing import records_screen, subjects_screen

        source, task = self._source, self._latest
        if source is None:
            return
        if event.rows.id == "reasons" and task is not None:
            self.app.push_screen(subjects_screen(self.app.store, task.id, self._reasons[event.index][1]))
        else:
            self.app.push_screen(records_screen(self.app.store, source.id, source.name))

    # Keys

    def refusal(self, action: str) -> str:
        source, task = self._source, self._latest
        state = task.state if task else ""
        if action == "prepare":
            return "" if any(self._counts.values()) else "There are no records to make pairs from"
        if action == "new" or action == "back":
            return ""
        if source is None:
            return "There is no source yet · n adds one"
        if action == "pause" and state not in ("running", "queued", "paused"):
            return f"{source.name} is not being collected"
        if action == "stop" and (task is None or not task.open):
            return f"{source.name} is not being collected"
        if action == "retry" and task is not None and task.open:
            return f"{source.name} is being collected already"
        if action == "switch" and not self._reasons:
            return "Nothing failed and nothing was left out"
        if action == "delete" and task is not None and task.open:
            return f"{source.name} is being collected · ctrl+x stops it"
        return ""

    def action_new(self) -> None:
        from ftui.ui.places import new_source

        new_source.choose(self.app, self._started)

    def _started(self, name: str) -> None:
        self.refresh_view()
        self.query_one("#sources", RowList).cursor = max(
            (index for index, source in enumerate(self._sources) if source.name == name), default=0
        )
        self.app.say(f"{name} is being collected")

    def action_pause(self) -> None:
        task = self._latest
        if not self.can("pause") or task is None:
            return
        from ftui import queue

        with self.app.trying():
            if task.state == "paused":
                queue.resume(self.app.store, task.id)
                self.app.say(f"{task.title} goes on")
            else:
                queue.pause(self.app.store, task.id)
                self.app.say(f"{task.title} pauses · z goes on")

    def action_stop(self) -> None:
        task = self._latest
        if not self.can("stop") or task is None:
            return
        from ftui import queue

        with self.app.trying():
            queue.stop(self.app.store, task.id)
            self.app.say(f"{task.title} stops, what came stays · r goes on")

    def action_retry(self) -> None:
        source = self._source
        if not self.can("retry") or source is None:
            return
        from ftui.ui.places import new_source

        new_source.confirm_cost(self.app, source.kind, source.config, lambda: self._again(source))

    def _again(self, source: Source) -> None:
        from ftui import queue

        with self.app.trying():
            queue.collect_again(self.app.store, source.id)
            self.app.say(f"{source.name} is being collected again")

    def action_prepare(self) -> None:
        if not self.can("prepare"):
            return
        from ftui import queue

        with self.app.trying():
            queue.prepare(self.app.store)
            self.app.say("pairs are being made · 3 shows them")

    def action_switch(self) -> None:
        if self.can("switch"):
            reasons, sources = self.query_one("#reasons", RowList), self.query_one("#sources", RowList)
            (sources if reasons.has_focus else reasons).focus()

    def action_back(self) -> None:
        if self.query_one("#reasons", RowList).has_focus:
            self.focus_first()
        else:
            self.app.action_leave()

    def action_delete(self) -> None:
        source = self._source
        if not self.can("delete") or source is None:
            return
        count = plural(self._counts[source.id], "record")

        def answered(yes: bool | None) -> None:
            if yes:
                with self.app.trying():
                    self.app.store.sources.delete(source.id)
                    self.refresh_view()
                    self.app.say(f"deleted {source.name} with {count}")

        detail = f"Its {count} go with it. Pairs that were made from them stay."
        self.app.push_screen(AskScreen(f"Delete {plain(source.name)}?", detail, yes_label="delete"), answered)

    def memory(self) -> dict[str, Any]:
        return {"row": self.query_one("#sources", RowList).cursor}
