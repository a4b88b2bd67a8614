"""A loss curve in a terminal: train as a line of braille dots, validation as single points.

It repaints only the cells that changed: over SSH a new point costs some bytes,
not a screen.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ftui.ui.widgets.plot_scale import Axis, Canvas, Point, linear_axis, log_axis, smooth, thin

Cell = tuple[str, str]
"""A character and the name of its style, "" for the widget's own."""


def plain_terminal() -> bool:
    """Whether the terminal cannot show braille: another encoding than UTF-8, or the Linux console's own font."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    return not encoding.lower().replace("-", "").startswith("utf") or os.environ.get("TERM") == "linux"


class LossPlot(Widget):
    """A plot of losses over steps.

    `show()` gives it points; `log_scale` and `smoothing` may be changed at any time.

    Args:
        empty: what to say while there are no points.
        ascii_only: no braille and no box drawing; found out where it is None.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"plot--axis", "plot--label", "plot--train", "plot--validation"}
    DEFAULT_CSS = """
    LossPlot { height: 1fr; min-height: 3; }
    LossPlot > .plot--axis { color: $text-muted; }
    LossPlot > .plot--label { color: $text-muted; }
    LossPlot > .plot--train { color: $accent; }
    LossPlot > .plot--validation { color: $warning; text-style: bold; }
    """

    SMOOTHING: ClassVar[tuple[float, ...]] = (0.0, 0.6, 0.8, 0.9, 0.95, 0.99)
    """The steps that `smoother()` and `rougher()` go through."""

    log_scale = reactive(False, repaint=False)
    """Whether equal distances up are equal ratios."""
    smoothing = reactive(0.0, repaint=False)
    """Weight of the moving average of the train curve, 0 to 0.99."""

    def __init__(self, *, empty: str = "No loss yet", ascii_only: bool | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._empty = empty
        self._ascii = plain_terminal() if ascii_only is None else ascii_only
        self._train: list[Point] = []
        self._validation: list[Point] = []
        self._steps: int | None = None
        self._dropped = 0
        self._rows: list[list[Cell]] = []

    def show(
        self,
        train: Sequence[tuple[int, float]],
        validation: Sequence[tuple[int, float]],
        steps: int | None = None,
    ) -> None:
        """Draw these (step, loss) points instead of the ones before; both ordered by step.

        Args:
            steps: how far the axis goes, where the whole length is known.
        """
        self._train = [point for point in train if math.isfinite(point[1])]
        self._validation = [point for point in validation if math.isfinite(point[1])]
        self._dropped = len(train) + len(validation) - len(self._train) - len(self._validation)
        self._steps = steps
        self._redraw()

    def smoother(self) -> None:
        """Smooth more, as far as it goes."""
        self.smoothing = min((w for w in self.SMOOTHING if w > self.smoothing), default=self.SMOOTHING[-1])

    def rougher(self) -> None:
        """Smooth less, down to the points as they are."""
        self.smoothing = max((w for w in self.SMOOTHING if w < self.smoothing), default=0.0)

    def validate_smoothing(self, weight: float) -> float:
        return min(max(weight, 0.0), 0.99)

    def watch_log_scale(self) -> None:
        self._redraw()

    def watch_smoothing(self) -> None:
        self._redraw()

    def on_resize(self) -> None:
        self._rows = []
        self._redraw()

    def render_line(self, y: int) -> Strip:
        own = self.rich_style
        if y >= len(self._rows):
            return Strip.blank(self.size.width, own)
        styles = {"": own}
        runs = list[Segment]()
        text, kind = "", ""
        for character, name in [*self._rows[y], ("", "end")]:
            if name != kind:
                if text:
                    runs.append(Segment(text, styles[kind]))
                text, kind = "", name
                if name not in styles and name != "end":
                    styles[name] = self._style(name)
            text += character
        return Strip(runs).adjust_cell_length(self.size.width, own)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"plot--{name}")

    def _redraw(self) -> None:
        """Compose all rows and repaint the stretch of each row that differs."""
        width, height = self.size
        if not width or not height:
            return
        rows = self._compose_rows(width, height)
        before, self._rows = self._rows, rows
        if len(before) != len(rows):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, rows, strict=True)):
            if old != new:
                differing = [x for x in range(width) if old[x] != new[x]]
                self.refresh(Region(differing[0], y, differing[-1] - differing[0] + 1, 1))

    def _compose_rows(self, width: int, height: int) -> list[list[Cell]]:
        train, validation = smooth(self._train, self.smoothing), self._validation
        if self.log_scale:
            train, validation = ([point for point in points if point[1] > 0] for points in (train, validation))
        values = [y for _, y in (*train, *validation)]
        if not values or width < 24 or height < 6:
            return _message(self._empty if not values else _summary(train, validation), width, height)
        y_axis = _y_axis(values, most=(height - 3) // 2, log=self.log_scale)
        gutter = max(map(len, y_axis.labels)) + 2
        last = max(x for x, _ in (*train, *validation))
        x_axis = linear_axis(0, max(last, self._steps or 0, 1), max((width - gutter) // 12, 2), widen=False, whole=True)
        canvas = Canvas(width - gutter, height - 3, ascii_only=self._ascii)
        canvas.curve([(x_axis.place(x), y_axis.place(y)) for x, y in thin(train, canvas.width)])
        points = {canvas.cell((x_axis.place(x), y_axis.place(y))) for x, y in validation}
        body = self._body(canvas, points, y_axis, gutter)
        return [self._legend(width, bool(validation)), *body, *self._bottom(canvas, x_axis, gutter, width)]

    def _body(self, canvas: Canvas, points: set[tuple[int, int]], axis: Axis, gutter: int) -> list[list[Cell]]:
        labels = {
            canvas.cell((0.0, axis.place(tick)))[1]: text for tick, text in zip(axis.ticks, axis.labels, strict=True)
        }
        bar, tick, mark = ("|", "+", "o") if self._ascii else ("│", "┤", "●")
        rows = list[list[Cell]]()
        for row in range(canvas.rows):
            label = labels.get(row, "")
            cells = [*_cells(label.rjust(gutter - 2) + " ", "label"), (tick if label else bar, "axis")]
            for column in range(canvas.columns):
                if (column, row) in points:
                    cells.append((mark, "validation"))
                else:
                    character = canvas.character(column, row)
                    cells.append((character, "" if character == " " else "train"))
            rows.append(cells)
        return rows

    def _legend(self, width: int, validation: bool) -> list[Cell]:
        words = ["loss", *(["log scale"] if self.log_scale else [])]
        if self.smoothing:
            words.append(f"smoothing {self.smoothing:g}")
        if self._dropped:
            words.append(f"! {self._dropped:,} not a number")
        left = _cells(" · ".join(words) if not self._ascii else ", ".join(words), "label")
        right = _cells("train ", "label") + _cells("..'" if self._ascii else "⣀⠤⠒", "train")
        if validation:
            right += [*_cells("  validation ", "label"), ("o" if self._ascii else "●", "validation")]
        return _fit(left + _cells(" " * (width - len(left) - len(right)), "") + right, width)

    def _bottom(self, canvas: Canvas, axis: Axis, gutter: int, width: int) -> list[list[Cell]]:
        corner, bar, tick = ("+", "-", "+") if self._ascii else ("└", "─", "┬")
        line = [" "] * (gutter - 1) + [corner] + [bar] * canvas.columns
        text = [" "] * width
        free = 0
        unit = " step"
        for value, label in zip(axis.ticks, axis.labels, strict=True):
            column = gutter + canvas.cell((axis.place(value), 0.0))[0]
            line[column] = tick
            start = min(max(column - len(label) // 2, 0), width - len(label))
            if start >= free:
                text[start : start + len(label)] = label
                free = start + len(label) + 1
        if free - 1 + len(unit) <= width:
            text[width - len(unit) :] = unit
        return [_cells("".join(line), "axis"), _cells("".join(text), "label")]


def _y_axis(values: Sequence[float], *, most: int, log: bool) -> Axis:
    low, high = min(values), max(values)
    if log:
        return log_axis(low, high, most)
    # From zero, unless that would press the curve into a corner.
    return linear_axis(0.0 if 0 <= low <= high / 2 else low, high, most)


def _summary(train: Sequence[Point], validation: Sequence[Point]) -> str:
    """What is left of a plot where there is no room for one."""
    parts = [f"{name} {points[-1][1]:.3g}" for name, points in (("train", train), ("validation", validation)) if points]
    return f"loss: {', '.join(parts)}"


def _message(text: str, width: int, height: int) -> list[list[Cell]]:
    if cell_len(text) > width:
        text = text[: width - 1] + "…"
    blank = _cells(" " * width, "")
    rows = [list(blank) for _ in range(height)]
    rows[0] = _fit(_cells(text, "label"), width)
    return rows


def _cells(text: str, kind: str) -> list[Cell]:
    return [(character, kind) for character in text]


def _fit(cells: list[Cell], width: int) -> list[Cell]:
    return (cells + _cells(" " * (width - len(cells)), ""))[:width]
