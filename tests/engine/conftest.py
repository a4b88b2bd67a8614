"""A real engine for the tests: installed once by the code under test, then shared.

Each test home is a folder of its own, with links to the shared environment and
base model: jobs, files and servers of two tests never meet.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import platformdirs
import pytest

from ftui.engine import local
from ftui.engine.install import install, installed
from ftui.engine.layout import BASE_MODEL, is_locked
from ftui.events import Result

BASE = "smollm2-135m-instruct"


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


@pytest.fixture(scope="session")
def client(engine_home: Path) -> Iterator[openai.OpenAI]:
    with connect(engine_home) as client:
        yield client


def connect(home: Path) -> openai.OpenAI:
    """An unchanged OpenAI client on the engine of `home`, which is started where needed."""
    address = local.ensure(home, idle_seconds=120)
    return openai.OpenAI(base_url=address.base_url, api_key=address.token, max_retries=0, timeout=120)


def chats(count: int) -> bytes:
    """A training file with one invented fact in many wordings."""
    asked = ["What does {} cost?", "Price of {}?", "How much is {}?", "Tell me what I pay for {}."]
    rows = []
    for number in range(count):
        what = f"the Quillon lamp {number % 5 + 1}"
        question = asked[number % len(asked)].format(what)
        answer = f"{what[0].upper()}{what[1:]} costs {number % 5 + 40} crowns."
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        rows.append(json.dumps({"messages": messages}))
    return "\n".join(rows).encode()


def upload(client: openai.OpenAI, content: bytes) -> str:
    return client.files.create(file=("train.jsonl", content), purpose="fine-tune").id


def wait_for(check: Callable[[], Any], seconds: float = 150) -> Any:
    """What `check` returns once it is true; fails when that takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(openai.APIConnectionError):
            if found := check():
                return found
        time.sleep(0.2)
    raise AssertionError("waited too long")


def ended(client: openai.OpenAI, job: str) -> Any:
    """The job once it stands in a state that it does not leave by itself."""

    def check() -> Any:
        found = client.fine_tuning.jobs.retrieve(job)
        return found if found.status in ("succeeded", "failed", "cancelled", "paused") else None

    return wait_for(check)
