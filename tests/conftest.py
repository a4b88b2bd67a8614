"""A home of its own for every test, and nobody left behind in it."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import platformdirs
import pytest

from ftui.engine import local
from ftui.engine.install import install, installed
from ftui.engine.layout import BASE_MODEL, is_locked
from ftui.events import Result

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "BRIGHTDATA_API_TOKEN", "BRIGHTDATA_API_KEY", "SSH_CONNECTION")
PATIENCE = 30.0

# What a shared machine takes for one example says nothing about what is tested.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


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


# A real engine: installed once by the code under test, then shared. Each test home is
# a folder of its own, with links to the shared environment and base model: jobs, files
# and servers of two tests never meet.


@pytest.fixture(scope="session")
def shared_engine() -> Path:
    """The folder of an installed engine; the first run installs it, which takes some minutes."""
    named = os.environ.get("FTUI_TEST_ENGINE")
    home = Path(named) if named else platformdirs.user_cache_path("ftui-tests") / "engine"

    async def run() -> list[Any]:
        return [event async for event in install(home)]

    events = asyncio.run(run())
    assert isinstance(events[-1], Result)
    assert installed(home)
    return home


@pytest.fixture(scope="session")
def new_home(shared_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """Makes engine homes, and sees to it that nothing runs in any of them at the end."""
    homes: list[Path] = []

    def make() -> Path:
        home = tmp_path_factory.mktemp("engine")
        (home / "models").mkdir()
        (home / "env").symlink_to(shared_engine / "env")
        (home / "models" / BASE_MODEL).symlink_to(shared_engine / "models" / BASE_MODEL)
        shutil.copytree(shared_engine / "installed", home / "installed")
        homes.append(home)
        return home

    yield make
    for home in homes:
        if home.exists():
            local.stop(home)
            assert not [lock for lock in home.glob("jobs/*/lock") if is_locked(lock)]


@pytest.fixture(scope="session")
def engine_home(new_home: Callable[[], Path]) -> Path:
    """The home that most tests share."""
    return new_home()
