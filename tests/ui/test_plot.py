"""The loss plot: its axes, its smoothing, what it draws and what it repaints."""

from __future__ import annotations

import math
from typing import Self

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region

from ftui.ui.widgets.plot import LossPlot
from ftui.ui.widgets.plot_scale import Canvas, linear_axis, log_axis, smooth, thin

FALLING = [(step, 4 * math.exp(-step / 30) + 0.1) for step in range(1, 100)]
CHECKS = [(20, 2.5), (40, 1.4), (60, 0.9)]


class PlotApp(App[None]):
    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.plot = LossPlot(empty="No loss yet: the first step is on its way", ascii_only=ascii_only)

    def compose(self) -> ComposeResult:
        yield self.plot

    def lines(self) -> list[str]:
        return [self.plot.render_line(y).text.rstrip() for y in range(self.plot.size.height)]


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0, 4, 4, ("0", "1", "2", "3", "4")),
        (0.41, 0.47, 3, ("0.40", "0.42", "0.44", "0.46", "0.48")),
        (0, 9_400, 5, ("0", "2,000", "4,000", "6,000", "8,000", "10,000")),
        (2.0, 2.0, 2, ("2", "3", "4")),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, labels: tuple[str, ...]) -> None:
    assert linear_axis(low, high, most).labels == labels


@given(st.floats(0.001, 1e6), st.floats(0, 1e6), st.integers(1, 12))
@example(720576.533203125, 1.4e-10, 6)
def test_axes_hold_all_their_values(low: float, span: float, most: int) -> None:
    for axis in (linear_axis(low, low + span, most), log_axis(low, low + span, most)):
        assert axis.low < axis.high
        assert -1e-6 <= axis.place(low) <= axis.place(low + span) <= 1 + 1e-6
        assert len(axis.ticks) == len(axis.labels) >= 1


def test_a_log_axis_spreads_ratios_equally() -> None:
    axis = log_axis(0.1, 10, 3)
    assert axis.labels == ("0.1", "1", "10")
    assert [axis.place(tick) for tick in axis.ticks] == pytest.approx([0.0, 0.5, 1.0])


def test_smoothing_starts_at_the_first_value_and_follows_a_constant() -> None:
    assert [y for _, y in smooth([(1, 3.0), (2, 3.0)], 0.9)] == pytest.approx([3.0, 3.0])
    assert smooth([(1, 0.0), (2, 1.0)], 0.5)[1][1] == pytest.approx(2 / 3)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=200), st.integers(1, 20))
def test_thinning_keeps_the_extremes(values: list[float], columns: int) -> None:
    points = list(enumerate(values))
    kept = thin(points, columns)
    assert len(kept) <= 4 * (columns + 1)
    assert kept == sorted(kept)
    assert min(y for _, y in kept) == min(values)
    assert max(y for _, y in kept) == max(values)
    assert (kept[0], kept[-1]) == (points[0], points[-1])


def test_a_canvas_joins_its_points() -> None:
    canvas = Canvas(2, 1, ascii_only=False)
    canvas.curve([(0.0, 0.0), (1.0, 0.0)])
    assert canvas.character(0, 0) + canvas.character(1, 0) == "⣀⣀"


async def test_nothing_to_draw_says_so() -> None:
    app = PlotApp()
    async with app.run_test(size=(60, 12)):
        assert app.lines()[0] == "No loss yet: the first step is on its way"


async def test_it_draws_curve_points_axes_and_legend() -> None:
    app = PlotApp()
    async with app.run_test(size=(72, 14)):
        app.plot.show(FALLING, CHECKS, steps=120)
        lines = app.lines()
    assert lines[0].startswith("loss")
    assert lines[0].endswith("train ⣀⠤⠒  validation ●")
    assert lines[1].startswith("4 ┤")
    assert lines[11].startswith("0 ┤")
    assert sum(line.count("●") for line in lines[1:]) == len(CHECKS)
    assert any("\u2800" < character <= "\u28ff" for character in "".join(lines[1:12]))
    assert lines[-1].split() == ["0", "50", "100", "step"]


async def test_log_scale_and_smoothing_are_said() -> None:
    app = PlotApp()
    async with app.run_test(size=(72, 14)):
        app.plot.show([*FALLING, (100, 0.0), (101, float("nan"))], CHECKS)
        app.plot.log_scale = True
        app.plot.smoother()
        assert app.lines()[0].startswith("loss · log scale · smoothing 0.6 · ! 1 not a number")
        app.plot.rougher()
        app.plot.smoothing = 7
        assert app.plot.smoothing == 0.99


async def test_plain_ascii() -> None:
    app = PlotApp(ascii_only=True)
    async with app.run_test(size=(72, 14)):
        app.plot.show(FALLING, CHECKS)
        text = "\n".join(app.lines())
    assert text.isascii()
    assert text.count("o") >= len(CHECKS)


async def test_it_follows_the_size_and_gives_numbers_where_there_is_no_room() -> None:
    app = PlotApp()
    async with app.run_test(size=(72, 14)) as pilot:
        app.plot.show(FALLING, CHECKS)
        await pilot.resize_terminal(100, 20)
        await pilot.pause()
        assert len(app.lines()) == 20
        assert app.lines()[19].endswith("step")
        await pilot.resize_terminal(40, 4)
        await pilot.pause()
        assert app.lines()[0] == "loss: train 0.248, validation 0.9"


async def test_a_new_point_repaints_only_what_changed() -> None:
    cells = list[int]()

    class Counting(LossPlot):
        def refresh(self, *regions: Region, **options: bool) -> Self:
            cells.extend(region.area for region in regions)
            return super().refresh(*regions, **options)

    app = PlotApp()
    app.plot = Counting()
    async with app.run_test(size=(72, 14)) as pilot:
        app.plot.show(FALLING[:50], [], steps=120)
        await pilot.pause()
        cells.clear()
        app.plot.show(FALLING[:51], [], steps=120)
        assert 0 < sum(cells) < 10
