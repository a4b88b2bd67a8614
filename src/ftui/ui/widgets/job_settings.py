"""More settings of a job, closed until they are asked for: what ftui's own engine takes beyond the usual ones."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Select

from ftui.errors import InputError
from ftui.ui.text import plain, row
from ftui.ui.widgets.rows import Lines

AUTO = "auto"
Setting = tuple[str, type[int] | type[float], float, float, str]
"""Label, kind, bounds, and what `auto` means."""

SETTINGS: dict[str, Setting] = {
    "lora_rank": ("LoRA rank", int, 1, 512, "the engine chooses"),
    "lora_alpha": ("LoRA alpha", float, 0.001, 4096, "the engine chooses"),
    "lora_dropout": ("LoRA dropout", float, 0, 0.9, "the engine chooses"),
    "context_length": ("Context length", int, 64, 131_072, "2,048 tokens; longer rows are cut"),
    "early_stop": ("Stop early", int, 1, 1000, "never; or after so many looks without a better loss"),
}
PACKING = "packing"


class _Head(Lines, can_focus=True):
    """Opens and closes what is below it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "turn", "more settings")]
    DEFAULT_CSS = "_Head:focus { background: $block-cursor-blurred-background; }"

    class Turned(Message):
        """It is to be opened, or closed."""

    def action_turn(self) -> None:
        self.post_message(self.Turned())

    def on_click(self) -> None:
        self.action_turn()


class JobSettings(Vertical):
    """Args:
    draft: what was typed before, by the names of the settings.
    """

    DEFAULT_CSS = """
    JobSettings {
        height: auto;
        & #more { height: auto; display: none; }
        &.-open #more { display: block; }
    }
    """

    class Toggled(Message):
        """They were opened, or closed."""

    def __init__(self, draft: dict[str, str]) -> None:
        super().__init__(classes="-open" if set(draft) & {*SETTINGS, PACKING} else None)
        self._draft = draft

    def compose(self) -> ComposeResult:
        yield _Head()
        with Vertical(id="more"):
            for name, (label, _, low, high, auto) in SETTINGS.items():
                with Horizontal():
                    yield Label(label)
                    hint = f"{AUTO} ({auto}), or {low:g} to {high:g}"
                    yield Input(self._draft.get(name, AUTO), placeholder=hint, id=name)
            with Horizontal():
                yield Label("Packing")
                value = self._draft.get(PACKING, "no")
                yield Select([("no", "no"), ("yes", "yes")], value=value, allow_blank=False, compact=True, id=PACKING)

    def on_mount(self) -> None:
        self._show_head()

    def _show_head(self) -> None:
        sign, does = ("▾", "closes them, auto again") if self.open else ("▸", "LoRA, length, packing")
        self.query_one(_Head).show([row(f"{sign} More settings", (f"  {does}", "dim"))])

    @on(_Head.Turned)
    def _turn(self, event: _Head.Turned) -> None:
        """Closed settings count as never made: nothing that is not seen is sent."""
        event.stop()
        if self.open:
            for name in SETTINGS:
                self.query_one(f"#{name}", Input).value = AUTO
            self.query_one(f"#{PACKING}", Select).value = "no"
        self.toggle_class("-open")
        self._show_head()
        self.post_message(self.Toggled())

    @property
    def open(self) -> bool:
        return self.has_class("-open")

    @property
    def typed(self) -> dict[str, str]:
        """What was set, to be kept; empty while it is closed."""
        if not self.open:
            return {}
        found = {name: self.query_one(f"#{name}", Input).value for name in SETTINGS}
        return found | {PACKING: str(self.query_one(f"#{PACKING}", Select).value)}

    def chosen(self) -> dict[str, Any]:
        """What was set, as it is sent.

        Raises:
            InputError: a field holds neither a number in its bounds nor "auto".
        """
        typed = self.typed
        found: dict[str, Any] = {}
        for name, (label, kind, low, high, _) in SETTINGS.items():
            value = number(label, typed.get(name, AUTO), kind, low, high)
            if value is not None:
                found[name] = value
        return found | ({PACKING: True} if typed.get(PACKING) == "yes" else {})


def number(label: str, text: str, kind: type[int] | type[float], low: float, high: float) -> float | None:
    """What a field says; None for "auto".

    Raises:
        InputError: it is neither that nor a number in the bounds.
    """
    if text.strip() in ("", AUTO):
        return None
    whole = "a whole number" if kind is int else "a number"
    try:
        value = kind(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise InputError(
            f"{label}: {plain(text, 20)!r} does not fit", f"it is {whole} from {low:g} to {high:g}, or auto"
        )
    return value
