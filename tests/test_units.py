"""Numbers with their units."""

from __future__ import annotations

import pytest

from ftui import units


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0 s"),
        (9.4, "9 s"),
        (59.4, "59 s"),
        (60, "1 m 00 s"),
        (130, "2 m 10 s"),
        (3900, "1 h 05 m"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert units.duration(seconds) == shown
