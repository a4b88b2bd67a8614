"""A home of its own, a clock that stands still and a calm environment for every test of the screens."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from ftui.ui import arrival, clock
from ui.screen import UPDATE

NOON = 1_795_348_800.0
"""2026-11-22 12:00:00 UTC: the moment at which all goldens are taken."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write the screens as the new goldens")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-goldens", default=False):
        os.environ[UPDATE] = "1"


@pytest.fixture(autouse=True)
def ui_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """FTUI_HOME in a folder that goes away, no keys in the environment, the clock at noon UTC."""
    home = tmp_path / "home"
    monkeypatch.setenv("FTUI_HOME", str(home))
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "BRIGHTDATA_API_TOKEN",
        "BRIGHTDATA_API_KEY",
        "SSH_CONNECTION",
        "NO_COLOR",
        "FTUI_ENGINE_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(clock, "now", lambda: NOON)
    monkeypatch.setattr(arrival, "CALM_SECONDS", 0.001)
    for field in (Input, TextArea):
        monkeypatch.setattr(field.cursor_blink, "_default", False)
    return home
