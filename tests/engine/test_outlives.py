"""Trainers that are killed, run out of disk, memory or company: tiny models, launched as the server launches them."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import made
from engine.launched import HYPER, ROWS, assert_same, children, log, run, start, team_of, wait_for_work
from ftui.engine.layout import Home, Lock, write_json

KILLS = int(os.environ.get("FTUI_TEST_KILLS", "3"))


@pytest.fixture(scope="module")
def whole(place: Home, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job that nothing happened to."""
    job = made.job(tmp_path_factory.mktemp("whole"), tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER)
    assert run(place, job)["state"] == "succeeded", log(job)
    return job


def test_the_order_of_rows_is_the_same_for_one_and_many(place: Home) -> None:
    script = str(Path(__file__).with_name("inside_order.py"))
    ran = subprocess.run(
        [str(place.python), script], env=place.environment(), capture_output=True, text=True, timeout=120
    )
    assert ran.stdout.strip() == "ok", ran.stderr


def test_a_trainer_killed_at_random_moments_ends_with_the_same_result(place: Home, tiny: Path, tmp_path: Path) -> None:
    # With dropout, also the random numbers have to go on where they were.
    hyper = HYPER | {"n_epochs": 8, "lora_dropout": 0.1}
    whole = made.job(tmp_path / "whole", tiny, ROWS, validation=ROWS[:7], hyperparameters=hyper)
    assert run(place, whole)["state"] == "succeeded", log(whole)
    job = made.job(tmp_path / "killed", tiny, ROWS, validation=ROWS[:7], hyperparameters=hyper)
    chance = random.Random(os.environ.get("FTUI_TEST_KILLS_SEED", "4"))
    kills = attempt = 0
    while True:
        attempt += 1
        launcher = start(place, job, attempt)
        if kills < KILLS:
            wait_for_work(job, launcher, attempt, begin=chance.random() < 0.2)
            time.sleep(chance.random() * 0.6)
            if _kill_trainer(launcher.pid):
                kills += 1
        launcher.wait(200)
        state = made.state(job)
        assert state["attempt"] == attempt
        if state["state"] == "succeeded":
            break
        assert state["error"] == {"code": "server_error", "message": "The trainer was killed by SIGKILL"}
    assert_same(job, whole)
    left = {path.name for path in job.parent.parent.joinpath("models").iterdir()}
    assert left == {"ft-ftjob-1"}


def test_what_was_trained_is_known_after_the_last_step(place: Home, tiny: Path, tmp_path: Path, whole: Path) -> None:
    job = made.job(tmp_path, tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER)
    models = tmp_path / "models"
    models.rmdir()
    models.write_text("in the way")
    assert run(place, job)["state"] == "failed"
    assert made.state(job)["trained_tokens"] > 1
    # The state is written now and then: that of a killed trainer is of some step before its last checkpoint.
    write_json(job / "trainer.json", made.state(job) | {"step": 2, "trained_tokens": 1})
    models.unlink()
    models.mkdir()
    run(place, job, 2)
    assert_same(job, whole)
    assert made.state(job)["step"] == made.state(whole)["step"] == 20


def _kill_trainer(launcher: int) -> bool:
    pids = children(launcher)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return bool(pids)


def test_who_waited_for_the_lock_sees_what_was_done_behind_it(place: Home, tiny: Path, tmp_path: Path) -> None:
    job = made.job(tmp_path, tiny, ROWS, hyperparameters=HYPER)
    held = Lock(job / "lock")
    assert held.try_acquire()
    launcher = start(place, job, 1)
    # It is there, and finds the lock taken; who has it runs this very attempt meanwhile.
    end = time.monotonic() + 20
    while not _has_open(launcher.pid, job / "lock"):
        assert time.monotonic() < end
        time.sleep(0.02)
    write_json(job / "launch.json", {"attempt": 1, "pid": os.getpid()})
    held.close()
    assert launcher.wait(60) == 0
    assert not (job / "trainer.log").exists(), "it was started a second time"


def _has_open(pid: int, path: Path) -> bool:
    files = Path(f"/proc/{pid}/fd")
    for name in os.listdir(files):
        # It may have been closed meanwhile.
        with contextlib.suppress(OSError):
            if os.readlink(files / name) == str(path):
                return True
    return False


def test_a_file_that_may_not_grow_is_the_reason_and_the_job_goes_on_later(
    place: Home, tiny: Path, tmp_path: Path
) -> None:
    job = made.job(tmp_path, tiny, ROWS, hyperparameters=HYPER | {"n_epochs": 2, "lora_rank": 32})

    def no_large_files() -> None:
        # The optimizer's state is larger than this.
        resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))

    state = run(place, job, limit=no_large_files)
    assert state["state"] == "failed"
    assert state["error"]["code"] == "disk_full", log(job)
    assert not list(job.glob("checkpoints/*/complete.json"))
    assert run(place, job, 2)["state"] == "succeeded", log(job)
    assert len(made.losses(job)) == 8


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk can only be made by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_is_the_reason(
    place: Home, tiny: Path, tmp_path: Path, small_disk: Path, whole: Path
) -> None:
    job = made.job(small_disk, tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER)
    filling = small_disk / "filling"
    filling.write_bytes(b"x" * 330_000)
    state = run(place, job)
    assert state["state"] == "failed", log(job)
    assert state["error"]["code"] == "disk_full", log(job)
    filling.unlink()
    run(place, job, 2)
    assert_same(job, whole)


