"""Which keys do what where the focus is.

Textual asks every ancestor of the focus for its keys whenever one is pressed, and
passes the key on from one to the next until somebody knows it. Both cost more than
a decision does, so what was found is kept until the focus is elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget


class Keys:
    """The bindings that are active on a screen, taken anew where they may be others."""

    def __init__(self) -> None:
        self._of: tuple[Screen[Any], Widget | None] | None = None
        self._found: Mapping[str, ActiveBinding] = {}

    def active(self, screen: Screen[Any]) -> Mapping[str, ActiveBinding]:
        """What each key does, by its name."""
        focused = screen.focused
        if self._of is None or self._of[0] is not screen or self._of[1] is not focused:
            self._found = screen.active_bindings
            self._of = (screen, focused) if _settled(focused or screen) else None
        return self._found

    def forget(self) -> None:
        """Textual has said that they are others now."""
        self._of = None


def _settled(node: DOMNode) -> bool:
    """Whether nobody from `node` on decides anew at every key which of its actions are there."""
    return all(type(each).check_action is DOMNode.check_action for each in node.ancestors_with_self)


def focus_now(widget: Widget) -> None:
    """Give the focus to a widget. Not `Widget.focus`, which waits its turn: the next key is the widget's already."""
    widget.screen.set_focus(widget)


_LONGEST = 1.0
"""Seconds that a key waits for the one before it, should a widget be taken away meanwhile."""


async def arrived(screen: Screen[Any]) -> None:
    """Wait until a screen that was pushed has its focus: the next key is for it."""
    if screen.is_mounted:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST):
            await _turn(screen)


async def typed(field: DOMNode) -> None:
    """Wait until what was typed into a field so far is in it: what the next key does may change it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST):
            await _turn(field)


async def handled(field: DOMNode) -> None:
    """Wait until a key that was sent to a field has had all its effects, up to the screen.

    Awaited by who hands out the keys: the next key is for whoever has the focus then.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST):
            for node in field.ancestors_with_self:
                if isinstance(node, Screen):
                    return
                # Once for what it was sent, and once for what it has said about that.
                for _ in range(2):
                    await _turn(node)


async def answered(screen: Screen[Any]) -> None:
    """Wait until a key that was an answer has had its effect: the next one may be for what is asked then."""
    app = screen.app
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST):
            for node in (screen.focused or screen).ancestors_with_self:
                await _turn(node)
                if node is screen:
                    break
            if app.screen is not screen:
                # What was asked for by the screen below goes on there.
                await _turn(app.screen)


async def _turn(node: DOMNode) -> None:
    """Wait until a node has done what was sent to it so far."""
    done = asyncio.Event()
    if node.call_later(done.set):
        await done.wait()
