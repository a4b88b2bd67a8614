"""Jobs of tiny models, launched as the server launches them, and what became of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import made
from ftui.engine.layout import Home, is_locked

ROWS = [made.row(number, system=number % 3 == 0) for number in range(22)]
HYPER = {"batch_size": 6, "n_epochs": 5, "learning_rate_multiplier": 5.0, "lora_dropout": 0.0}


def start(place: Home, job: Path, attempt: int, *, prefix: tuple[str, ...] = (), limit: Any = None) -> Any:
    command = [*prefix, str(place.python), "-m", "ftui.engine.launch", str(job), str(attempt)]
    environment = place.environment() | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=limit)


def run(place: Home, job: Path, attempt: int = 1, *, limit: Callable[[], None] | None = None) -> dict[str, Any]:
    assert start(place, job, attempt, limit=limit).wait(200) == 0
    assert not is_locked(job / "lock")
    return made.state(job)


def log(job: Path) -> str:
    return (job / "trainer.log").read_text("utf-8")[-3000:]


def assert_same(job: Path, whole: Path) -> None:
    assert made.state(job)["state"] == "succeeded", (made.state(job), log(job))
    assert made.losses(job) == pytest.approx(made.losses(whole), rel=1e-3)
    assert made.state(job)["trained_tokens"] == made.state(whole)["trained_tokens"]


def wait_for_work(job: Path, launcher: Any, attempt: int, *, begin: bool) -> None:
    """Until it trains; with `begin` only until it has been started."""
    before = job.joinpath("events.jsonl").stat().st_size if job.joinpath("events.jsonl").exists() else 0
    end = time.monotonic() + 100
    while time.monotonic() < end and launcher.poll() is None:
        events = job / "events.jsonl"
        if events.exists() and "Step" in events.read_text("utf-8")[before:]:
            return
        if begin and job.joinpath("trainer.json").exists() and made.state(job)["attempt"] == attempt:
            return
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def team_of(launcher: Any) -> list[int]:
    """The processes that train together, or none where they have ended."""
    return [worker for torchrun in children(launcher.pid) for worker in children(torchrun)]
