"""A small form. `esc` leaves it and keeps what was typed for the next time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Select

from ftui.errors import FtuiError, describe
from ftui.ui.text import Row, Span, plain, row
from ftui.ui.text import wrapped as wrapped
from ftui.ui.widgets.rows import Lines, entitle

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

Values = dict[str, str]
Save = Callable[[Values], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form.

    Attributes:
        name: its key in the values.
        label: what stands above it.
        value: what it starts with.
        hint: shown while it is empty.
        secret: shown as dots, and forgotten when the form is left.
        choices: (label, value) to choose from instead of typing.
    """

    name: str
    label: str
    value: str = ""
    hint: str = ""
    secret: bool = False
    choices: tuple[tuple[str, str], ...] = ()


class FormScreen(ModalScreen[Values | None]):
    """Gives the values once `save` has taken them, None after `esc`.

    Args:
        title: stands in the border; drafts are kept by it.
        fields: the lines, from the top.
        save: called with the values. What it raises is shown in the form, which
            stays open with all that was typed.
        lead: lines above the fields.
        busy: shown while `save` works.
        save_label: what `enter` does.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", priority=True),
        Binding("ctrl+s", "submit", "save", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    DEFAULT_CSS = """
    FormScreen {
        & Input, & Select { height: 3; border-title-color: $text-muted; }
        & #lead { margin: 0 1; }
        & #foot { margin: 0 1; }
    }
    """

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        save: Save,
        *,
        lead: Sequence[Row] = (),
        busy: str = "checking …",
        save_label: str = "save",
    ) -> None:
        super().__init__()
        self._title, self._fields, self._save = title, tuple(fields), save
        self._lead, self._busy, self._save_label = tuple(lead), busy, save_label

    def compose(self) -> ComposeResult:
        draft = self.app.drafts.get(self._title, {})
        with Vertical(classes="dialog") as dialog:
            entitle(dialog, self._title)
            if self._lead:
                yield Lines(id="lead")
            for field in self._fields:
                value = draft.get(field.name, field.value)
                widget: Widget
                if field.choices:
                    widget = Select(field.choices, value=value, allow_blank=False, id=field.name)
                else:
                    widget = Input(value, placeholder=field.hint, password=field.secret, id=field.name)
                entitle(widget, field.label)
                yield widget
            yield Lines(id="foot")

    def on_mount(self) -> None:
        if self._lead:
            self.query_one("#lead", Lines).show(self._lead)
        self._show_foot([])

    def _show_foot(self, above: Sequence[Row]) -> None:
        keys = row(("enter ", "key"), (f"{self._save_label}   ", "dim"), ("tab ", "key"), ("next field   ", "dim"))
        keys += row(("esc ", "key"), ("back, keeps what you typed", "dim"))
        self.query_one("#foot", Lines).show([*above, keys])

    def values(self) -> Values:
        """What the fields hold now."""
        found: Values = {}
        for field in self._fields:
            if field.choices:
                found[field.name] = str(self.query_one(f"#{field.name}", Select).value)
            else:
                found[field.name] = self.query_one(f"#{field.name}", Input).value.strip()
        return found

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_submit()

    def action_submit(self) -> None:
        self._show_foot([row((self._busy, "accent"))])
        self.run_worker(self._submit(self.values()), exclusive=True, exit_on_error=False)

    async def _submit(self, values: Values) -> None:
        try:
            await self._save(values)
        except Exception as error:
            self._show_error(describe(error))
            return
        self.app.drafts.pop(self._title, None)
        self.dismiss(values)

    def _show_error(self, error: FtuiError) -> None:
        width = max(self.query_one("#foot").size.width - 3, 20)
        lines: list[Row] = [(Span("✗ ", "bad"), Span(plain(error.what, width), "bold"))]
        lines += [(Span("  "), Span(line)) for line in wrapped(error.why, width)]
        lines += [
            (Span("→ " if number == 0 else "  ", "accent"), Span(line))
            for number, line in enumerate(wrapped(error.do, width))
        ]
        self._show_foot([*lines, ()])

    def action_leave(self) -> None:
        secrets = {field.name for field in self._fields if field.secret}
        self.app.drafts[self._title] = {name: text for name, text in self.values().items() if name not in secrets}
        self.dismiss(None)
