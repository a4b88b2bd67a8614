"""The line in which the list of pairs is filtered: by words, and by decision with `tab`."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from ftui.errors import FtuiError, InputError
from ftui.store.filters import parse
from ftui.ui.reading import Reader
from ftui.ui.text import Span, plain
from ftui.ui.widgets.pair_view import SHOWN
from ftui.ui.widgets.pair_words import Completing, Known, note_rows
from ftui.ui.widgets.rows import Lines


class _Words(Input):
    """The words; its `enter` is named, so that the footer shows it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "keep the filter")]


_BEGUN = re.compile(r"(?:^|\s)-?(?:is|flag|source|tokens|fact|made):$", re.IGNORECASE)
_HELP = '"a phrase"  -not  is:edited  flag:short  source:web  tokens:>500  dropped'


class PairFilter(Vertical):
    """Posts `Changed` while one types, `Left` when one is done. Below the words: what can be said, or what is wrong."""

    DEFAULT_CSS = """
    PairFilter {
        height: auto;
        & > Horizontal { height: 1; }
        & .prompt { width: 2; }
        & .keys { width: 13; }
        & > .note { height: 1; padding: 0 0 0 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,shift+tab", "cycle", "all, pending …", priority=True),
        Binding("escape", "leave(False)", "show all"),
    ]

    class Changed(Message):
        """The list should show what holds these words and has this decision ("all" for any)."""

        def __init__(self, words: str, where: str) -> None:
            super().__init__()
            self.words = words
            self.where = where

    class Left(Message):
        """The line is done with: the filter stays, or goes away."""

        def __init__(self, keep: bool) -> None:
            super().__init__()
            self.keep = keep

    where = SHOWN[0]
    _wrong: FtuiError | None = None

    def __init__(self) -> None:
        super().__init__()
        self._completing = Completing()
        self._reader = Reader(self, "known")

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Lines(classes="prompt")
            field = _Words(placeholder="words in any message", compact=True, suggester=self._completing)
            # One line has no room for the border that fields have elsewhere.
            field.styles.border = ("none", "transparent")
            field.styles.height, field.styles.width = 1, "1fr"
            yield field
            yield Lines(classes="keys")
        yield Lines(classes="note")

    def open(self, words: str, where: str) -> None:
        """Start from the filter as it is."""
        self.where = where
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = words
        field.focus()
        self._describe()
        self.blame(None)
        self._reader.read(Known.of, self._know)

    def _know(self, known: Known) -> None:
        self._completing.known = known
        self.blame(self._wrong)

    def blame(self, error: FtuiError | None, *, told: bool = False) -> None:
        """Say what is wrong with the words, or what they can be.

        Args:
            told: say what is wrong also where there is something to choose from.
        """
        self._wrong = error
        note = self.query_one(".note", Lines)
        width = (self.size.width or self.app.size.width) - 4
        row = note_rows(self._completing.known, self.query_one(Input).value, width)
        if row is None:
            row = (Span(plain(_HELP, width), "dim"),)
        elif not told:
            error = None
        if error is not None:
            row = (Span("! ", "warn"), Span(plain(f"{error.what} · {error.do}", width - 2)))
        note.show([row])

    def _describe(self) -> None:
        self.query_one(".prompt", Lines).show([(Span("/ ", "key"),)])
        self.query_one(".keys", Lines).show([(Span("tab ", "key"), Span(self.where))])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        wrong = self._wrong
        try:
            parse(event.value)
        except InputError as error:
            wrong = error
        if wrong is None:
            self.action_leave(True)
        else:
            self.blame(wrong, told=True)

    def action_cycle(self) -> None:
        self.where = SHOWN[(SHOWN.index(self.where) + 1) % len(SHOWN)]
        self._describe()
        self._tell()

    def action_leave(self, keep: bool) -> None:
        self.post_message(self.Left(keep))

    def _tell(self) -> None:
        # A key that has no value yet filters nothing: what it can be stands below.
        words = _BEGUN.sub("", self.query_one(Input).value.strip()).strip()
        self.post_message(self.Changed(words, self.where))
