"""From accepted pairs to a model at a provider: once, whatever gets lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui import queue, settings
from ftui.errors import CredentialError, InputError, MoneyError, NetworkError, ServiceError
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.train.plan import plan
from projects import add_provider, project_with_pairs, wait
from servers.provider import TRAINING_NOT_AVAILABLE, Provider, failing
from servers.serve import refused_port, serve

JOBS = "POST /v1/fine_tuning/jobs"
FILES = "POST /v1/files"


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    with serve(provider.app) as address:
        add_provider(address)
        settings.save_config({**settings.config(), "prices": {"gpt-4o-mini-2024-07-18": {"train": 3.0}}})
        yield provider


def run(store: Store, **hyperparameters: object) -> Job:
    """Train on the loopback provider and give the job as it ended."""
    job = queue.train(store, plan(store, "loopback", hyperparameters={"n_epochs": 3, **hyperparameters}))
    task = store.tasks.latest("train")
    assert task is not None
    wait(store, task.id)
    return store.jobs.get(job.id)


def test_accepted_pairs_become_a_model(provider: Provider) -> None:
    with project_with_pairs() as store:
        job = run(store, seed=7)
        assert job.state == "succeeded"
        assert job.fine_tuned_model
        assert (job.step, job.total_steps) == (10, 10)
        model = store.models.find(job.name)
        assert (model.base_model, model.provider) == ("gpt-4o-mini-2024-07-18", "loopback")

        body = provider.bodies[JOBS][0]
        assert body["metadata"] == {"ftui_tag": job.tag}
        assert body["method"]["supervised"]["hyperparameters"] == {"n_epochs": 3}
        assert body["seed"] == 7
        assert provider.count(FILES) == 2
        uploaded = {file["filename"]: provider._contents[name] for name, file in provider.files.items()}
        train = next(content for name, content in uploaded.items() if "train" in name)
        rows = [json.loads(line) for line in train.splitlines()]
        assert len(rows) == 18
        assert all(set(row) == {"messages"} for row in rows)

        losses = store.jobs.metrics(job.id)
        assert [m.step for m in losses] == list(range(1, 11))
        assert losses[0].train_loss == pytest.approx(4.0)
        assert losses[4].valid_loss == pytest.approx(2.5)
        assert any("started" in event.message for event in store.jobs.events(job.id))
        assert store.money.spent() == pytest.approx(12_345 * 3.0 / 1e6)
        questions = store.versions.questions(job.version)
        assert len(questions) == 6
        assert {question.keys for question in questions} == {(f"{fact + 11}",) for fact in range(6)}


def test_where_nothing_is_held_out_the_log_says_why(provider: Provider) -> None:
    with project_with_pairs(phrasings=3) as store:
        assert run(store).state == "succeeded"
        task = store.tasks.latest("train")
        assert task is not None
        [(_, level, said)] = [note for note in store.tasks.notes(task.id) if "held out" in note[2]]
        assert (level, said.partition(":")[0]) == ("warn", "Nothing is held out to check on")
        assert "splits by wording" in said


def test_a_lost_answer_makes_one_job(provider: Provider) -> None:
    provider.lose(JOBS)
    with project_with_pairs() as store:
        assert run(store).state == "succeeded"
    assert provider.count(JOBS) == 1
    assert len(provider.jobs) == 1


def test_no_answer_and_no_job_can_be_tried_again(provider: Provider) -> None:
    provider.refuse(JOBS, 503, "overloaded", "try later", times=1)
    with project_with_pairs() as store:
        job = run(store)
        assert (job.state, job.remote) == ("failed", None)
        assert provider.count(JOBS) == 1, "the call that spends is never repeated by itself"
        task = store.tasks.latest("train")
        assert task is not None
        queue.resume(store, task.id)
        wait(store, task.id)
        assert store.jobs.get(job.id).state == "succeeded"
    assert len(provider.jobs) == 1
    assert provider.count(FILES) == 2, "what was uploaded is not uploaded again"


def test_the_provider_takes_no_jobs(provider: Provider) -> None:
    provider.refuse(JOBS, *TRAINING_NOT_AVAILABLE)
    with project_with_pairs() as store:
        job = run(store)
        assert isinstance(job.error, ServiceError)
        assert "takes no new fine-tuning jobs" in job.error.what
        assert "winding down" in job.error.why
        assert store.money.spent() == 0, "nothing was bought"


def test_a_job_that_fails_says_why(provider: Provider) -> None:
    provider.script = failing("invalid_file_format", "Example 100 cannot be parsed.")
    with project_with_pairs() as store:
        job = run(store)
        assert job.state == "failed"
        assert job.error is not None
        assert "invalid_file_format: Example 100" in job.error.why
        assert not store.models.all()


def test_a_wrong_key(provider: Provider) -> None:
    provider.key = "another"
    with project_with_pairs() as store:
        job = run(store)
        assert isinstance(job.error, CredentialError)
        assert "ftui connect key loopback" in job.error.do


def test_a_refused_port() -> None:
    add_provider(f"http://127.0.0.1:{refused_port()}")
    settings.save_config({**settings.config(), "prices": {"gpt-4o-mini-2024-07-18": {"train": 3.0}}})
    with project_with_pairs() as store:
        job = run(store)
        assert isinstance(job.error, NetworkError)
        assert "cannot be reached" in job.error.what


def test_a_short_outage_while_it_trains_is_no_failure(provider: Provider) -> None:
    provider.refuse("GET /v1/fine_tuning/jobs/{id}", 500, "server_error", "oops", times=3)
    with project_with_pairs() as store:
        assert run(store).state == "succeeded"


def test_a_plan_names_its_price_and_its_problems(provider: Provider) -> None:
    with project_with_pairs(accept=False) as store:
        wanted = plan(store, "loopback")
        assert wanted.problems
        with pytest.raises(InputError, match="cannot start"):
            queue.train(store, wanted)
        assert not store.jobs.all()
    assert provider.count(JOBS) == 0


def test_a_price_above_the_limit_or_the_budget_starts_nothing(provider: Provider) -> None:
    with project_with_pairs() as store:
        wanted = plan(store, "loopback", hyperparameters={"n_epochs": 3})
        assert wanted.cost_at_most == pytest.approx(24 * 30 * 3 * 3.0 / 1e6)
        for limit, words in ((None, "no limit was given"), (0.0001, "the limit is")):
            with pytest.raises(MoneyError, match=words):
                wanted.check_budget(limit)
        wanted.check_budget(1.0)
        store.money.budget = 0.0001
        with pytest.raises(MoneyError):
            queue.train(store, wanted)
        assert not store.jobs.all()
    assert provider.count(JOBS) == 0


def test_an_unknown_price_is_not_zero(provider: Provider) -> None:
    settings.save_config({**settings.config(), "prices": {}})
    with project_with_pairs() as store:
        wanted = plan(store, "loopback")
        assert wanted.cost_at_most is None
        with pytest.raises(MoneyError, match="not known"):
            wanted.check_budget(5.0)


def test_a_key_that_a_job_repeats_is_masked(provider: Provider, home: Path) -> None:
    provider.script = failing("invalid_training_file", f"Row 3 holds {provider.key}.")
    with project_with_pairs() as store:
        job = run(store)
        assert job.error is not None
        assert "Row 3 holds sk-…0001" in job.error.why
    kept = [file for file in home.rglob("*") if file.is_file() and provider.key.encode() in file.read_bytes()]
    assert [file.name for file in kept] == ["credentials.toml"]