def test_what_cannot_fit_is_said_before_it_starts(place: Home, tiny: Path, tmp_path: Path) -> None:
    job = made.job(tmp_path, tiny, ROWS, hyperparameters=HYPER | {"lora_rank": 1_000_000_000})
    state = run(place, job)
    assert state["state"] == "failed"
    assert state["error"]["code"] == "model_too_large"
    assert "needs about" in state["error"]["message"]
    assert "are free" in state["error"]["message"]


def test_a_model_that_is_not_there_leaks_no_path(place: Home, tmp_path: Path) -> None:
    job = made.job(tmp_path, tmp_path / "models" / "gone", ROWS)
    state = run(place, job)
    assert state["state"] == "failed"
    assert str(tmp_path) not in state["error"]["message"]


@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_several_processes_learn_what_one_learns(place: Home, tiny: Path, tmp_path: Path, method: str) -> None:
    rows = ROWS if method == "supervised" else [made.pair(number) for number in range(22)]
    losses = []
    for name, processes in (("one", 1), ("three", 3)):
        job = made.job(
            tmp_path / name, tiny, rows, method=method, validation=rows[:7],
            hyperparameters=HYPER | {"n_epochs": 2}, launch={"processes": processes},
        )  # fmt: skip
        assert run(place, job)["state"] == "succeeded", log(job)
        losses.append((job / "result.csv").read_text().splitlines()[1:])
    assert len(losses[0]) == 8
    one, three = ([float(n) for line in lines for n in line.split(",") if n] for lines in losses)
    assert one == pytest.approx(three, rel=1e-3, abs=1e-4)


def test_a_team_pauses_together_and_one_death_ends_it(place: Home, tiny: Path, tmp_path: Path, whole: Path) -> None:
    job = made.job(
        tmp_path, tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER,
        launch={"processes": 2},
    )  # fmt: skip
    write_json(job / "wish.json", {"attempt": 1, "want": "pause"})
    assert run(place, job)["state"] == "paused", (made.state(job), log(job))
    launcher = start(place, job, 2)
    wait_for_work(job, launcher, 2, begin=False)
    workers = team_of(launcher)
    with contextlib.suppress(ProcessLookupError):
        for worker in workers[-1:]:
            os.kill(worker, signal.SIGKILL)
    launcher.wait(100)
    state = made.state(job)
    # A fast machine may have been through already.
    if state["state"] != "succeeded":
        assert state["error"]["message"] == "The trainer was killed by SIGKILL", log(job)
        run(place, job, 3)
    assert_same(job, whole)


@pytest.fixture
def hosts() -> Iterator[list[tuple[str, ...]]]:
    """Two network namespaces with a cable between them, each as the start of a command."""
    names = [f"ftui{os.getpid()}{end}" for end in "ab"]
    made_ = [["ip", "netns", "add", name] for name in names]
    made_.append(
        ["ip", "link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1]]
    )
    for number, name in enumerate(names, start=1):
        made_.append(["ip", "-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "cable"])
        made_ += [["ip", "-n", name, "link", "set", device, "up"] for device in ("lo", "cable")]
    try:
        for command in made_:
            if not shutil.which("ip") or subprocess.run(command, capture_output=True, check=False).returncode:
                pytest.skip("network namespaces can only be made by root")
        yield [("ip", "netns", "exec", name) for name in names]
    finally:
        for name in names:
            if shutil.which("ip"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def test_two_hosts_learn_what_one_learns(
    place: Home, tiny: Path, tmp_path: Path, whole: Path, hosts: list[tuple[str, ...]]
) -> None:
    jobs = []
    for number in range(2):
        launch = {
            "nodes": 2,
            "node_rank": number,
            "master_addr": "10.77.0.1",
            "master_port": 29613,
            "interface": "cable",
        }
        home = tmp_path / f"host{number}"
        jobs.append(made.job(home, tiny, ROWS, validation=ROWS[:7], hyperparameters=HYPER, launch=launch))
    running = [start(place, job, 1, prefix=host) for job, host in zip(jobs, hosts, strict=True)]
    assert [process.wait(200) for process in running] == [0, 0]
    assert_same(jobs[0], whole)
    assert len(made.losses(whole)) == 20
    # The first host alone tells and keeps.
    assert not list((jobs[1].parent.parent / "models").iterdir())
    assert not (jobs[1] / "events.jsonl").exists()
