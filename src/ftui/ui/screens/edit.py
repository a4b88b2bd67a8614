"""Edit all messages of a pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, TextArea

from ftui.errors import FtuiError, InputError
from ftui.store.pairs import check_messages
from ftui.ui.screens.ask import AskScreen
from ftui.ui.text import Row, Span, plain
from ftui.ui.widgets.rows import Lines

Message = Mapping[str, str]

_CONTROL = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
_CONTROL |= dict.fromkeys(range(128, 160), 65533)
_LINES = {"system": 4, "user": 5}
_KEYS: Row = (
    *(Span("ctrl+s ", "key"), Span("save    ", "dim")),
    *(Span("tab ", "key"), Span("next text    ", "dim")),
    *(Span("esc ", "key"), Span("back", "dim")),
)


class EditScreen(ModalScreen[bool]):
    """One text field a message. Gives True when something was saved.

    Args:
        title: which pair it is.
        messages: as they are now.
        save: writes the changed messages; what it raises is shown, and nothing typed is lost.
        why: what is wrong with `messages` already, shown at once.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", priority=True),
        Binding("escape", "leave", "back"),
    ]
    DEFAULT_CSS = """
    EditScreen > .dialog { width: 110; height: 90%; padding: 0 1; }
    EditScreen VerticalScroll { height: 1fr; }
    EditScreen Label { color: $text-muted; }
    EditScreen TextArea { height: auto; min-height: 3; padding: 0 1; }
    EditScreen Lines { height: auto; max-height: 4; }
    """

    def __init__(
        self,
        title: str,
        messages: Sequence[Message],
        save: Callable[[list[dict[str, str]]], None],
        why: InputError | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._messages = [dict(message) for message in messages]
        self._save = save
        self._why = why
        self._fields: list[TextArea] = []
        self._before: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = self._title
            with VerticalScroll(can_focus=False):
                for message in self._messages:
                    # A control character is shown as its picture; an untouched text keeps its own.
                    field = TextArea(message["content"].translate(_CONTROL), soft_wrap=True, show_line_numbers=False)
                    field.styles.max_height = _LINES.get(message["role"], 12) + 2
                    self._fields.append(field)
                    yield Label(plain(message["role"], 20), markup=False)
                    yield field
            yield Lines()

    def on_mount(self) -> None:
        self._before = [field.text for field in self._fields]
        self._say(self._why)
        field = self._fields[-1]
        field.focus()
        field.move_cursor(field.document.end)

    @property
    def changed(self) -> bool:
        return [field.text for field in self._fields] != self._before

    def messages(self) -> list[dict[str, str]]:
        """The messages as they are in the fields now."""
        texts = zip(self._messages, self._fields, self._before, strict=True)
        return [
            message if field.text == before else {**message, "content": field.text} for message, field, before in texts
        ]

    def action_save(self) -> None:
        if not self.changed and self._why is None:
            self.dismiss(False)
            return
        messages = self.messages()
        try:
            check_messages(messages)
            self._save(messages)
        except FtuiError as error:
            self._say(error)
            return
        self.dismiss(True)

    def action_leave(self) -> None:
        if not self.changed:
            self.dismiss(False)
            return
        question = AskScreen(
            "Leave without saving?", "What you changed in this pair is lost.", "leave", "go on editing"
        )
        self.app.push_screen(question, self._answered)

    def _answered(self, leave: bool | None) -> None:
        if leave:
            self.dismiss(False)

    def _say(self, error: FtuiError | None) -> None:
        rows: list[Row] = []
        if error is not None:
            rows = [(Span("✗ ", "bad"), Span(f"{error.what}: {error.why}" if error.why else error.what, "bold"))]
            if error.do:
                rows.append((Span("→ ", "accent"), Span(error.do)))
        self.query_one(Lines).show([*rows, _KEYS])
