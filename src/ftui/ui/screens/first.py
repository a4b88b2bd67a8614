"""The first start: no wizard, three ways to begin."""

from __future__ import annotations

from ftui.ui.screens.choose import Choice, ChooseScreen
from ftui.ui.text import row

_WAYS = (
    Choice("d", "the demo", "no account, about ten minutes", "demo"),
    Choice("k", "I have a key", "OpenAI, a compatible service, Bright Data", "key"),
    Choice("f", "I have data", "files of nearly any kind, or a website", "data"),
)


class FirstScreen(ChooseScreen):
    """Gives "demo", "key" or "data"."""

    LEAVE = "quit"

    def __init__(self) -> None:
        lead = [
            row(("Fine-tune a language model on web data.", "bold")),
            row("Collect pages, make pairs, review them, train, chat with the result."),
        ]
        super().__init__("ftui", _WAYS, lead)

    def action_leave(self) -> None:
        """There is nothing behind this screen to go back to."""
        self.app.exit()
