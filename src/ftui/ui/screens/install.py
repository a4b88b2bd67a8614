"""The one key before the engine is downloaded: it shows how much will come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from textual.app import App

from ftui import paths
from ftui.ui.screens.ask import AskScreen
from ftui.ui.text import Row, fit, row


async def ask_to_install(app: App[Any], install: Callable[[], None], declined: Callable[[], None]) -> None:
    """Show the download sizes and call `install` after `y`.

    Args:
        install: queues the installation.
        declined: called after any other key.
    """
    from ftui.engine import install as engine

    # Looking for a GPU asks another program, which can take a second.
    sizes = await asyncio.to_thread(engine.sizes)
    question = "Install the engine that trains and chats on this machine?"
    detail = size_rows(sizes, engine.disk_megabytes())
    app.push_screen(
        AskScreen(question, detail, yes_label="download and install", no_label="not now"),
        lambda yes: install() if yes else declined(),
    )


def size_rows(sizes: Sequence[tuple[str, int]], disk: int) -> list[Row]:
    """A line for each download, the sum, and the room on disk, all in MB."""
    lines = [row(fit(what, 50), (fit(f"{megabytes:,} MB", 12, "right"), "bold")) for what, megabytes in sizes]
    total = sum(megabytes for _, megabytes in sizes)
    lines.append(row((fit("together", 50), "dim"), (fit(f"{total:,} MB", 12, "right"), "accent")))
    lines.append(row((f"needs {disk:,} MB of disk in {paths.engine_home()}", "dim")))
    lines.append(row(("It goes on in the background, and where it was when it is cut off.", "dim")))
    return lines
