"""The datasets of Bright Data by name, or any of them and any collector by its id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from ftui.collect import datasets
from ftui.collect.datasets import Dataset
from ftui.ui.text import Row, count, fit, plain, row
from ftui.ui.widgets.rows import Lines, RowList

_ID = re.compile(r"(gd|c)_\w+", re.ASCII)
_ID_CELLS = 22


class DatasetsScreen(ModalScreen[str | None]):
    """Gives the id that was chosen, None after `esc`.

    Args:
        collectors: whether a collector of one's own (`c_…`) may be named too.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
    ]
    CSS = """
    DatasetsScreen {
        & .dialog { width: 92; }
        & Input { height: 3; }
        & RowList { height: 1fr; scrollbar-gutter: stable; }
    }
    """

    def __init__(self, title: str, *, collectors: bool = True) -> None:
        super().__init__()
        self._title, self._collectors = title, collectors
        self._found: Sequence[Dataset] = ()
        self._typed = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog high") as dialog:
            dialog.border_title = self._title
            yield Input(placeholder="type to search, or an id: " + ("gd_…, c_…" if self._collectors else "gd_…"))
            yield Lines(id="head")
            yield RowList(self._row, empty=[row(" no dataset has that in its name")], classes="-lit")
            yield Lines(id="foot")

    def on_mount(self) -> None:
        self.query_one(RowList).can_focus = False
        self._search("")
        keys = row(("enter ", "key"), ("choose   ", "dim"), ("esc ", "key"), ("back   ", "dim"))
        said = f"{count(len(datasets.all_datasets()))} are known by name, others by their id"
        self.query_one("#foot", Lines).show([keys + row((said, "dim"))])

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_head)

    def _show_head(self) -> None:
        names, groups = _columns(self.query_one(RowList).row_width)
        self.query_one("#head", Lines).show([row((" " + fit("  name", names) + fit("group", groups) + "id", "dim"))])

    def _search(self, text: str) -> None:
        kinds = "gd_ c_" if self._collectors else "gd_"
        typed = text.strip()
        self._found = datasets.search(text)
        named = any(dataset.id == typed for dataset in self._found)
        whole = _ID.fullmatch(typed) and typed.startswith(tuple(kinds.split()))
        self._typed = typed if whole and not named else ""
        rows = self.query_one(RowList)
        rows.cursor = 0
        rows.update(len(self._found) + bool(self._typed))

    def _row(self, index: int, width: int) -> Row:
        if self._typed:
            if index == 0:
                kind = "the collector" if self._typed.startswith("c_") else "the dataset"
                return row(f"  {kind} ", (plain(self._typed, width - 20), "accent"))
            index -= 1
        dataset = self._found[index]
        names, groups = _columns(width)
        # What an input of it holds is known, or has to be said.
        name = fit(dataset.name, names - 2)
        symbol = "✓ " if dataset.forms else "· "
        rest = fit(dataset.group, groups) + fit(dataset.id, _ID_CELLS)
        return row((symbol, "ok" if dataset.forms else "dim"), name, (rest, "dim"))

    def on_input_changed(self, event: Input.Changed) -> None:
        self._search(event.value)

    def on_input_submitted(self) -> None:
        self._choose(self.query_one(RowList).cursor)

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        self._choose(event.index)

    def _choose(self, index: int) -> None:
        if self._typed:
            if index == 0:
                self.dismiss(self._typed)
                return
            index -= 1
        if index < len(self._found):
            self.dismiss(self._found[index].id)

    def action_move(self, step: int) -> None:
        self.query_one(RowList).action_move(step)

    def action_page(self, direction: int) -> None:
        self.query_one(RowList).action_page(direction)

    def action_leave(self) -> None:
        self.dismiss(None)


def _columns(width: int) -> tuple[int, int]:
    """Cells of the name with its symbol, and of the group."""
    room = max(width - _ID_CELLS, 24)
    groups = min(room * 2 // 5, 24)
    return room - groups, groups
