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
from ftui.ui.keys import focus_now
from ftui.ui.place import Place
from ftui.ui.places import again
from ftui.ui.places.progress import KINDS, Reasons, progress_rows, reason_row, source_row
from ftui.ui.places.records import RecordsView
from ftui.ui.reading import Reader
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
        Binding("r", "retry", "collect again", id="collect.retry"),
        Binding("enter", "open", "records", priority=True, id="collect.open"),
        Binding("p", "prepare", "make pairs", id="collect.prepare"),
        Binding("t", "tag", "tag", id="collect.tag"),
        Binding("s", "switch", "details", id="collect.switch"),
        Binding("d", "delete", "delete", id="collect.delete"),
        Binding("ctrl+g", "again", "collect all again", id="collect.again"),
        Binding("escape", "back", show=False, id="collect.back"),
    ]
    DEFAULT_CSS = """
    CollectPlace {
        & > Horizontal { height: 1fr; }
        & #sources { width: 9fr; }
        & #how { width: 13fr; padding: 0 1 0 0; overflow-y: auto; scrollbar-size-vertical: 1; }
        & #progress { padding: 0 0 0 1; }
        & #reasons-head { height: auto; margin-top: 1; padding: 0 0 0 1; }
        & #reasons { height: 1fr; min-height: 3; }
        &.-narrow > Horizontal { layout: vertical; }
        &.-narrow #sources { width: 1fr; height: 1fr; }
        &.-narrow #how { width: 1fr; height: 2fr; }
        &.-narrow #reasons-head { display: none; }
        &.-records > Horizontal { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._sources: list[Source] = []
        self._tasks: dict[int, Task] = {}
        self._counts: dict[int, int] = {}
        self._reasons = Reasons()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield RowList(self._source_row, empty=_EMPTY, id="sources", classes="pane")
            with Vertical(id="how", classes="pane"):
                yield Lines(id="progress")
                yield Lines(id="reasons-head")
                yield RowList(self._reason_row, id="reasons")

    def refresh_view(self) -> None:
        store = self.app.store
        with self.app.trying():
            self._sources = store.sources.all()
            before, self._tasks = self._tasks, {}
            for source in self._sources:
                task = store.tasks.latest("collect", source.id)
                if task is not None:
                    self._tasks[source.id] = task
                    if not task.open and ((last := before.get(source.id)) is None or last.open or last.id != task.id):
                        again.over(self.app, source.name)
            self._counts = {source.id: store.records.count(source.id) for source in self._sources}
            rows = self.query_one("#sources", RowList)
            entitle(rows, f"Sources · {plural(sum(self._counts.values()), 'record')}")
            rows.update(len(self._sources))
            self._show_how()
            if self._records is not None:
                self._records.refresh_view()

    @property
    def _source(self) -> Source | None:
        index = self.query_one("#sources", RowList).cursor
        return self._sources[index] if index < len(self._sources) else None

    @property
    def _latest(self) -> Task | None:
        return self._tasks.get(self._source.id) if self._source else None

    @property
    def _records(self) -> RecordsView | None:
        """The records of a source, when they are open."""
        return next(iter(self.query(RecordsView)), None)

    def _show_how(self) -> None:
        with self.app.trying():
            self._show(self._source, self._latest)

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
        self._reasons.look(self.app.store, task)
        width, sentence = lines.size.width - 1, again.WORDS[self._meaning]
        rows = progress_rows(source, task, self._counts[source.id], clock.now(), width, sentence)
        # A small terminal has no line to spare for air.
        lines.show([line for line in rows if line or not self.has_class("-narrow")])
        head = [row(("failed, and left out on purpose   ", "dim"), ("enter", "key"), (" shows which", "dim"))]
        self.query_one("#reasons-head", Lines).show(head if self._reasons.groups else [])
        reasons.update(len(self._reasons.groups))

    def _source_row(self, index: int, width: int) -> Row:
        source = self._sources[index]
        return source_row(source, self._tasks.get(source.id), self._counts[source.id], width)

    def _reason_row(self, index: int, width: int) -> Row:
        return reason_row(*self._reasons.groups[index], width)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._show_how)

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        if event.rows.id == "sources":
            self._show_how()
            self.app.look_again()

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        self.action_open()  # by the mouse

    # The records

    def _open(self, view: str, row: int) -> None:
        source = self._source
        if source is None:
            return
        records = RecordsView(self.app.store, source)
        self.add_class("-records")
        self.mount(records)
        # It has no size before it is laid out, and what is hidden cannot have the focus.
        self.call_after_refresh(records.show_view, view, row)

    async def on_records_view_left(self) -> None:
        if self._records is not None:
            await self._records.remove()
        self.remove_class("-records")
        self.focus_first()
        self.call_after_refresh(self._show_how)

    def focus_first(self) -> None:
        if self._records is not None:
            self._records.focus_first()
        else:
            focus_now(self.query_one("#sources"))

    # Keys

    @property
    def _meaning(self) -> str:
        """What `r` does to the source."""
        source = self._source
        return again.meaning(self.app.store, source, self._latest, self._reasons) if source else "collect"

    def wording(self, action: str) -> str:
        task = self._latest
        if action == "retry":
            return self._meaning
        return "go on" if action == "pause" and task and task.pausing else ""

    def refusal(self, action: str) -> str:
        source, task = self._source, self._latest
        if action == "back":
            return ""
        if self._records is not None and action in ("new", "delete", "switch", "open"):
            return "These are the records of one source · esc goes back to all"
        if action == "prepare":
            return "" if any(self._counts.values()) else "There are no records to make pairs from"
        if action == "new":
            return ""
        if source is None:
            return "There is no source yet · n adds one"
        return self._refusal(action, source, task)

    def _refusal(self, action: str, source: Source, task: Task | None) -> str:
        """Why a key does nothing to the chosen source."""
        is_open = task is not None and task.open
        if action in ("pause", "stop") and not is_open:
            return f"{source.name} is not being collected"
        if action in ("retry", "again") and is_open:
            return f"{source.name} is being collected already"
        if action == "again" and self._meaning != "retry failed":
            return f"{again.WORDS[self._meaning]} here"
        if action == "switch" and not self._reasons.groups:
            return "Nothing failed and nothing was left out"
        if action == "delete" and is_open:
            return f"{source.name} is being collected · ctrl+x stops it"
        return ""

    def action_new(self) -> None:
        from ftui.ui.places import new_source

        if self.can("new"):
            new_source.choose(self.app, self._started)

    def _started(self, name: str) -> None:
        self.refresh_view()
        self.query_one("#sources", RowList).cursor = max(
            (index for index, source in enumerate(self._sources) if source.name == name), default=0
        )
        self.app.say(again.COLLECTED.format(name))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the records `enter` is the list's, or the filter's."""
        return not (action == "open" and self._records is not None)

    def action_open(self) -> None:
        if not self.can("open"):
            return
        reasons = self.query_one("#reasons", RowList)
        if reasons.has_focus and self._reasons.groups:
            self._open("failed", reasons.cursor)
        else:
            self._open("records", 0)

    def action_pause(self) -> None:
        task = self._latest
        if not self.can("pause") or task is None:
            return
        from ftui import queue

        with self.app.trying():
            if task.pausing:
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
        if self.can("retry") and source is not None:
            again.act(self.app, source, self._latest, self._meaning)

    def action_again(self) -> None:
        source = self._source
        if self.can("again") and source is not None:
            again.collect_again(self.app, source)

    def action_prepare(self) -> None:
        from ftui.ui.screens.writing import make_pairs

        if self.can("prepare"):
            make_pairs(self.app, self, "pairs are being made · 3 shows them")

    def action_tag(self) -> None:
        source = self._source
        if not self.can("tag") or source is None:
            return
        with self.app.trying():
            tag = "general" if source.tag == "domain" else "domain"
            self.app.store.sources.set_tag(source.id, tag)
            self.refresh_view()
            what = {"domain": "teaches the subject", "general": "keeps up what the model knows already"}[tag]
            self.app.say(f"{source.name} is {tag} now: it {what} · t takes it back")

    def action_switch(self) -> None:
        if self.can("switch"):
            reasons, sources = self.query_one("#reasons", RowList), self.query_one("#sources", RowList)
            focus_now(sources if reasons.has_focus else reasons)

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

        def deleted(_: None) -> None:
            self.refresh_view()
            self.app.say(f"deleted {source.name} with {count}")

        def answered(yes: bool | None) -> None:
            if yes:
                self.app.say(f"deleting {source.name} with {count} …")
                Reader(self, "delete").read(lambda store: store.sources.delete(source.id), deleted)

        detail = f"Its {count} go with it. Pairs that were made from them stay."
        self.app.push_screen(AskScreen(f"Delete {plain(source.name)}?", detail, yes_label="delete"), answered)

    def memory(self) -> dict[str, Any]:
        return {"row": self.query_one("#sources", RowList).cursor}
