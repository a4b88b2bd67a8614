"""A list over the whole screen, and one item of it as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ftui.store import Store
from ftui.ui.text import Row, block, fit, plain, row
from ftui.ui.widgets.rows import Lines, RowList, entitle


class ListScreen(ModalScreen[None]):
    """Rows to read; `enter` opens one where there is more to read.

    Args:
        title: stands in the border.
        count: how many rows there are.
        row: gives the row of an index for a width.
        text: gives the whole text of an index, None when the row says it all.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back")]
    DEFAULT_CSS = """
    ListScreen {
        & RowList { height: 1fr; }
    }
    """

    def __init__(
        self,
        title: str,
        count: int,
        row: Callable[[int, int], Row],
        text: Callable[[int], str] | None = None,
        empty: Sequence[Row] = (),
    ) -> None:
        super().__init__()
        self._title, self._count, self._row, self._text, self._empty = title, count, row, text, empty

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            entitle(dialog, self._title)
            yield RowList(self._row, empty=self._empty)
            yield Lines()

    def on_mount(self) -> None:
        keys = row(("enter ", "key"), ("open   ", "dim")) if self._text and self._count else ()
        self.query_one(Lines).show([keys + row(("esc ", "key"), ("back", "dim"))])
        rows = self.query_one(RowList)
        rows.update(self._count)
        rows.focus()

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        if self._text is not None:
            self.app.push_screen(TextScreen(self._title, self._text(event.index)))

    def action_leave(self) -> None:
        self.dismiss(None)


class TextScreen(ModalScreen[None]):
    """Text of unknown origin, wrapped and scrollable."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "leave", "back"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]
    DEFAULT_CSS = """
    TextScreen {
        & VerticalScroll { height: 1fr; }
    }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            entitle(dialog, self._title)
            with VerticalScroll():
                yield Static(Content(block(self._text)))
            yield Lines()

    def on_mount(self) -> None:
        self.query_one(Lines).show([row(("esc ", "key"), ("back", "dim"))])
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, direction: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=direction, animate=False)

    def action_leave(self) -> None:
        self.dismiss(None)


def records_screen(store: Store, source: int, name: str) -> ListScreen:
    """The records of a source: title and address, `enter` shows one whole."""
    ids = store.records.ids(source)

    @lru_cache(maxsize=256)
    def record(index: int) -> Mapping[str, Any]:
        return store.records.get(ids[index]) or {"title": "(gone)", "url": "", "data": {}}

    def line(index: int, width: int) -> Row:
        item = record(index)
        number, url = len(f"{len(ids):,}"), str(item["url"] or "")
        room = width - number - 2
        titles = max((room - 4) // 2, 10) if url else room
        return row(
            (fit(f"{index + 1:,}", number, "right") + "  ", "dim"),
            fit(plain(str(item["title"] or url or "(no title)")), titles),
            ("  " + plain(url, room - titles - 2) if url else "", "dim"),
        )

    def text(index: int) -> str:
        item = record(index)
        body = json.dumps(item["data"], ensure_ascii=False, indent=2)
        # Long texts of a page read better with their line ends than with \n in them.
        return f"{item['title']}\n{item['url']}\n\n" + body.replace("\\n", "\n")

    empty = [row(), row(" no record has come yet")]
    return ListScreen(f"{name} · {len(ids):,} records", len(ids), line, text, empty)


def subjects_screen(store: Store, task: int, reason: str) -> ListScreen:
    """What failed, or was left out, for one reason."""
    subjects = store.tasks.failed_subjects(task, reason)
    return ListScreen(reason, len(subjects), lambda index, width: row(plain(subjects[index], width)))
