"""The line in which the list of pairs is filtered: by words, and by decision with `tab`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from textual import getters
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message

from ftui.errors import FtuiError, InputError
from ftui.store.filters import Filter
from ftui.ui.flow import wrap
from ftui.ui.reading import Reader
from ftui.ui.text import Span, plain
from ftui.ui.widgets.pair_view import SHOWN
from ftui.ui.widgets.pair_words import Completing, Known, note_rows
from ftui.ui.widgets.rows import Lines

if TYPE_CHECKING:
    from textual.widgets import Input

    from ftui.ui.app import FtuiApp


_BEGUN = re.compile(r"(?:^|\s)-?(?:is|flag|source|tokens|fact|made|pair):$", re.IGNORECASE)
_LINES = 3
"""For what is wrong."""
_HELP = '"a phrase"  -not  is:edited  flag:short  source:web  tokens:>500  dropped'


class PairFilter(Vertical):
    """Posts `Changed` while one types, `Left` when one is done. Below the words: what can be said, or what is wrong.

    What is in it is made when it is opened first: a field of text costs a tenth of the whole start.
    """

    DEFAULT_CSS = """
    PairFilter {
        display: none;
        height: auto;
        & > Horizontal { height: 1; }
        & .prompt { width: 2; }
        & .keys { width: 13; }
        & > .note { height: auto; padding: 0 0 0 2; }
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
        """The line is done with: the filter stays, or goes away.

        Attributes:
            before: words and decision to go back to instead, where what was typed cannot be followed.
        """

        def __init__(self, keep: bool, before: tuple[str, str] | None = None) -> None:
            super().__init__()
            self.keep = keep
            self.before = before

    where = SHOWN[0]
    opened = False
    _wrong: FtuiError | None = None
    _before = ("", SHOWN[0])

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    def __init__(self) -> None:
        super().__init__()
        self._completing = Completing()
        self._reader = Reader(self, "known")
        self._prompt, self._keys, self._note = Lines(classes="prompt"), Lines(classes="keys"), Lines(classes="note")
        self._field: Input | None = None

    @property
    def typing(self) -> bool:
        """Whether the keys are its own."""
        return self.opened and self.has_focus_within

    def close(self) -> None:
        self.opened = self.display = False

    async def open(self, words: str, where: str) -> None:
        """Start from the filter as it is; the field has the focus when this returns."""
        self.where, self._before = where, (words, where)
        self.opened = self.display = True
        if self._field is None:
            from ftui.ui.widgets.words_field import WordsField

            self._field = WordsField(placeholder="words in any message", suggester=self._completing)
            await self.mount(Horizontal(self._prompt, self._field, self._keys), self._note)
        with self._field.prevent(self._field.Changed):
            self._field.value = words
        # Not `focus`, which waits its turn: what is typed next is the field's already.
        self.screen.set_focus(self._field)
        self._describe()
        self.blame(None)
        self._reader.read(Known.of, self._know)

    def add(self, word: str) -> None:
        """Type a word behind those that are there."""
        if self._field is not None:
            self._field.value = f"{self._field.value.strip()} {word}".strip()

    def _know(self, known: Known) -> None:
        self._completing.known = known
        self.blame(self._wrong)

    def blame(self, error: FtuiError | None, *, told: bool = False) -> None:
        """Say what is wrong with the words, or what they can be.

        Args:
            told: say what is wrong also where there is something to choose from.
        """
        self._wrong = error
        if self._field is None:
            return
        width = (self.size.width or self.app.size.width) - 4
        row = note_rows(self._completing.known, self._field.value, width)
        if error is None or (row is not None and not told):
            self._note.show([row or (Span(plain(_HELP, width), "dim"),)])
            return
        said = wrap(f"{error.what} · {error.do or error.why}", width - 2, _LINES)
        self._note.show([(Span("  " if at else "! ", "warn"), Span(line)) for at, line in enumerate(said)])

    def _describe(self) -> None:
        self._prompt.show([(Span("/ ", "key"),)])
        self._keys.show([(Span("tab ", "key"), Span(self.where))])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        # Not what was found wrong beside the screen: that may be about less than is typed by now, or yet to come.
        try:
            self.app.store.pairs.check(Filter(event.value))
        except InputError as error:
            self.blame(error, told=True)
        else:
            self.action_leave(True)

    def action_cycle(self) -> None:
        self.where = SHOWN[(SHOWN.index(self.where) + 1) % len(SHOWN)]
        self._describe()
        self._tell()

    def action_leave(self, keep: bool) -> None:
        self.post_message(self.Left(keep, None if keep or self._wrong is None else self._before))

    def _tell(self) -> None:
        # A key that has no value yet filters nothing: what it can be stands below.
        words = _BEGUN.sub("", self._field.value.strip() if self._field is not None else "").strip()
        self.post_message(self.Changed(words, self.where))
