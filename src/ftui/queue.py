"""What a person can ask for. The screens and the command line both ask here.

Each function checks what can be checked at once, writes the wish into the store
and makes sure that a worker runs. The work itself is done there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui import worker
from ftui.errors import BusyError, InputError
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.train.plan import Plan


def collect(store: Store, kind: str, config: Mapping[str, Any], name: str = "", tag: str = "domain") -> int:
    """Collect from a new source, or again from one with the same settings. Gives the task's number.

    Raises:
        InputError: the settings make no sense, or it is being collected now.
    """
    from ftui import collect as room

    settings = dict(room.validate(kind, config))
    source = store.sources.find(kind, settings)
    if source is None:
        source = store.sources.add(name or room.describe(kind, settings), kind, settings, tag)
    return collect_again(store, source.id)


def collect_again(store: Store, source_id: int) -> int:
    """Collect from a source that is there. What was cut off or stopped goes on where it was."""
    from ftui import collect as room

    source = store.sources.get(source_id)
    latest = store.tasks.latest("collect", source_id)
    if latest and latest.open:
        raise InputError(f"{source.name} is being collected already", "one collection a source at a time")
    if latest and latest.state in ("failed", "stopped"):
        return resume(store, latest.id)
    if source.kind == "brightdata":
        store.money.afford(f"Collecting {source.name}", room.cost_at_most(source.kind, source.config))
    return _add(store, "collect", source.name, {"source": source_id}, source_id)


def prepare(store: Store) -> int:
    """Make pairs from all records by the project's recipe."""
    _refuse_second(store, "prepare", "Pairs are being made already")
    return _add(store, "prepare", "make pairs", {})


def install_engine(store: Store) -> int:
    """Install the engine's environment and its base model on this machine."""
    latest = store.tasks.latest("install")
    if latest and latest.open:
        return latest.id
    return _add(store, "install", "install the engine", {})


def train(store: Store, plan: Plan, name: str = "") -> Job:
    """Write a job down, reserve its money, and let the worker freeze, upload, create and watch it.

    Raises:
        InputError: the plan has problems.
        MoneyError: the project's budget does not allow it.
    """
    from ftui.connect import providers

    if plan.problems:
        raise InputError("This job cannot start", plan.problems[0])
    provider = providers.get(plan.provider)
    job = store.jobs.add(
        name or store.jobs.next_name(store.name),
        provider=provider.name,
        base_url=provider.base_url,
        base_model=plan.base_model,
        version=None,
        hyperparameters=plan.hyperparameters,
        cost_at_most=plan.cost_at_most,
    )
    try:
        store.money.reserve(f"Job {job.name}", job.tag, plan.cost_at_most or 0.0)
    except BaseException:
        store.jobs.delete(job.id)
        raise
    _add(store, "train", job.name, {"job": job.id})
    return job


def watch(store: Store, job_id: int) -> int:
    """Follow a job again whose watch ended before it did."""
    task = _task_of(store, job_id)
    if task is None:
        return _add(store, "train", store.jobs.get(job_id).name, {"job": job_id})
    return resume(store, task)


def cancel_job(store: Store, job_id: int) -> None:
    _ask_job(store, job_id, "stop")


def pause_job(store: Store, job_id: int) -> None:
    _ask_job(store, job_id, "pause")


def resume_job(store: Store, job_id: int) -> None:
    _ask_job(store, job_id, "resume")


def compare(store: Store, model_id: int) -> int:
    """Ask a model and its base the held-out questions."""
    _refuse_second(store, "compare", "A comparison is running already")
    model = store.models.get(model_id)
    job = store.jobs.get(model.job) if model.job is not None else None
    if not store.versions.questions(job.version if job else None):
        raise InputError(
            "There are no held-out questions",
            "the recipe held none back and none were given",
            "Set `hold_out` in the recipe and train again",
        )
    return _add(store, "compare", f"{model.name} and its base", {"model": model_id})


def stop(store: Store, task_id: int) -> None:
    """Stop a task; what it has done stays."""
    store.tasks.ask(task_id, "stop")


def pause(store: Store, task_id: int) -> None:
    store.tasks.ask(task_id, "pause")


def resume(store: Store, task_id: int) -> int:
    """Let a paused, stopped or failed task go on from its checkpoint."""
    store.tasks.ask(task_id, None)
    worker.ensure(store)
    return task_id


def _add(store: Store, kind: str, title: str, args: Mapping[str, Any], source: int | None = None) -> int:
    identifier = store.tasks.add(kind, title, args, source)
    worker.ensure(store)
    return identifier


def _refuse_second(store: Store, kind: str, what: str) -> None:
    latest = store.tasks.latest(kind)
    if latest and latest.open:
        raise BusyError(what, f"task {latest.id} is {latest.state}", "Wait for it, or stop it")


def _task_of(store: Store, job_id: int) -> int | None:
    for task in store.tasks.all(kind="train"):
        if task.args.get("job") == job_id:
            return task.id
    return None


def _ask_job(store: Store, job_id: int, control: str) -> None:
    job = store.jobs.get(job_id)
    if job.ended:
        raise InputError(f"{job.name} has {job.state} already", "nothing is left to stop")
    task = _task_of(store, job_id)
    if task is None:
        raise InputError(f"Nobody watches {job.name}", "its task is gone", f"Run: ftui watch {job.name}")
    if not store.tasks.get(task).open:
        resume(store, task)
    store.tasks.ask(task, control)
    worker.ensure(store)
