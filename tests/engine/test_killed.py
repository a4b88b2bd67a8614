"""A job whose server and trainer are killed at random moments, driven through the API."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai

from engine.conftest import chats, connect, upload, wait_for
from ftui.engine import local
from ftui.engine.bases import register
from ftui.engine.layout import Home, is_locked, read_json, write_json

KILLS = int(os.environ.get("FTUI_TEST_KILLS", "3"))
SETTINGS: dict[str, Any] = {"n_epochs": min(50, 5 * KILLS + 5), "batch_size": 4, "lora_rank": 4}


def test_a_job_whose_server_and_trainer_are_killed_ends_as_any_other(new_home: Callable[[], Path], tiny: Path) -> None:
    home = new_home()
    model = register(Home(home), tiny)
    chance = random.Random(os.environ.get("FTUI_TEST_KILLS_SEED", "6"))
    with connect(home) as client:
        file = upload(client, chats(20))
        job = _create(client, model, file)
    folder = home / "jobs" / job.id
    kills = resumed = 0
    while True:
        if kills < KILLS:
            _wait_for_work(folder, begin=chance.random() < 0.3)
            time.sleep(chance.random() * 0.5)
            for victim in chance.choice([("server",), ("trainer",), ("server", "trainer")]):
                (_kill_server if victim == "server" else _kill_trainer)(home, folder)
            kills += 1
        # A server that is there is used, else a new one finds what the old one left.
        with connect(home) as client:
            job = _settled(client, folder, go_on=kills < KILLS)
            if job.status == "succeeded":
                break
            if job.status == "failed":
                assert "SIGKILL" in job.error.message, job.error
                client.fine_tuning.jobs.resume(job.id)
                resumed += 1

    with connect(home) as client:
        # Nothing was started twice, and nothing is lost or counted twice.
        assert (read_json(folder / "launch.json") or {})["attempt"] == resumed + 1
        other = _create(client, model, file)
        other = _settled(client, home / "jobs" / other.id)
        assert other.status == "succeeded", other.error
        assert job.trained_tokens == other.trained_tokens
        tables = [client.files.content(one.result_files[0]).text.splitlines() for one in (job, other)]
        assert len(tables[0]) == len(tables[1]) == 5 * SETTINGS["n_epochs"] + 1
        assert [line.split(",")[0] for line in tables[0]] == [line.split(",")[0] for line in tables[1]]
        assert client.files.content(file).read() == chats(20)
        tuned = [one.id for one in client.models.list() if one.id.startswith("ft:") and ":ckpt-" not in one.id]
        assert sorted(tuned) == sorted([job.fine_tuned_model, other.fine_tuned_model])


def test_a_pause_that_was_half_written_is_asked_for_again(new_home: Callable[[], Path], tiny: Path) -> None:
    home = new_home()
    model = register(Home(home), tiny)
    with connect(home) as client:
        # Long enough that it still trains when another server is there.
        job = _create(client, model, upload(client, chats(200)), n_epochs=50)
    folder = home / "jobs" / job.id
    _wait_for_work(folder, begin=False)
    _kill_server(home, folder)
    # It was killed between its own note and the word to the trainer.
    noted = read_json(folder / "job.json")
    assert noted is not None
    assert noted["status"] == "running"
    write_json(folder / "job.json", noted | {"wish": "pause"})
    with connect(home) as client:
        client.fine_tuning.jobs.pause(job.id)
        wait_for(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "paused")
        client.fine_tuning.jobs.cancel(job.id)


def _create(client: openai.OpenAI, model: str, file: str, **more: Any) -> Any:
    return client.fine_tuning.jobs.create(model=model, training_file=file, seed=3, hyperparameters={**SETTINGS, **more})


def _settled(client: openai.OpenAI, folder: Path, *, go_on: bool = False) -> Any:
    """The job once it has ended; with `go_on` also while its trainer is there."""

    def check() -> Any:
        there = is_locked(folder / "lock")
        found = client.fine_tuning.jobs.retrieve(folder.name)
        return found if found.status in ("succeeded", "failed") or (go_on and there) else None

    return wait_for(check)


def _wait_for_work(folder: Path, *, begin: bool) -> None:
    """Until the job trains, or is through; with `begin` only until its trainer has been started."""
    events = folder / "events.jsonl"
    before = events.stat().st_size if events.exists() else 0
    end = time.monotonic() + 100
    while time.monotonic() < end:
        if is_locked(folder / "lock") and (begin or (events.exists() and "Step" in events.read_text("utf-8")[before:])):
            return
        if (read_json(folder / "trainer.json") or {}).get("state") == "succeeded":
            return
        time.sleep(0.02)


def _kill_server(home: Path, folder: Path) -> None:
    address = local.find(home)
    if address is not None:
        os.kill(address.pid, signal.SIGKILL)
        wait_for(lambda: not is_locked(home / "run" / "engine.lock"))


def _kill_trainer(home: Path, folder: Path) -> None:
    launched = read_json(folder / "launch.json")
    if launched is None or not is_locked(folder / "lock"):
        return
    with suppress(OSError):
        children = Path(f"/proc/{launched['pid']}/task/{launched['pid']}/children").read_text("ascii").split()
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
