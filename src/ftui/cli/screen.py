"""Start the app."""

from __future__ import annotations

import gc
import os
import sys

from ftui.cli.common import interactive
from ftui.errors import InputError


def run_app(project: str | None, *, demo: bool = False, mouse: bool = True) -> int:
    """Run the app until it is left.

    Raises:
        InputError: there is no terminal to draw on.
    """
    if not (interactive() and sys.stdout is not None and sys.stdout.isatty()):
        raise InputError(
            "The app needs a terminal", "input or output is a pipe or a file", "Use a verb instead: ftui --help"
        )
    if "SSH_CONNECTION" in os.environ:
        # Textual reads these when it is imported. Over SSH bytes are the cost.
        os.environ.setdefault("TEXTUAL_FPS", "30")
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    # A key makes thousands of small objects that are gone with its picture: none of them is a cycle to look for.
    gc.set_threshold(10_000, 20, 50)
    from ftui.ui.apart import told_apart
    from ftui.ui.app import FtuiApp

    app = FtuiApp(project, demo=demo)
    told_apart(app.driver_class)
    app.run(mouse=mouse)
    return app.return_code or 0
