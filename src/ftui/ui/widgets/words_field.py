"""The field of a line that filters."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class WordsField(Input):
    """One line without a border. Its `enter` is named, so that the footer shows it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "keep the filter")]
    LAST_KEYS: ClassVar[tuple[str, ...]] = ("enter", "escape")
    """What is pressed behind one of these may be for somebody else: see `ftui.ui.keys.handled`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(compact=True, **settings)
        # One line has no room for the border that fields have elsewhere.
        self.styles.border = ("none", "transparent")
        self.styles.height, self.styles.width = 1, "1fr"
