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


@pytest.mark.parametrize(
    ("amount", "shown", "most"),
    [
        (0.0, "$0.00", "$0.00"),
        (0.00021, "$0.0002", "$0.0003"),
        (0.0311, "$0.0311", "$0.0311"),
        (0.3149, "$0.31", "$0.32"),
        (0.1 + 0.2, "$0.30", "$0.30"),
        (1234.5, "$1,234.50", "$1,234.50"),
    ],
)
def test_dollars(amount: float, shown: str, most: str) -> None:
    assert (units.dollars(amount), units.dollars(amount, up=True)) == (shown, most)


def test_one_is_not_many() -> None:
    assert [units.plural(number, "token") for number in (0, 1, 1204)] == ["0 tokens", "1 token", "1,204 tokens"]
    assert units.plural(1, "row or file", "rows or files") == "1 row or file"


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 7, "0 %"),
        (13, 12_500, "<1 %"),
        (1, 100, "1 %"),
        (61, 100, "61 %"),
        (12_470, 12_500, "99 %"),
        (12_499, 12_500, "99 %"),
        (7, 7, "100 %"),
        (0, 0, "0 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(part: int, whole: int, shown: str) -> None:
    assert units.percent(part, whole) == shown
