"""What all six places have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from textual import events, getters
from textual.containers import Vertical

from ftui.ui.keys import focus_now
from ftui.ui.messages import StoreChanged
from ftui.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp


@runtime_checkable
class Refusing(Protocol):
    """What has keys that cannot always work, and knows when."""

    def refusal(self, action: str) -> str:
        """Why a key's action cannot work now, one sentence; "" when it can."""


@runtime_checkable
class Wording(Protocol):
    """What has keys that do one thing now and another later."""

    def wording(self, action: str) -> str:
        """What the key of an action does now, "" where its description says it."""


class Place(Vertical):
    """One of the six places: made on the first visit, then only hidden and shown.

    A place reads `self.app.store`, writes small decisions and queues tasks. Its
    keys are its `BINDINGS`, the most used first: the footer shows them in this order.
    """

    number: ClassVar[int] = 0
    title: ClassVar[str] = ""
    short: ClassVar[str] = ""
    """The name in a header of 80 columns."""

    NARROW: ClassVar[int] = 96
    """Below this many columns a place has the class `-narrow` and shows one pane."""

    DEFAULT_CSS = "Place { height: 1fr; width: 1fr; }"

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    def refresh_view(self) -> None:
        """Read the store and paint what changed; called when shown and while visible."""

    def next_step(self) -> str:
        """What has been done and the key that goes on."""
        from ftui import guide

        return str(guide.next_step(self.app.store))

    def refusal(self, action: str) -> str:
        """Why a key's action cannot work now, one sentence; "" when it can.

        The footer leaves out what would be refused.
        """
        return ""

    def words(self) -> Sequence[tuple[str, str]]:
        """What can be typed here besides keys, for the help: (an example, its meaning)."""
        return ()

    async def type_word(self, word: str) -> None:
        """Open the line for one of `words` with that typed."""

    def can(self, action: str) -> bool:
        """Whether an action can work now; otherwise the bottom line says why."""
        why: str | None = None
        with self.app.trying():
            why = self.refusal(action)
        if why:
            self.app.say(why)
        return why == ""

    async def settled(self, action: str) -> bool:
        """Wait for the rows that a key is about; False where they do not come in time, which is said."""
        return True

    def focus_first(self) -> None:
        """Put the focus where the keys of the place work."""
        for rows in self.query(RowList):
            if rows.focusable:
                focus_now(rows)
                return

    def memory(self) -> dict[str, Any]:
        """What to find again at the next start."""
        rows = self.query(RowList)
        return {"row": rows.first().cursor} if rows else {}

    def recall(self, memory: dict[str, Any]) -> None:
        """Go back to where `memory` says; called once, after the first `refresh_view`."""
        rows = self.query(RowList)
        if rows and isinstance(memory.get("row"), int):
            rows.first().cursor = memory["row"]

    def on_store_changed(self, event: StoreChanged) -> None:
        with self.app.trying():
            self.refresh_view()
        # What works now follows from what was just read.
        self.app.look_again()

    def __init__(self) -> None:
        super().__init__()
        # Known before the first layout, so that no style is worked out twice.
        self.set_class(self.app.size.width < self.NARROW, "-narrow")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < self.NARROW, "-narrow")
