"""Messages between the app and the places."""

from __future__ import annotations

from textual.message import Message


class StoreChanged(Message):
    """Somebody committed something to the store since the last one.

    Posted to the visible place at most ten times a second, twice over SSH.
    """

    bubble = False
