"""What a key changed is painted as soon as the key is done.

Textual hands the wish to be painted from the widget's task to the screen's and
then waits for the next frame. That takes longer than a decision does, and half a
frame of time, so a key gathers such wishes and the screen fulfils them at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.widget import Widget


class _Wishes(set[Widget]):
    """The widgets that ask to be painted while a key is done."""

    open = True
    """A task that the key starts still has them in its context when the key is long done."""


_wishes: ContextVar[_Wishes | None] = ContextVar("wishes", default=None)
"""Seen by what the key itself calls; other tasks go Textual's way."""


class AtOnce(Widget):
    """A widget whose wish to be painted can be gathered; one for another layout goes Textual's way."""

    def check_idle(self) -> None:
        wishes = _wishes.get()
        gathers = wishes is not None and wishes.open
        if gathers and self._repaint_required and not (self._layout_required or self._scroll_required):
            cast(_Wishes, wishes).add(self)
        else:
            super().check_idle()


class PaintingScreen(Screen[Any]):
    """A screen that can be painted between two frames."""

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Paint at the end of the block what asked for it within, or with the next frame where more keys wait."""
        token = _wishes.set(wishes := _Wishes())
        try:
            yield
        finally:
            wishes.open = False
            _wishes.reset(token)
            if wishes:
                self._paint(wishes)

    def _paint(self, widgets: set[Widget]) -> None:
        # Painted apart from its list, a scroll bar would cost a move of the terminal's cursor for each of its cells.
        lists = [widget for widget in widgets if isinstance(widget, ScrollView) and widget.show_vertical_scrollbar]
        widgets |= {bar for bar in (each.vertical_scrollbar for each in lists) if bar._repaint_required}
        for widget in widgets:
            widget._repaint_required = False
        self._dirty_widgets.update(widget for widget in widgets if widget.display)
        if self.app.message_queue_size:
            # Keys come faster than they are done: one picture for all of them costs fewer bytes.
            self.check_idle()
        else:
            self._on_timer_update()
