"""Cancelling, watching and losing a job at every moment of its life: nothing is sent or paid that need not be."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from ftui import queue, settings, worker
from ftui.connect import providers
from ftui.errors import InputError, MoneyError
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.train.plan import plan
from projects import add_provider, project_with_pairs, wait
from servers.provider import Provider, Stage, metrics
from servers.serve import serve

JOBS = "POST /v1/fine_tuning/jobs"
CANCEL = "POST /v1/fine_tuning/jobs/{id}/cancel"
PRICES = {"gpt-4o-mini-2024-07-18": {"train": 3.0}}


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    with serve(provider.app) as address:
        add_provider(address)
        settings.save_config({**settings.config(), "prices": PRICES})
        yield provider


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start(store: Store, name: str = "") -> Job:
    return queue.train(store, plan(store, "loopback", hyperparameters={"n_epochs": 3}), name)


def task_of(store: Store, job: Job) -> int:
    task = queue.task_of(store, job.id)
    assert task is not None
    return task.id


def test_a_job_its_money_and_its_task_are_one_write(provider: Provider) -> None:
    with project_with_pairs() as store:
        store.money.budget = 0.0001
        with pytest.raises(MoneyError):
            start(store)
        assert (store.jobs.all(), store.tasks.all()) == ([], [])
        store.money.budget = 5.0
        job = start(store, "mine")
        with pytest.raises(InputError, match="already"):
            start(store, "mine")
        wait(store, task_of(store, job))


def test_cancelled_in_the_queue_nothing_is_sent(provider: Provider) -> None:
    with project_with_pairs() as store:
        # As `queue.train` leaves it, and no worker has come yet.
        job = store.jobs.add(
            "kettle-1",
            provider="loopback",
            base_url="",
            base_model="gpt-4o-mini-2024-07-18",
            version=None,
            hyperparameters={},
            cost_at_most=0.01,
        )
        store.money.reserve("Job kettle-1", job.tag, 0.01)
        store.tasks.add("train", job.name, {"job": job.id})
        queue.cancel_job(store, job.id)
        assert store.jobs.get(job.id).state == "cancelled"
        assert store.money.spent() == 0
        with pytest.raises(InputError, match="already"):
            queue.cancel_job(store, job.id)
        worker.ensure(store)
        until(store.leases.live)
    assert provider.count(JOBS) == 0


def test_cancelled_while_it_is_uploaded_no_job_is_made() -> None:
    # Takes the connection and never answers, as an upload on a slow line.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        add_provider(f"http://127.0.0.1:{silent.getsockname()[1]}")
        settings.save_config({**settings.config(), "prices": PRICES})
        with project_with_pairs() as store:
            job = start(store)
            task = task_of(store, job)
            until(lambda: "uploading" in store.tasks.get(task).progress.text)
            queue.cancel_job(store, job.id)
            assert wait(store, task).state == "stopped"
            assert store.jobs.get(job.id).state == "cancelled"
            assert store.money.spent() == 0


def test_cancelled_while_no_worker_lives_the_provider_is_told(provider: Provider) -> None:
    provider.script = (Stage("running", metrics(1, 4, 8)),)
    with project_with_pairs() as store:
        job = start(store)
        until(lambda: store.jobs.get(job.id).step == 4)
        lease = store.leases.live()
        assert lease is not None
        os.kill(lease.pid, signal.SIGKILL)
        until(lambda: store.leases.live() is None)
        queue.cancel_job(store, job.id)
        wait(store, task_of(store, job))
        assert store.jobs.get(job.id).state == "cancelled"
    assert provider.count(CANCEL) == 1


def test_two_jobs_are_watched_side_by_side(provider: Provider) -> None:
    provider.script = (Stage("running", metrics(1, 4, 8)),)
    with project_with_pairs() as store:
        first = start(store)
        until(lambda: store.jobs.get(first.id).step == 4)
        second = start(store)
        until(lambda: store.jobs.get(second.id).step == 4)
        for job in (second, first):
            queue.cancel_job(store, job.id)
            wait(store, task_of(store, job))
            assert store.jobs.get(job.id).state == "cancelled"


def test_a_job_whose_provider_was_removed(provider: Provider) -> None:
    provider.script = (Stage("running", metrics(1, 4, 8)),)
    with project_with_pairs() as store:
        job = start(store)
        until(lambda: store.jobs.get(job.id).step == 4)
        lease = store.leases.live()
        assert lease is not None
        os.kill(lease.pid, signal.SIGKILL)
        until(lambda: store.leases.live() is None)
        address = providers.get("loopback").base_url.removesuffix("/v1")
        providers.remove("loopback")
        queue.watch(store, job.id)
        task = wait(store, task_of(store, job))
        assert task.error is not None
        assert "no provider 'loopback'" in task.error.what
        assert store.jobs.get(job.id).state == "running", "there, it goes on"
        provider.script = (Stage("succeeded"),)
        add_provider(address)
        queue.watch(store, job.id)
        queue.cancel_job(store, job.id)
        wait(store, task_of(store, job))
        assert store.jobs.get(job.id).state == "cancelled"
    assert len(provider.jobs) == 1


def test_an_unanswered_call_keeps_its_money_and_is_looked_for_first(provider: Provider) -> None:
    provider.refuse(JOBS, 503, "overloaded", "try later", times=1)
    with project_with_pairs() as store:
        job = start(store)
        wait(store, task_of(store, job))
        failed = store.jobs.get(job.id)
        assert failed.state == "failed"
        assert failed.error is not None
        assert f"ftui watch {job.name}" in failed.error.do
        assert store.money.spent() == pytest.approx(job.cost_at_most), "it may have been made"
        assert queue.unanswered(store, failed)
        looked = provider.count("GET /v1/fine_tuning/jobs")
        queue.watch(store, job.id)
        wait(store, task_of(store, job))
        assert store.jobs.get(job.id).state == "succeeded"
        assert provider.count("GET /v1/fine_tuning/jobs") > looked
    assert len(provider.jobs) == 1


@pytest.mark.parametrize("epochs", [0, -3])
def test_settings_that_would_cost_nothing_are_refused(provider: Provider, epochs: int) -> None:
    with project_with_pairs() as store:
        wanted = plan(store, "loopback", hyperparameters={"n_epochs": epochs})
        assert "n_epochs" in wanted.problems[0]
