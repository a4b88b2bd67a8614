"""A form. `esc` leaves it and keeps what was typed for the next time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Label, Select

from ftui.errors import FtuiError, describe
from ftui.ui.keys import focus_now
from ftui.ui.text import Row, Span, cut, plain, row
from ftui.ui.text import wrapped as wrapped
from ftui.ui.widgets.rows import Lines, entitle

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

Values = dict[str, str]
Save = Callable[[Values], Awaitable[None]]

MANY = 5
"""From so many fields on, or where one is chosen, each takes one line with its label beside it."""


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
        fields: the lines, from the top. Those that a terminal has no room for scroll.
        save: called with the values. What it raises is shown in the form, which
            stays open with all that was typed.
        lead: lines above the fields.
        busy: shown while `save` works.
        save_label: what `enter` does.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", priority=True),
        Binding("ctrl+s", "submit", "save", show=False),
        Binding("down", "field(1)", "next field", priority=True, show=False),
        Binding("up", "field(-1)", "field before", priority=True, show=False),
    ]
    # The screen's own stylesheet, because fields have a border in the app's.
    CSS = """
    FormScreen {
        & #form-fields { height: auto; scrollbar-size-vertical: 1; }
        & #form-fields > Input, & #form-fields > Select { height: 3; border-title-color: $text-muted; }
        & #lead, & #foot { margin: 0 1; }
        & .lines { width: 84; }
        & .line { height: 1; margin: 0 1; }
        & .line > Label { width: 22; color: $text-muted; }
        & .line > Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
        & .line > Input:focus { border: none; background: $block-cursor-blurred-background; }
        & .line > Select { width: 1fr; height: 1; border: none; }
        & .line > Select > SelectCurrent { background: $surface; }
        & .line > Select:focus > SelectCurrent { background: $block-cursor-blurred-background; }
        & .lines > #foot { margin: 1 1 0 1; }
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

    @property
    def _lines(self) -> bool:
        return len(self._fields) >= MANY or any(field.choices for field in self._fields)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog lines" if self._lines else "dialog") as dialog:
            entitle(dialog, self._title)
            if self._lead:
                yield Lines(id="lead")
            with VerticalScroll(id="form-fields", can_focus=False):
                for field in self._fields:
                    yield from self._line(field)
            yield Lines(id="foot")

    def _line(self, field: Field) -> ComposeResult:
        value = self.app.drafts.get(self._title, {}).get(field.name, field.value)
        widget: Widget
        if field.choices:
            known = value in (choice for _, choice in field.choices)
            chosen = value if known else field.choices[0][1]
            widget = Select(field.choices, value=chosen, allow_blank=False, compact=self._lines, id=field.name)
        else:
            widget = Input(value, placeholder=field.hint, password=field.secret, compact=self._lines, id=field.name)
        if self._lines:
            yield Horizontal(Label(plain(field.label, 21), markup=False), widget, classes="line")
        else:
            entitle(widget, field.label)
            yield widget

    def on_mount(self) -> None:
        if self._lead:
            self.query_one("#lead", Lines).show(self._lead)
        self._show_foot([])
        focus_now(self.query("#form-fields Input, #form-fields Select").first())

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        """Leave the fields the lines that the foot, the lead and the border do not need."""
        foot = len(self.query_one("#foot", Lines).rows) + (1 if self._lines else 0)
        most = self.size.height * 9 // 10 - 2 - len(self._lead) - foot
        self.query_one("#form-fields").styles.max_height = max(most, 3)
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        """With the room that there is now: keep the field with the focus in sight, and cut the hints.

        Textual cuts a placeholder without a word; the last cell is the cursor's.
        """
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)
        for field in self._fields:
            if not field.choices:
                widget = self.query_one(f"#{field.name}", Input)
                widget.placeholder = cut(field.hint, widget.content_size.width - 1) or field.hint

    def _show_foot(self, above: Sequence[Row]) -> None:
        keys = row(("enter ", "key"), (f"{self._save_label}   ", "dim"), ("tab ", "key"), ("next field   ", "dim"))
        keys += row(("esc ", "key"), ("back, keeps what you typed", "dim"))
        self.query_one("#foot", Lines).show([*above, keys])
        self._fit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Inside an open list of choices the arrows and `esc` belong to the list."""
        open_list = any(select.expanded for select in self.query(Select))
        return not (open_list and action in ("field", "leave"))

    def action_field(self, step: int) -> None:
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

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
