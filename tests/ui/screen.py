"""The screen as plain text, and goldens to hold it against."""

from __future__ import annotations

import asyncio
import difflib
import os
import time
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

GOLDENS = Path(__file__).parent / "goldens"
UPDATE = "FTUI_UPDATE_GOLDENS"
PATIENCE = 5.0


def text_of(app: App[Any]) -> str:
    """What a person sees, line by line without blanks at the end.

    The compositor is private to Textual; this is the only place that looks into it.
    """
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until the app has done what was asked of it and painted it."""
    await pilot.app.workers.wait_for_complete(
        [worker for worker in pilot.app.workers if worker.group != "warm" and not worker.is_finished]
    )
    await pilot.pause()
    await pilot.pause()


async def golden(app: App[Any], name: str) -> None:
    """Assert that the screen comes to read as `goldens/NAME.txt`; `--update-goldens` writes it instead.

    A busy machine may paint the last change late, so a screen that differs is looked at again.
    """
    path = GOLDENS / f"{name}.txt"
    if os.environ.get(UPDATE):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(app) + "\n", "utf-8")
    wanted = path.read_text("utf-8") if path.exists() else ""
    deadline = time.monotonic() + PATIENCE
    while (seen := text_of(app) + "\n") != wanted and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    if seen != wanted:
        difference = difflib.unified_diff(
            wanted.splitlines(), seen.splitlines(), f"{name}.txt", "the screen", lineterm=""
        )
        raise AssertionError("\n".join(["the screen differs from its golden", *difference]))
