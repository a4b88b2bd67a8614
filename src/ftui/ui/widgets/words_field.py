"""The field of a line that filters."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class WordsField(Input):
    """One line without a border. Its `enter` is named, so that the footer shows it; `escape` is `Escaped`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "keep the filter")]
    LAST_KEYS: ClassVar[tuple[str, ...]] = ("enter", "escape")
    """What is pressed behind one of these may be for somebody else: see `ftui.ui.keys.handled`."""

    class Escaped(Message):
        """`escape` was pressed; it comes behind what was typed before, as `Submitted` does."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(compact=True, **settings)
        # One line has no room for the border that fields have elsewhere.
        self.styles.border = ("none", "transparent")
        self.styles.height, self.styles.width = 1, "1fr"

    async def _on_key(self, event: events.Key) -> None:
        # Here, in their turn among the letters: as bindings they would come when the app has its turn again.
        if event.key in self.LAST_KEYS:
            event.stop()
            event.prevent_default()
            if event.key == "enter":
                await self.action_submit()
            else:
                self.post_message(self.Escaped())
