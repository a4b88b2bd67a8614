"""The app under a pilot, with a few words for what a person does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from textual.widgets import Input

from ftui.ui.app import FtuiApp
from ui.screen import settle, text_of

sys.path.append(str(Path(__file__).parents[2] / "scripts"))


class Driver:
    """The app on a screen of `size`, from `async with` to its end.

    Args:
        keys: pressed before the test goes on, as `"4"` for a place.
    """

    def __init__(
        self,
        project: str | None = "lumora",
        size: tuple[int, int] = (120, 40),
        demo: bool = False,
        keys: str = "",
    ) -> None:
        self.app = FtuiApp(project, demo)
        self._keys = keys
        self._running = self.app.run_test(size=size)

    async def __aenter__(self) -> Self:
        self.pilot = await self._running.__aenter__()
        await settle(self.pilot)
        if self._keys:
            await self.press(*self._keys)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.app.exit()
        await self._running.__aexit__(None, None, None)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def fill(self, **fields: str) -> None:
        """Put text into the fields of the form that is open, by their names."""
        for name, text in fields.items():
            self.app.screen.query_one(f"#{name}", Input).value = text
        await settle(self.pilot)

    async def until(self, wanted: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < deadline, self.screen
            await self.pilot.pause(0.02)

    async def until_shown(self, text: str) -> None:
        await self.until(lambda: text in self.screen)

    @property
    def screen(self) -> str:
        return text_of(self.app)

    @property
    def lines(self) -> list[str]:
        return self.screen.splitlines()

    @property
    def bottom(self) -> str:
        """The line above the keys."""
        return self.lines[-2].strip()

    @property
    def footer(self) -> str:
        """The keys that work now."""
        return self.lines[-1].strip()
