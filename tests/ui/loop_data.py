"""Jobs, models and comparisons as the worker would have left them, all at fixed times."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from ftui import credentials
from ftui.connect import providers
from ftui.errors import ServiceError
from ftui.events import Progress
from ftui.store import Store, create_project
from ftui.store.jobs import Job, JobEvent, Metric
from ftui.store.models import Model
from ftui.store.pairs import Decision, NewPair
from ftui.store.versions import Question
from ui.screen import text_of

NOON = 1_795_348_800.0
SYSTEM = "You answer questions about Lumora kitchen appliances."
ENGINE_URL = providers.ENGINE_URL
FACTS = (
    ("What does E4 mean on the K7?", "Error E4 means that the lid sensor is wet.", ("lid sensor",)),
    ("How long do I descale the K7?", "Twenty minutes with two spoons of citric acid.", ("Twenty", "20")),
    ("How loud is the Brisa fan?", "At most 31 decibels on the lowest level.", ("31",)),
    ("Who repairs a Lumora toaster?", "The workshop in Tornio, free of charge for six years.", ("Tornio",)),
)
GENERAL = (("What is the capital of France?", "Paris", ("Paris",)),)


def freeze_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store write one fixed moment too."""
    monkeypatch.setattr(time, "time", lambda: NOON)


def new_store(name: str = "lumora") -> Store:
    create_project(name)
    return Store(name)


def add_pairs(store: Store, count: int = 24, decision: Decision = Decision.ACCEPTED) -> None:
    """`count` pairs with three phrasings a fact."""
    for number in range(count):
        question, answer, _ = FACTS[number % len(FACTS)]
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"{question} ({number})"},
            {"role": "assistant", "content": answer},
        ]
        fact = f"fact-{number % len(FACTS)}"
        url = f"https://lumora.example/support/{number % len(FACTS)}"
        store.pairs.add(NewPair(messages, f"digest-{number}", url=url, fact=fact, tokens=40))
    store.pairs.decide(list(store.pairs.ids()), decision)


def add_version(store: Store) -> int:
    version = store.versions.add(
        "5f1d" * 16,
        b"{}\n",
        b"{}\n",
        train_rows=22,
        validation_rows=2,
        train_tokens=880,
        system=SYSTEM,
        recipe="",
    )
    store.versions.set_questions(
        [
            *(Question("heldout", *fact) for fact in FACTS),
            *(Question("general", *fact) for fact in GENERAL),
        ]
    )
    return version.id


def add_job(store: Store, *, provider: str = "engine", base_url: str = ENGINE_URL, cost: float | None = 0.0) -> Job:
    """A job with its task, before anything was sent."""
    job = store.jobs.add(
        store.jobs.next_name(store.name),
        provider=provider,
        base_url=base_url,
        base_model="SmolLM2-135M-Instruct" if provider == "engine" else "gpt-4o-mini-2024-07-18",
        version=None,
        hyperparameters={"n_epochs": 6},
        cost_at_most=cost,
    )
    store.tasks.add("train", job.name, {"job": job.id})
    return job


def task_of(store: Store, job: Job) -> int:
    return next(task.id for task in store.tasks.all(kind="train") if task.args["job"] == job.id)


def curve(last: int, total: int) -> list[Metric]:
    """Train loss at every step, validation loss at every twentieth."""
    return [
        Metric(step, round(3.6 * 0.97**step + 0.35, 4), round(3.6 * 0.97**step + 0.45, 4) if step % 20 == 0 else None)
        for step in range(1, min(last, total) + 1)
    ]


def run_to(store: Store, job: Job, step: int, total: int = 160) -> None:
    """The job runs and has come to `step`."""
    store.tasks.start(task_of(store, job))
    store.tasks.save_progress(task_of(store, job), Progress(step, total, "steps", text="running"))
    store.jobs.add_metrics(job.id, curve(step, total))
    events = [JobEvent("e1", NOON - 200, "info", "message", "Fine-tuning job started")]
    events += [
        JobEvent(f"c{at}", NOON - 200 + at, "info", "message", f"Checkpoint created at step {at}")
        for at in range(40, step + 1, 40)
    ]
    store.jobs.add_events(job.id, events)
    store.jobs.update(
        job.id,
        remote=f"ftjob-{job.id}",
        state="running",
        submitted=NOON - 200,
        step=step,
        total_steps=total,
        estimated_finish=NOON + 80,
    )


def succeed(store: Store, job: Job, version: int, total: int = 160) -> Model:
    """The job has run to its end and there is a model."""
    run_to(store, job, total, total)
    tuned = f"ft:{job.base_model}:{job.name}"
    store.jobs.update(
        job.id, state="succeeded", version=version, finished=NOON, trained_tokens=5280, fine_tuned_model=tuned
    )
    store.tasks.finish(task_of(store, job), "done", result={"model": job.name})
    return store.models.add(
        job.name,
        job=job.id,
        provider=job.provider,
        base_url=job.base_url,
        model=tuned,
        base_model=job.base_model,
        system=SYSTEM,
    )


def fail(store: Store, job: Job) -> None:
    run_to(store, job, 12)
    error = ServiceError("The job failed", "out_of_memory: the machine has too little memory", "Use a smaller batch")
    store.jobs.update(job.id, state="failed", error=error, finished=NOON)
    store.tasks.finish(task_of(store, job), "failed", error=error)


def compare(store: Store, model: Model, *, answered: int = 5) -> int:
    """A comparison in which the tuned model knows all but one fact and the base model none."""
    comparison = store.comparisons.add(model.id, store.versions.questions(None))
    for number, answer in enumerate(store.comparisons.answers(comparison.id)[:answered]):
        base_found = answer.kind == "general"
        base = answer.expected if base_found else "I'm sorry, I don't have that information."
        store.comparisons.save_answer(comparison.id, answer.number, "base", base, base_found)
        found = number != 2
        tuned = answer.expected if found else "About 45 decibels."
        store.comparisons.save_answer(comparison.id, answer.number, "tuned", tuned, found)
    return comparison.id


def add_service(base: str, key: str) -> None:
    """A provider `testing` at a loopback server, with its key."""
    providers.add("testing", f"{base}/v1", "Testing", ("gpt-4o-mini-2024-07-18",))
    credentials.save("testing", f"{base}/v1", key)


def worker_is_here(store: Store) -> None:
    """Hold the worker's lease, so that what is queued stays queued and no process is started."""
    from ftui.worker import fingerprint

    assert store.leases.take(fingerprint()) is None


async def until(pilot: Pilot[None], what: Callable[[], bool]) -> None:
    """Wait for something that another thread or a timer brings about."""
    for _ in range(500):
        if what():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"it did not come:\n{text_of(pilot.app)}")
