"""The installed engine that is measured, and folders of its own for a server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import platformdirs

from ftui.engine.layout import BASE_MODEL, Home


def installed() -> Home:
    """The engine of FTUI_TEST_ENGINE, or else the person's own."""
    named = os.environ.get("FTUI_TEST_ENGINE")
    home = Home(Path(named) if named else platformdirs.user_data_path("ftui") / "engine")
    if not home.python.exists() or not (home.models / BASE_MODEL).exists():
        raise SystemExit("The engine is measured in its own environment. Install it: ftui engine install")
    return home


def beside(folder: Path) -> Home:
    """A home in `folder` with the environment and the base model of the installed one, and nothing else of it."""
    whole, home = installed(), Home(folder)
    home.models.mkdir(parents=True)
    (folder / "env").symlink_to(whole.path / "env")
    (home.models / BASE_MODEL).symlink_to(whole.models / BASE_MODEL)
    shutil.copytree(whole.path / "installed", folder / "installed")
    return home
