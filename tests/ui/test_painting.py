"""What a key changed is painted when the key is done, and nothing that is asked for later is lost."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.strip import Strip

from ftui.ui.painting import PaintingScreen
from ftui.ui.text import Span
from ftui.ui.widgets.rows import Lines


class Painted(Lines):
    """Remembers what was painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[str] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(self.rows[y][0].text)
        return super().render_line(y)


class Small(App[None]):
    def get_default_screen(self) -> Screen[Any]:
        return PaintingScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield Painted()


def say(app: Small, text: str) -> Painted:
    lines = app.query_one(Painted)
    lines.show([(Span(text),)])
    return lines


def at_once(app: Small) -> Any:
    assert isinstance(app.screen, PaintingScreen)
    return app.screen.at_once()


async def test_it_is_painted_at_the_end_of_the_block() -> None:
    app = Small()
    async with app.run_test() as pilot:
        say(app, "before")
        await pilot.pause()
        with at_once(app):
            lines = say(app, "after!")
            assert lines.painted[-1] == "before"
        assert lines.painted[-1] == "after!"


async def test_without_the_block_it_waits_for_the_next_frame() -> None:
    app = Small()
    async with app.run_test() as pilot:
        say(app, "before")
        await pilot.pause()
        lines = say(app, "after!")
        assert lines.painted[-1] == "before"
        await pilot.pause()
        assert lines.painted[-1] == "after!"


async def test_where_more_keys_wait_all_of_them_are_painted_as_one() -> None:
    app = Small()
    async with app.run_test() as pilot:
        say(app, "before")
        await pilot.pause()
        app.call_later(lambda: None)
        for text in ("first!", "second", "third!"):
            with at_once(app):
                lines = say(app, text)
        assert lines.painted[-1] == "before"
        await pilot.pause()
        assert "third!" in lines.painted
        assert not {"first!", "second"} & set(lines.painted)


async def test_another_layout_comes_with_the_next_frame() -> None:
    app = Small()
    async with app.run_test() as pilot:
        say(app, "one line")
        await pilot.pause()
        with at_once(app):
            lines = app.query_one(Painted)
            lines.show([(Span("two lines"),), (Span("of text"),)])
        await pilot.pause()
        assert lines.painted[-2:] == ["two lines", "of text"]


async def test_what_a_key_started_is_painted_when_the_key_is_long_done() -> None:
    app = Small()
    async with app.run_test() as pilot:
        say(app, "before")
        await pilot.pause()

        async def later() -> None:
            await asyncio.sleep(0)
            say(app, "later!")

        with at_once(app):
            started = asyncio.create_task(later())
        await started
        await pilot.pause()
        assert app.query_one(Painted).painted[-1] == "later!"
