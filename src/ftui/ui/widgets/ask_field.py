"""The text field of the chat."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import TextArea


class Ask(TextArea, inherit_bindings=False):
    """Takes a question; `ctrl+x` stops an answer here, so it does not cut.

    Args:
        send: called for `enter`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        binding for binding in TextArea.BINDINGS if not (isinstance(binding, Binding) and "ctrl+x" in binding.key)
    ]

    LAST_KEYS: ClassVar[tuple[str, ...]] = ("escape",)
    """What is pressed behind it is for the place below."""
    DEFAULT_CSS = "Ask { height: auto; min-height: 1; max-height: 6; background: $background; }"

    def __init__(self, send: Callable[[], None]) -> None:
        super().__init__(placeholder="ask …", compact=True, highlight_cursor_line=False)
        self._send = send

    def on_key(self, event: events.Key) -> None:
        # A binding would run too early or too late: letters may still be on their way to the field.
        if event.key in ("enter", "ctrl+j"):
            event.prevent_default()
            event.stop()
            if event.key == "enter":
                self._send()
            else:
                self.insert("\n")

    def on_mount(self) -> None:
        # The line above it, which the pane draws, shows the focus; text fields have a border elsewhere.
        self.styles.border = ("none", "transparent")
