"""`esc` and a key that come in one read, as from quick fingers or over a slow line.

A terminal sends the same for them as for alt and that key. Textual takes them for
the latter, and at times for a `^` and the key: in a field both would be typed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.driver import Driver

_ESC = "\x1b"
_ALT = "alt+"
_BEGINNINGS = "[OP]_"
"""What stands behind an escape where a terminal says something longer."""


class Parser(XTermParser):
    """Names every key that comes with an escape before it by `alt+`, and knows it at once."""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if len(sequence) != 2 or sequence[0] != _ESC or not _separate(sequence[1]):
            yield from super()._sequence_to_key_events(sequence, alt)
            return
        for key in super()._sequence_to_key_events(sequence[1]):
            yield events.Key(_ALT + key.key, key.character)


def _separate(character: str) -> bool:
    if isinstance(ANSI_SEQUENCES_KEYS.get(_ESC + character), tuple):
        return False  # another key altogether, such as ctrl and an arrow
    return character == "\r" or (character.isprintable() and character not in _BEGINNINGS)


def told_apart(driver: type[Driver]) -> None:
    """Let a driver read keys by `Parser`."""
    module = sys.modules[driver.__module__]
    if getattr(module, "XTermParser", None) is XTermParser:
        module.XTermParser = Parser  # type: ignore[attr-defined]


def pressed(key: events.Key, *, apart: bool) -> list[events.Key]:
    """The keys that were pressed for one that was read.

    Args:
        apart: whether `esc` does something where the focus is.
    """
    character = key.character
    if not key.key.startswith(_ALT) or character is None:
        return [key]
    name = character if character.isalnum() else key.key.removeprefix(_ALT)
    if apart:
        return [events.Key("escape", _ESC), events.Key(name, character)]
    return [key if len(name) == 1 else events.Key(name, character)]
