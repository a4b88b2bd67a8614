"""A few ways to go on, one key each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from ftui.ui.keys import focus_now
from ftui.ui.text import Row, fit, row
from ftui.ui.widgets.rows import Lines, RowList


class Choice(NamedTuple):
    """One way: its key, what it is, and what it needs."""

    key: str
    title: str
    detail: str
    value: str


class ChooseScreen(ModalScreen[str | None]):
    """Gives the value of the chosen way, None after `esc`.

    Args:
        title: stands in the border.
        lead: lines above the choices.
    """

    ANSWERS: ClassVar[bool] = True
    """A key here is an answer: the app waits for what it does before it hands out the next one."""
    LEAVE: ClassVar[str] = "back"
    """What `esc` does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back")]
    DEFAULT_CSS = "ChooseScreen RowList { height: auto; max-height: 12; margin: 1 0; }"

    def __init__(self, title: str, choices: Sequence[Choice], lead: Sequence[Row] = ()) -> None:
        super().__init__()
        self._title, self._choices, self._lead = title, tuple(choices), tuple(lead)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Lines(id="lead")
            yield RowList(self._row)
            yield Lines(id="foot")

    def on_mount(self) -> None:
        self.query_one("#lead", Lines).show([(), *self._lead] if self._lead else [])
        self.query_one("#foot", Lines).show([row(("esc ", "key"), (self.LEAVE, "dim"))])
        rows = self.query_one(RowList)
        rows.update(len(self._choices))
        focus_now(rows)

    def _row(self, index: int, width: int) -> Row:
        choice = self._choices[index]
        titles = max(len(each.title) for each in self._choices) + 2
        return row((f" {choice.key}  ", "key"), fit(choice.title, titles), (choice.detail, "dim"))

    def check_consume_key(self, key: str, character: str | None) -> bool:
        # Before the list, for which some of these letters move its cursor.
        return any(character == choice.key for choice in self._choices)

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if event.character == choice.key:
                event.stop()
                self.dismiss(choice.value)

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        self.dismiss(self._choices[event.index].value)

    def action_leave(self) -> None:
        self.dismiss(None)
