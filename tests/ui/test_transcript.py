"""The transcript: wrapping, growing at the end, following, and text that stays text."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from ftui.ui.widgets import transcript
from ftui.ui.widgets.transcript import STEP, Transcript, Turn
from ui.loop_data import until
from ui.screen import text_of


class Counting(Transcript):
    """Counts how often it asks to be painted, and how many lines of it."""

    paints = 0

    def refresh(self, *regions: Any, **options: Any) -> Any:
        self.paints += 1
        return super().refresh(*regions, **options)


class Alone(App[None]):
    def compose(self) -> ComposeResult:
        yield Counting(empty="Ask something")

    @property
    def said(self) -> Counting:
        return self.query_one(Counting)


def lines(app: Alone) -> list[str]:
    return [line.rstrip() for line in text_of(app).split("\n")]


async def settled(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause()


async def test_labels_stand_in_a_column_and_text_wraps_beside_them() -> None:
    app = Alone()
    async with app.run_test(size=(40, 10)) as pilot:
        assert lines(app)[0] == " Ask something"
        app.said.show(
            [
                Turn("you", "My kettle says E4", "you"),
                Turn("lumora-3", "Error E4 means that the lid sensor is wet.", "tuned", "31 tok/s"),
            ]
        )
        await settled(pilot)
        assert lines(app)[:3] == [
            " you      My kettle says E4",
            " lumora-3 Error E4 means that the lid",
            "          sensor is wet.      31 tok/s",
        ]


async def test_what_a_model_says_is_neither_markup_nor_control_codes() -> None:
    app = Alone()
    async with app.run_test(size=(60, 10)) as pilot:
        app.said.show([Turn("[red]", "[b]bold[/b] \x1b[31mred\x07 # no\n**strong** `x` 漢字", "tuned")])
        await settled(pilot)
        assert lines(app)[:2] == [" [red] [b]bold[/b] ␛[31mred␇ # no", "       **strong** `x` 漢字"]


async def test_a_burst_of_words_is_painted_once_or_twice_and_its_end_always() -> None:
    app = Alone()
    async with app.run_test(size=(40, 10)) as pilot:
        place = app.said.add(Turn("base", "", "base"))
        await settled(pilot)
        app.said.paints = 0
        for number in range(200):
            app.said.grow(place, "word " * (number % 4) + str(number))
        assert app.said.paints <= 2
        await until(pilot, lambda: "199" in text_of(app))


async def test_the_layout_grows_in_steps_and_the_view_turns_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "REPAINT_SECONDS", 0.0)
    app = Alone()
    async with app.run_test(size=(40, 12)) as pilot:
        place = app.said.add(Turn("", "", "tuned"))
        offsets, heights = set(), set()
        for number in range(1, 41):
            app.said.grow(place, "\n".join(f"line {n}" for n in range(number)))
            await settled(pilot)
            assert f"line {number - 1}" in text_of(app), "the end is always in view"
            offsets.add(app.said.scroll_offset.y)
            heights.add(app.said.virtual_size.height)
        assert len(offsets) <= 6, "not a scroll for each line"
        assert heights == {12, STEP}
        app.said.action_scroll_end()
        await settled(pilot)
        assert lines(app)[11] == " line 39", "the end is the end of the text"


async def test_somebody_who_reads_above_is_not_pulled_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "REPAINT_SECONDS", 0.0)
    app = Alone()
    async with app.run_test(size=(40, 12)) as pilot:
        place = app.said.add(Turn("", "\n".join(f"line {n}" for n in range(40)), "tuned"))
        await settled(pilot)
        app.said.focus()
        await pilot.press("g")
        app.said.grow(place, "\n".join(f"line {n}" for n in range(60)))
        await settled(pilot)
        assert lines(app)[0] == " line 0"
        await pilot.press("G")
        await settled(pilot)
        assert "line 59" in text_of(app)


async def test_a_narrower_terminal_wraps_again() -> None:
    app = Alone()
    async with app.run_test(size=(60, 10)) as pilot:
        app.said.show([Turn("you", "one two three four five six seven", "you")])
        await settled(pilot)
        assert lines(app)[1] == ""
        await pilot.resize_terminal(24, 10)
        await settled(pilot)
        assert lines(app)[:3] == [" you one two three", "     four five six", "     seven"]
