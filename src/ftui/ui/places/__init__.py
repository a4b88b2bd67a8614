"""The six places. Each is imported when it is first visited."""

from __future__ import annotations

import importlib

from ftui.ui.place import Place
from ftui.ui.widgets.header import PLACES


def make(number: int) -> Place:
    """A new place by its number, 1 to 6."""
    name = PLACES[number - 1][0]
    place = getattr(importlib.import_module(f"ftui.ui.places.{name}"), f"{name.capitalize()}Place")()
    assert isinstance(place, Place)
    return place
