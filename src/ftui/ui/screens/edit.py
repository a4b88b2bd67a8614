"""Edit all messages of a pair."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import TextArea

from ftui.chatfile import content_with, kind_of, other_parts, text_of
from ftui.errors import FtuiError, describe
from ftui.store.pairs import check_messages
from ftui.ui.flow import flow
from ftui.ui.keys import handled
from ftui.ui.screens.ask import AskScreen
from ftui.ui.text import Row, Span, editable, plain
from ftui.ui.widgets.pair_diff import carried, nearby, word_diff
from ftui.ui.widgets.pair_messages import calls
from ftui.ui.widgets.rows import Lines

Message = Mapping[str, Any]

_LINES = {"system": 4, "developer": 4, "user": 5}
_MOST = 20_000
"""Characters that a field takes; what stands behind them stays as it is."""
_LARGE = 100_000
"""Characters of a pair from which on saving it takes so long that it is said."""
_DIFF = 3
_KEYS: Row = (
    *(Span("ctrl+s ", "key"), Span("save    ", "dim")),
    *(Span("tab ", "key"), Span("next text    ", "dim")),
    *(Span("ctrl+n ", "key"), Span("add a turn    ", "dim")),
    *(Span("esc ", "key"), Span("back", "dim")),
)


class _Field(Vertical):
    """One message: its role, its text, and its tool calls, which stay as they are.

    Args:
        message: as it is now.
        new: whether it is to be added.
    """

    DEFAULT_CSS = """
    _Field { height: auto; }
    _Field Lines { max-height: 6; }
    """

    def __init__(self, message: Message, *, new: bool = False) -> None:
        super().__init__()
        self._message = message
        self._new = new
        self._text = text_of(message)
        self.rest = self._text[_MOST:]
        # A control character is shown as its picture; what is not touched keeps its own.
        self.area = TextArea(editable(self._text[:_MOST]), soft_wrap=True, show_line_numbers=False)
        self.area.styles.max_height = _LINES.get(message["role"], 12) + 2
        self._before = self.area.text

    def compose(self) -> ComposeResult:
        head = [Span(plain(str(self._message["role"]), 20), "dim")]
        if self.rest:
            shown, whole = f"{_MOST:,}", f"{len(self._text):,}"
            head.append(Span(f" · the first {shown} of {whole} characters, the rest stays · E edits all", "warn"))
        yield (lines := Lines())
        lines.show([tuple(head)])
        yield self.area
        called: list[Row] = [
            (Span("→ ", "accent"), Span(plain(name, 60), "bold"), Span(f" {plain(arguments, 400)}", "dim"))
            for name, arguments in calls(self._message)
        ]
        called += [
            (Span("+ ", "accent"), Span(plain(kind_of(part), 40), "bold"), Span(" stays as it is", "dim"))
            for part in other_parts(self._message)
        ]
        if called:
            yield (lines := Lines())
            lines.show(called)

    @property
    def changed(self) -> bool:
        return self.area.text != self._before

    def message(self) -> dict[str, Any] | None:
        """The message as it is in the field now; None for one that was emptied, or stayed empty."""
        if not self.changed and not self._new:
            return dict(self._message)
        text = carried(self._text[:_MOST], self._before, self.area.text) + self.rest
        if not text.strip() and not any(calls(self._message)) and not other_parts(self._message):
            return None
        return {**self._message, "content": content_with(self._message, text)}

    def difference(self, width: int) -> list[Row]:
        """What was changed, with a little of what stands around it."""
        if not self.changed:
            return []
        return flow(nearby(word_diff(self._before, self.area.text), width), width, _DIFF)


class EditScreen(ModalScreen[bool]):
    """One text field a message. Gives True when something was saved. A message that was emptied is left out.

    Args:
        title: which pair it is.
        messages: as they are now.
        save: writes the changed messages; what it raises is shown, and nothing typed is lost.
        why: why `messages` could not be saved before, shown at once.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", priority=True),
        Binding("ctrl+n", "add", "add a turn", priority=True),
        # Before the field knows it: what is pressed behind it is not for the text that is left.
        Binding("escape", "leave", "back", priority=True),
    ]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    EditScreen > .dialog { width: 110; height: 90%; padding: 0 1; }
    EditScreen VerticalScroll { height: 1fr; }
    EditScreen TextArea { height: auto; min-height: 3; padding: 0 1; }
    EditScreen #edit-foot { height: auto; max-height: 7; }
    """

    def __init__(
        self,
        title: str,
        messages: Sequence[Message],
        save: Callable[[list[dict[str, Any]]], Awaitable[None]],
        why: FtuiError | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._fields = [_Field(message) for message in messages]
        self._save = save
        self._why = why
        self._wrong: FtuiError | None = why
        self._blamed = self._texts
        """What the fields held when that was found."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = self._title
            with VerticalScroll(can_focus=False):
                yield from self._fields
            yield Lines(id="edit-foot")

    def on_mount(self) -> None:
        self._show_foot()
        field = self._fields[-1].area
        field.move_cursor(field.document.end)
        # Not `focus`, which waits its turn: what is typed next is the field's already.
        self.screen.set_focus(field)

    @property
    def changed(self) -> bool:
        """Whether there is anything that is not saved."""
        return self._why is not None or any(field.changed for field in self._fields)

    @property
    def _texts(self) -> list[str]:
        return [field.area.text for field in self._fields]

    def messages(self) -> list[dict[str, Any]]:
        """The messages as they are in the fields now."""
        found = (field.message() for field in self._fields)
        return [message for message in found if message is not None]

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        # The news of a change may come after the attempt to save it.
        if self._texts != self._blamed:
            self._wrong = None
        field = event.text_area.parent
        self._show_foot(field if isinstance(field, _Field) else None)

    async def action_add(self) -> None:
        """One more question with its answer, at the end."""
        turn = [_Field({"role": role, "content": ""}, new=True) for role in ("user", "assistant")]
        self._fields += turn
        await self.query_one(VerticalScroll).mount(*turn)
        self.screen.set_focus(turn[0].area)

    async def action_save(self) -> None:
        await self._typed()
        if not self.changed:
            self.dismiss(False)
            return
        messages = self.messages()
        try:
            check_messages(messages)
            if sum(len(text_of(message)) for message in messages) > _LARGE:
                self.query_one("#edit-foot", Lines).show([(Span("saving …", "dim"),)])
            await self._save(messages)
        except Exception as error:
            self._wrong, self._blamed = describe(error), self._texts
            self._show_foot()
            return
        self.dismiss(True)

    async def action_leave(self) -> None:
        await self._typed()
        if not self.changed:
            self.dismiss(False)
            return
        question = AskScreen(
            "Leave without saving?", "What you changed in this pair is lost.", "leave", "go on editing"
        )
        self.app.push_screen(question, self._answered)

    async def _typed(self) -> None:
        """Wait until what was typed before this key is in its text."""
        if self.focused is not None:
            await handled(self.focused)

    def _answered(self, leave: bool | None) -> None:
        if leave:
            self.dismiss(False)

    def _show_foot(self, field: _Field | None = None) -> None:
        """What is wrong, or else what was changed in a field; below it the keys."""
        foot = self.query_one("#edit-foot", Lines)
        rows: list[Row] = []
        if (error := self._wrong) is not None:
            rows = [(Span("✗ ", "bad"), Span(f"{error.what}: {error.why}" if error.why else error.what, "bold"))]
            if error.do:
                rows.append((Span("→ ", "accent"), Span(error.do)))
        elif field is not None:
            rows = field.difference(max(foot.size.width, 20))
        foot.show([*rows, _KEYS])
