"""All keys that work here, searchable."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from ftui.ui.place import Place, Wording
from ftui.ui.text import Row, cut, fit, row
from ftui.ui.widgets.footer import key_name
from ftui.ui.widgets.rows import Lines, RowList


class Key(NamedTuple):
    """One line of the help: a key to press; with nothing to press, a word to type in a line of the place."""

    name: str
    does: str
    where: str
    press: str


class HelpScreen(ModalScreen[Key | None]):
    """Lists the keys of what is below it. Gives the one that was chosen, to be pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("home", "jump(0)", show=False, priority=True),
        Binding("end", "jump(-1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        & Input { height: 3; }
        & RowList { height: 1fr; }
    }
    """

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self._all = keys_of(below)
        self._found = self._all

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog high") as dialog:
            dialog.border_title = "Keys"
            yield Input(placeholder="type to search")
            yield RowList(self._row, empty=[row(" no key does that")], classes="-lit")
            yield Lines()

    def on_mount(self) -> None:
        self.query_one(RowList).can_focus = False
        self.query_one(RowList).update(len(self._found))
        foot = row(("enter ", "key"), ("press it   ", "dim"), ("esc ", "key"), ("back   ", "dim"))
        self.query_one(Lines).show([foot + row(("ctrl+p ", "key"), ("palette", "dim"))])

    def _row(self, index: int, width: int) -> Row:
        key = self._found[index]
        return row((fit(f" {key.name}", 18), "key"), fit(key.does, width - 33), " ", (cut(key.where, 12), "dim"))

    def on_input_changed(self, event: Input.Changed) -> None:
        words = event.value.lower().split()
        self._found = [
            key for key in self._all if all(word in f"{key.name} {key.does} {key.where}".lower() for word in words)
        ]
        rows = self.query_one(RowList)
        rows.cursor = 0
        rows.update(len(self._found))

    def on_input_submitted(self) -> None:
        if self._found:
            self.dismiss(self._found[self.query_one(RowList).cursor])

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        self.dismiss(self._found[event.index])

    def action_move(self, step: int) -> None:
        self.query_one(RowList).cursor += step

    def action_page(self, direction: int) -> None:
        self.query_one(RowList).action_page(direction)

    def action_jump(self, index: int) -> None:
        self.query_one(RowList).action_jump(index)

    def action_leave(self) -> None:
        self.dismiss(None)


def keys_of(screen: Screen[object]) -> list[Key]:
    """What can be pressed on a screen: the place's keys first, each with what it does."""
    found: dict[tuple[str, str], Key] = {}
    words: list[Key] = []
    for active in screen.active_bindings.values():
        binding, node = active.binding, active.node
        if isinstance(node, Place) and not words:
            words = [Key(word, meaning, "filter", "") for word, meaning in node.words()]
        if not binding.description or not active.enabled:
            continue
        where = node.title if isinstance(node, Place) else _WHERE.get(type(node).__name__, "everywhere")
        name = key_name(binding)
        if (twin := found.get((binding.action, binding.description))) is not None:
            found[binding.action, binding.description] = twin._replace(name=f"{twin.name} {name}")
            continue
        said = node.wording(binding.action) if isinstance(node, Wording) else ""
        does = said or _WORDS.get(binding.action, binding.description)
        found[binding.action, binding.description] = Key(name, does, where, binding.key)
    order = {"list": 1, "everywhere": 2, "filter": 3}
    return sorted([*found.values(), *words], key=lambda key: order.get(key.where, 0))


_WORDS = {
    "app.focus_next": "next field or pane",
    "app.focus_previous": "field or pane before",
    "screen.copy_text": "copy the selected text",
}
_WHERE = {
    "RowList": "list",
    "Input": "text field",
    "TextArea": "text field",
    "ChatPane": "chat",
    "Transcript": "chat",
    "RecordsView": "records",
}
