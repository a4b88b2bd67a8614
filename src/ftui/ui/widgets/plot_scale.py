"""The arithmetic of a plot: axes with round numbers, smoothing, dots in character cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values, the values that get a tick and their labels.

    Attributes:
        log: equal distances are equal ratios.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where `value` lies: 0.0 at `low`, 1.0 at `high`; outside of them below 0 or above 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear_axis(low: float, high: float, most: int, *, widen: bool = True, whole: bool = False) -> Axis:
    """An axis over `low`..`high` with at most about `most` ticks at round numbers.

    Args:
        widen: let the axis end at ticks instead of at the values themselves.
        whole: no fractions between whole numbers (steps).
    """
    if high - low <= abs(low) * 1e-9:
        # Values that a float can hardly tell apart have no round numbers between them.
        high = low + (abs(low) or 1.0)
    step = _round_step((high - low) / max(most, 1))
    if whole:
        step = max(step, 1.0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if widen:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        low, high = first * step, last * step
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple(number * step for number in range(first, last + 1))
    return Axis(low, high, ticks, tuple(f"{tick:,.{decimals}f}" for tick in ticks))


def log_axis(low: float, high: float, most: int) -> Axis:
    """An axis over the positive range `low`..`high` that ends at 1, 2 or 5 times a power of ten."""
    candidates = [
        digit * 10.0**power
        for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        for digit in (1, 2, 5)
    ]
    bottom = max(value for value in candidates if value <= low * (1 + 1e-9))
    top = min(value for value in candidates if value >= high * (1 - 1e-9) and value > bottom)
    ticks = [value for value in candidates if bottom <= value <= top]
    if len(ticks) > most:
        powers = [value for value in ticks if math.isclose(math.log10(value) % 1, 0, abs_tol=1e-9)]
        every = math.ceil(len(powers) / max(most, 1)) if powers else 1
        ticks = powers[::every] if len(powers) > 1 else [ticks[0], ticks[-1]]
    return Axis(bottom, top, tuple(ticks), tuple(f"{tick:g}" for tick in ticks), log=True)


def _round_step(size: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `size`."""
    power = 10.0 ** math.floor(math.log10(size))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= size * (1 - 1e-9))


def smooth(points: Sequence[Point], weight: float) -> list[Point]:
    """The exponential moving average, corrected so that it starts at the first value.

    Args:
        weight: how much of the average so far stays at each point, 0 (none) to below 1.
    """
    if weight <= 0:
        return list(points)
    averaged, total, share = list[Point](), 0.0, 0.0
    for x, y in points:
        total = total * weight + y * (1 - weight)
        share = share * weight + (1 - weight)
        averaged.append((x, total / share))
    return averaged


def thin(points: Sequence[Point], columns: int) -> list[Point]:
    """At most four points for each of `columns` equal stretches of x: first, lowest, highest, last.

    The curve drawn through them covers the same dots as one through all of them.
    """
    if len(points) <= columns * 4:
        return list(points)
    start, end = points[0][0], points[-1][0]
    scale = columns / (end - start or 1)
    kept, column = list[Point](), -1
    first = low = high = last = points[0]
    for point in points:
        here = int((point[0] - start) * scale)
        if here != column:
            if column >= 0:
                kept += sorted({first, low, high, last})
            column, first, low, high = here, point, point, point
        elif point[1] < low[1]:
            low = point
        elif point[1] > high[1]:
            high = point
        last = point
    return kept + sorted({first, low, high, last})


class Canvas:
    """A grid of character cells with dots in each: 2 x 4 as braille, 1 x 2 in plain ASCII."""

    _BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
    _ASCII = " '.:"

    def __init__(self, columns: int, rows: int, *, ascii_only: bool) -> None:
        self.columns, self.rows = columns, rows
        self._ascii = ascii_only
        self._across, self._down = (1, 2) if ascii_only else (2, 4)
        self.width, self.height = columns * self._across, rows * self._down
        self._cells = [[0] * columns for _ in range(rows)]

    def curve(self, places: Sequence[Point]) -> None:
        """Join points given as (0..1 from the left, 0..1 from the bottom)."""
        dots = [self._dot(place) for place in places]
        for (x0, y0), (x1, y1) in pairwise([*dots[:1], *dots]):
            self._line(x0, y0, x1, y1)

    def cell(self, place: Point) -> tuple[int, int]:
        """The (column, row) of the cell that holds a point."""
        x, y = self._dot(place)
        return x // self._across, y // self._down

    def character(self, column: int, row: int) -> str:
        """What to draw in a cell; a space where there is nothing."""
        bits = self._cells[row][column]
        if self._ascii:
            return self._ASCII[bits]
        return chr(0x2800 + bits) if bits else " "

    def _dot(self, place: Point) -> tuple[int, int]:
        x, y = (min(max(part, 0.0), 1.0) for part in place)
        return round(x * (self.width - 1)), round((1 - y) * (self.height - 1))

    def _line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        length = max(abs(x1 - x0), abs(y1 - y0))
        for step in range(length + 1):
            part = step / length if length else 0.0
            self._set(round(x0 + (x1 - x0) * part), round(y0 + (y1 - y0) * part))

    def _set(self, x: int, y: int) -> None:
        column, in_x = divmod(x, self._across)
        row, in_y = divmod(y, self._down)
        self._cells[row][column] |= (1 << in_y) if self._ascii else self._BITS[in_y][in_x]
