"""One worker a project, that outlives the terminal, survives SIGKILL and ends when it is not needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui import process, queue, worker
from ftui.store import Store, create_project
from ftui.store.jobs import Job
from ftui.train.plan import plan
from projects import NAME, add_provider, project_with_pairs, wait
from servers.provider import Provider, Stage, metrics
from servers.serve import serve


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    with serve(provider.app) as address:
        add_provider(address)
        yield provider


def until(condition: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_second_worker_does_not_start() -> None:
    create_project(NAME)
    first = worker.spawn(NAME, idle=60)
    with Store(NAME) as store:
        until(store.leases.live)
        assert worker.spawn(NAME, idle=60).wait(timeout=20) == 0
        lease = store.leases.live()
        assert lease is not None
        assert lease.pid == first.pid
        first.terminate()
        assert first.wait(timeout=20) == 0
        assert store.leases.current() is None


def test_twenty_started_at_once_leave_one() -> None:
    create_project(NAME)
    started = [worker.spawn(NAME, idle=60) for _ in range(20)]
    with Store(NAME) as store:
        until(lambda: sum(one.poll() is None for one in started) == 1 and store.leases.live(), 60)
        lease = store.leases.live()
        alive = [one for one in started if one.poll() is None]
        assert lease is not None
        assert [one.pid for one in alive] == [lease.pid]
    alive[0].terminate()
    alive[0].wait(timeout=20)


def test_it_ends_when_it_is_idle() -> None:
    create_project(NAME)
    assert worker.spawn(NAME, idle=0.3).wait(timeout=20) == 0


def test_it_ends_when_its_project_vanishes(home: Path) -> None:
    create_project(NAME)
    running = worker.spawn(NAME, idle=600)
    with Store(NAME) as store:
        until(store.leases.live)
    (home / "config" / "projects" / NAME / "project.db").unlink()
    running.wait(timeout=20)


def test_a_changed_key_starts_a_new_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    create_project(NAME)
    with Store(NAME) as store:
        worker.ensure(store)
        until(store.leases.live)
        first = store.leases.live()
        worker.ensure(store)
        assert store.leases.live() == first or store.leases.live().pid == first.pid  # type: ignore[union-attr]
        monkeypatch.setenv("OPENAI_API_KEY", "sk-another-key-for-this-test")
        worker.ensure(store)
        until(lambda: (lease := store.leases.live()) and first and lease.pid != first.pid)
        raw = (store.folder / "project.db").read_bytes() + (store.folder / "project.db-wal").read_bytes()
        assert b"another-key" not in raw


def at_step_four(store: Store) -> tuple[Job, int]:
    """A job on the loopback provider that has shown step 4, and the task that watches it."""
    job = store.jobs.add(
        "kettle-1",
        provider="loopback",
        base_url="",
        base_model=plan(store, "loopback").base_model,
        version=None,
        hyperparameters={},
        cost_at_most=None,
    )
    task = queue.watch(store, job.id)
    until(lambda: store.jobs.get(job.id).step == 4)
    return job, task


def test_killed_while_it_watches_a_job_the_next_one_goes_on(provider: Provider) -> None:
    provider.script = (
        Stage("running", metrics(1, 4, 8)),
        *[Stage("running")] * 3,
        Stage("running", metrics(5, 8, 8)),
        Stage("succeeded"),
    )
    with project_with_pairs() as store:
        job, task = at_step_four(store)
        lease = store.leases.live()
        assert lease is not None
        os.kill(lease.pid, signal.SIGKILL)
        until(lambda: store.leases.live() is None)
        assert store.tasks.get(task).state == "running", "nobody was there to say otherwise"
        worker.ensure(store)
        wait(store, task)
        assert store.jobs.get(job.id).state == "succeeded"
        assert [m.step for m in store.jobs.metrics(job.id)] == list(range(1, 9))
    assert len(provider.jobs) == 1


def test_cancelling_reaches_the_provider(provider: Provider) -> None:
    provider.script = (Stage("running", metrics(1, 4, 8)),)
    with project_with_pairs() as store:
        job, task = at_step_four(store)
        queue.cancel_job(store, job.id)
        wait(store, task)
        assert store.jobs.get(job.id).state == "cancelled"
    assert provider.count("POST /v1/fine_tuning/jobs/{id}/cancel") == 1


def test_a_process_is_known_by_its_start_too() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    started = process.start_time(other.pid)
    assert process.alive(other.pid, started)
    assert not process.alive(other.pid, "another time")
    other.kill()
    other.wait()
    assert not process.alive(other.pid, started)
