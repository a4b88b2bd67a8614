"""One line to type words into, which a list follows."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from ftui.ui.keys import focus_now
from ftui.ui.text import Span
from ftui.ui.widgets.rows import Lines
from ftui.ui.widgets.words_field import WordsField


class FilterLine(Horizontal):
    """Posts `Changed` while one types, `Left` when one is done. `placeholder` says what is looked through."""

    DEFAULT_CSS = """
    FilterLine {
        height: 1;
        & > Lines { width: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave(False)", "show all")]

    class Changed(Message):
        """The list should show what holds all of these words."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Left(Message):
        """The line is done with: the filter stays, or goes away."""

        def __init__(self, keep: bool) -> None:
            super().__init__()
            self.keep = keep

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        yield Lines()
        yield WordsField(placeholder=self._placeholder)

    def on_mount(self) -> None:
        self.query_one(Lines).show([(Span("/ ", "key"),)])

    def open(self, words: str) -> None:
        """Start from the filter as it is; the field has the focus when this returns."""
        self.display = True
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = words
        # Not `focus` alone, which waits its turn: what is typed next is the field's already.
        self.screen.set_focus(field)
        # And again behind whoever waits for its turn just now.
        focus_now(field)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value.strip()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_leave(True)

    def action_leave(self, keep: bool) -> None:
        self.post_message(self.Left(keep))
