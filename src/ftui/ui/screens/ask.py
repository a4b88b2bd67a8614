"""A question before money is spent or something is lost. `n` is the default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from ftui.ui.text import Row, row
from ftui.ui.widgets.rows import Lines


class AskScreen(ModalScreen[bool]):
    """Asks one question; gives True only after `y`.

    Args:
        question: what is about to happen.
        detail: what will be spent or lost, a line each; plain text.
        yes_label: what `y` does.
        no_label: what `n`, `esc` and `enter` do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,enter", "answer(False)", "no"),
    ]

    DEFAULT_CSS = "AskScreen .dialog { padding: 0 2; }"

    def __init__(
        self, question: str, detail: str | Sequence[Row], yes_label: str = "go on", no_label: str = "no"
    ) -> None:
        super().__init__()
        self._question = question
        self._detail = [row(line) for line in detail.splitlines()] if isinstance(detail, str) else list(detail)
        self._yes, self._no = yes_label, no_label

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Question"
            yield Lines()

    def on_mount(self) -> None:
        keys = row(("y ", "key"), f"{self._yes}     ", ("n ", "key"), (self._no, "dim"))
        self.query_one(Lines).show([(), row((self._question, "bold")), (), *self._detail, (), keys, ()])

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
