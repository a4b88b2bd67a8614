"""A home of its own for every test, and nobody left behind in it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "BRIGHTDATA_API_TOKEN", "BRIGHTDATA_API_KEY", "SSH_CONNECTION")
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """FTUI_HOME below the test's folder, no keys in the environment.

    At the end the home vanishes, and every worker that the test started has to
    notice it and end by itself.
    """
    folder = tmp_path / "home"
    monkeypatch.setenv("FTUI_HOME", str(folder))
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    yield folder
    if not folder.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    deadline = time.monotonic() + PATIENCE
    while (left := workers(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, f"workers left behind: {left}"


def workers(folder: Path) -> list[int]:
    """Processes `python -m ftui.worker` whose FTUI_HOME is `folder` (Linux; elsewhere none are found)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ftui.worker" in command and f"FTUI_HOME={folder}".encode() in environment:
            found.append(int(process.name))
    return [pid for pid in found if pid != os.getpid()]
