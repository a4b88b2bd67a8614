"""The two lines at the bottom: what was done and what comes next; the keys that work now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, getters
from textual.binding import ActiveBinding, Binding
from textual.screen import Screen
from textual.strip import Strip

from ftui.errors import FtuiError
from ftui.ui import clock
from ftui.ui.flow import wrap
from ftui.ui.place import Refusing, Wording
from ftui.ui.text import Row, Span, Tone, cut, plain, width_of
from ftui.ui.widgets.rows import Lines, Toned

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

_LAST = ("chat", "help")
"""Actions whose keys stand at the end, whatever is left of them."""
Entry = tuple[str, str, str]
"""A key as it is written, what it does, and the key to press."""
SAID_SECONDS = 8.0
SLOW_STEP = 0.03
"""Seconds that finding the next step may take at every change of the store."""


class BottomLine(Lines):
    """What the last key did, and the next step; an error takes its lines, of which there are few, until `esc`."""

    DEFAULT_CSS = "BottomLine { height: auto; max-height: 6; min-height: 1; }"

    said = ""
    step = ""
    error: FtuiError | None = None
    _said_at = 0.0
    _step_due = 0.0

    def say(self, text: str) -> None:
        """Show a sentence until it is replaced or old; "" takes it away."""
        self.said, self.error = text, None
        self._said_at = clock.now()
        self._write()

    def forget_old(self) -> None:
        """Take a sentence away that has been there long enough; an error stays."""
        if self.said and clock.now() - self._said_at > SAID_SECONDS:
            self.say("")

    def fail(self, error: FtuiError) -> None:
        """Show what, why and do of an error, until the next sentence."""
        if self.error is None or self.error.as_dict() != error.as_dict():
            self.error, self.said = error, ""
            self._write()

    def look(self, next_step: Callable[[], str]) -> None:
        """Ask for the next step; who counts all pairs for it takes long with many, and is asked less often."""
        began = time.monotonic()
        if began < self._step_due:
            return
        text = next_step()
        took = time.monotonic() - began
        self._step_due = began + 20 * took if took > SLOW_STEP else 0.0
        if text != self.step:
            self.step = text
            self._write()

    def on_resize(self) -> None:
        self._write()

    def _write(self) -> None:
        width = self.size.width
        if self.error is not None:
            error = self.error
            parts: tuple[tuple[str, Span, Tone], ...] = (
                (error.what, Span(" ✗ ", "bad"), "bold"),
                (error.why, Span("   "), ""),
                (error.do, Span(" → ", "accent"), ""),
            )
            self.show(
                [
                    (Span("   ") if at else mark, Span(line, tone))
                    for text, mark, tone in parts
                    if text
                    for at, line in enumerate(wrap(text, max(width - 4, 1)))
                ]
            )
            return
        if not self.said:
            self.show([(Span(" "), Span(plain(self.step, width - 2), "accent"))])
            return
        left = [Span(" "), Span(plain(self.said, width - 2))]
        right = plain(self.step)
        room = width - width_of(left) - 4
        if len(right) <= room:
            left.append(Span(" " * (room - len(right) + 3) + right, "dim"))
        self.show([tuple(left)])


class Footer(Toned):
    """The keys that work right now, most used first; `? keys` is always among them."""

    DEFAULT_CSS = "Footer { height: 1; width: 1fr; }"
    GAP: ClassVar[int] = 2

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    _clickable: tuple[tuple[int, int, str], ...] = ()
    _shown: list[Entry] | None = None
    _of: Mapping[str, ActiveBinding] | None = None
    _bound: tuple[list[ActiveBinding], list[ActiveBinding]] = ([], [])

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self.app.screen_change_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[Any]) -> None:
        self.app.keys.forget()
        self.show()

    def show(self) -> None:
        """Look which keys work now; repaints when they differ from before."""
        if self.is_mounted and self._entries(self.size.width) != self._shown:
            self.refresh()

    def on_resize(self) -> None:
        self.refresh()

    def _keys(self) -> tuple[list[ActiveBinding], list[ActiveBinding]]:
        """What is bound, whether it works now or not, the most used first; apart from it, what stands at the end."""
        if self.app.screen is not self.screen:
            return [], []  # a dialog is open and says its own keys
        active_bindings = self.app.keys.active(self.screen)
        if active_bindings is self._of:
            return self._bound
        first: dict[tuple[str, str], ActiveBinding] = {}
        last: dict[str, ActiveBinding] = {}
        for active in active_bindings.values():
            binding = active.binding
            if not binding.show or not active.enabled:
                continue
            if (action := _name(binding)) in _LAST:
                last[action] = active
            else:
                first.setdefault((binding.action, binding.description), active)
        self._of = active_bindings
        self._bound = list(first.values()), [last[action] for action in _LAST if action in last]
        return self._bound

    def _works(self, active: ActiveBinding) -> bool:
        node, action = active.node, _name(active.binding)
        if self.app.refuses(node, action):
            return False
        why: str | None = ""
        if _knows(type(node), "refusal"):
            # A store that cannot be read is told of in the line above; it must not end the app from here.
            why = None
            with self.app.trying():
                why = cast(Refusing, node).refusal(action)
        return why == ""

    def _entry(self, active: ActiveBinding) -> Entry:
        node, binding = active.node, active.binding
        said = ""
        if _knows(type(node), "wording"):
            with self.app.trying():
                said = cast(Wording, node).wording(_name(binding))
        return (key_name(binding), said or binding.description, binding.key)

    def _entries(self, width: int) -> list[Entry]:
        """What has room in `width` cells; keys that do not fit are left out from the right, `? keys` never."""
        first, last = self._keys()
        ends = [self._entry(active) for active in last if self._works(active)]
        help_key = ends.pop() if ends and ends[-1][1] == "keys" else None
        room = width - 1 - (self._width(help_key) if help_key else 0)
        chosen = list[Entry]()
        # Asked one after the other: most keys have no room, and each costs a question.
        for entry in chain(map(self._entry, filter(self._works, first)), ends):
            if self._width(entry) > room:
                break
            room -= self._width(entry)
            chosen.append(entry)
        if help_key:
            chosen.append(help_key)
        return chosen

    def row(self, width: int) -> Row:
        """The line in `width` cells."""
        self._shown = self._entries(width)
        spans, places, x = [Span(" ")], [], 1
        for key, description, press in self._shown:
            spans += [Span(key, "key"), Span(f" {description}", "dim"), Span(" " * self.GAP)]
            places.append((x, x + len(key) + len(description) + 1, press))
            x = width_of(spans)
        self._clickable = tuple(places)
        return tuple(spans)

    def _width(self, entry: Entry) -> int:
        return len(entry[0]) + 1 + len(entry[1]) + self.GAP

    def render_line(self, y: int) -> Strip:
        return self.paint(self.row(self.size.width), self.size.width, self.base)

    def on_click(self, event: events.Click) -> None:
        for start, end, press in self._clickable:
            if start <= event.x < end:
                self.app.call_next(self.app.simulate_key, press)


_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "escape": "esc",
    "pagedown": "page down",
    "pageup": "page up",
}


@cache
def _knows(kind: type, method: str) -> bool:
    """Whether objects of a class have a method: what `isinstance` with a protocol asks, which takes longer."""
    return callable(getattr(kind, method, None))


def _name(binding: Binding) -> str:
    """The name of the action that a key asks for."""
    return binding.action.partition("(")[0].rpartition(".")[2]


def key_name(binding: Binding) -> str:
    """A key as it is written in the help: `ctrl+x`, `?`, `E`."""
    if binding.key_display:
        return binding.key_display
    key = binding.key.partition(",")[0]
    if key.startswith("upper_"):
        return key.removeprefix("upper_").upper()
    return cut(_NAMES.get(key, key), 12)
