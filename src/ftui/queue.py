"""What a person can ask for. The screens and the command line both ask here.

Each function checks what can be checked at once, writes the wish into the store
and makes sure that a worker runs. The work itself is done there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftui import worker
from ftui.errors import BusyError, InputError
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.store.records import Source
from ftui.store.tasks import WRITING, Task
from ftui.train.plan import Plan
from ftui.units import plural


def collect(store: Store, kind: str, config: Mapping[str, Any], name: str = "", tag: str = "domain") -> int:
    """Collect from a new source, or again from one with the same settings. Gives the task's number.

    Raises:
        InputError: the settings make no sense, or it is being collected now.
    """
    from ftui import collect as room

    settings = dict(room.validate(kind, config))
    # One transaction: two that ask at once must not both find nothing there.
    with store.database.write():
        source = next((one for one in store.sources.all() if one.kind == kind and _means(one, settings)), None)
        if source is None:
            source = store.sources.add(name or room.name_of(kind, settings), kind, settings, tag)
        task = _collect_again(store, source)
    worker.ensure(store)
    return task


def collect_again(store: Store, source_id: int) -> int:
    """Collect from a source that is there. What was cut off or stopped goes on where it was."""
    with store.database.write():
        task = _collect_again(store, store.sources.get(source_id))
    worker.ensure(store)
    return task


def _collect_again(store: Store, source: Source) -> int:
    from ftui import collect as room

    latest = store.tasks.latest("collect", source.id)
    if latest and latest.state in ("queued", "running"):
        return _left_behind(store, latest, f"{source.name} is being collected already")
    if latest and store.tasks.goes_on(latest):
        if latest.checkpoint.get("unclear"):
            raise _unclear(source)
        store.tasks.ask(latest.id, None)
        return latest.id
    store.money.afford(f"Collecting {source.name}", room.cost_at_most(source.kind, source.config))
    return store.tasks.add("collect", source.name, {"source": source.id}, source.id)


def retry_failed(store: Store, source_id: int) -> int:
    """Collect again what failed in the last collection of a source, and nothing else.

    Raises:
        InputError: nothing failed, or what failed will do so again.
        BusyError: it is being collected now.
    """
    from ftui import collect as room

    with store.database.write():
        source = store.sources.get(source_id)
        latest = store.tasks.latest("collect", source.id)
        if latest is None or latest.open:
            raise BusyError(f"{source.name} is not collected yet", "what failed is known at its end", "Wait for it")
        if room.needs_key(source.kind, source.config) and store.tasks.goes_on(latest):
            # A new task would take its place, and what is left of it would never be fetched.
            raise InputError(
                f"{source.name} has not come to its end",
                f"it is {latest.state}; a retry would take its place, and leave its rest behind",
                f"Let it go on first: ftui collect again {source.name!r}",
            )
        failed_of, failed = failed_in(store, latest)
        if not failed:
            raise InputError(f"Nothing failed in {source.name}", "the last collection has no failures")
        if source.kind == "files":
            raise InputError(
                "A row that cannot be read stays as it is",
                f"{plural(len(failed), 'row or file', 'rows or files')} of {source.name} could not be read",
                "Correct the files, then collect again",
            )
        cost = room.cost_at_most(source.kind, source.config, failed)
        store.money.afford(f"Collecting what failed in {source.name}", cost)
        task = store.tasks.add("collect", source.name, {"source": source.id, "failed_of": failed_of}, source.id)
    worker.ensure(store)
    return task


def failed_in(store: Store, task: Task) -> tuple[int, list[str]]:
    """What failed in a collection, and the task that says so.

    A retry that broke off before it had tried anything leaves what it was to try.
    """
    while not (failed := store.tasks.failed_subjects(task.id)) and task.state != "done" and "failed_of" in task.args:
        task = store.tasks.get(int(task.args["failed_of"]))
    return task.id, failed


def answer_trigger(store: Store, source_id: int, job_id: str | None) -> int:
    """Say what became of a job whose start was never answered, where only a person can see it.

    Args:
        job_id: its id at the vendor, None when it was not started.

    Raises:
        InputError: this is no id, or nothing is unclear.
    """
    from ftui import collect as room

    # Nothing must not mean None here: that starts the job once more.
    named = None if job_id is None else room.job_id(job_id)
    with store.database.write(durable=True):
        source = store.sources.get(source_id)
        latest = store.tasks.latest("collect", source.id)
        if latest is None or latest.open or not latest.checkpoint.get("unclear"):
            raise InputError(f"Nothing is unclear about {source.name}", "no job of it waits for an answer")
        state = {name: value for name, value in latest.checkpoint.items() if name != "unclear"}
        store.tasks.save_checkpoint(latest.id, state | {"snapshot_id": named, "named": True} if named else {})
        store.tasks.ask(latest.id, None)
    worker.ensure(store)
    return latest.id


def _means(source: Source, settings: Mapping[str, Any]) -> bool:
    """Whether a source has these settings; those that an earlier ftui did not know have their defaults."""
    from ftui import collect as room

    try:
        return room.source(source.kind, source.config).to_dict() == settings
    except InputError:
        return False


def _unclear(source: Source) -> InputError:
    return InputError(
        f"It is not known whether {source.name} was started",
        "the answer to the call that starts it was lost, and Bright Data has no list to look in",
        f"Look at brightdata.com/cp, then say: ftui collect again --started ID (or --not-started) {source.name!r}",
    )


def prepare(store: Store, at_most: float = 0.0) -> int:
    """Make pairs from all records by the project's recipe.

    Args:
        at_most: US dollars that the models of the recipe may cost, as a person was told. With
            nothing only models that cost nothing are asked.

    Raises:
        MoneyError: the project's budget does not allow it.
        BusyError: pairs are being made, or a model is being asked.
    """
    args = {"at_most": at_most} if at_most else {}
    return _let_write(store, "prepare", "make pairs", args, "Pairs are being made already")


def write(store: Store, records: Sequence[int], at_most: float) -> int:
    """Ask the recipe's model about some records, and make no pairs. What it writes is there for every later run.

    Args:
        at_most: as for `prepare`.
    """
    args = {"records": list(records), "at_most": at_most}
    return _let_write(store, "write", "ask a model", args, "A model is being asked already")


def _let_write(store: Store, kind: str, title: str, args: Mapping[str, Any], refusal: str) -> int:
    """Queue a task in which models may write, within `at_most`.

    One whose worker died goes on, with what is allowed now beside what it has spent.
    """
    at_most = float(args.get("at_most") or 0.0)
    # One transaction: two that ask at once would pay for the same answers twice.
    with store.database.write(durable=True):
        for other in WRITING:
            latest = store.tasks.latest(other)
            if other != kind and latest is not None and latest.open:
                what = "A model is being asked already" if other == "write" else "Pairs are being made already"
                raise BusyError(what, f"task {latest.id} is {latest.state}", "Wait for it, or stop it")
        latest = store.tasks.latest(kind)
        if latest is None or not latest.open:
            store.money.afford("What models write", at_most)
            task = store.tasks.add(kind, title, args)
        else:
            from ftui.prepare import writing

            task = _left_behind(store, latest, refusal)
            spent = writing.settle(store, latest)
            store.money.afford("What models write", at_most)
            store.tasks.set_args(task, {**args, "at_most": spent + at_most} if at_most else args)
    worker.ensure(store)
    return task


def install_engine(store: Store) -> int:
    """Install the engine's environment and its base model on this machine."""
    with store.database.write():
        latest = store.tasks.latest("install")
        task = latest.id if latest and latest.open else store.tasks.add("install", "install the engine", {})
    worker.ensure(store)
    return task


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
    # One transaction: a job without its reservation, or without its task, must never be seen.
    with store.database.write(durable=True):
        if name and any(job.name == name for job in store.jobs.all()):
            raise InputError(f"There is a job {name!r} already", "names are unique in a project", "Choose another")
        job = store.jobs.add(
            name or store.jobs.next_name(store.name),
            provider=provider.name,
            base_url=provider.base_url,
            base_model=plan.base_model,
            version=None,
            hyperparameters=plan.hyperparameters,
            cost_at_most=plan.cost_at_most,
        )
        store.money.reserve(f"Job {job.name}", job.tag, plan.cost_at_most or 0.0)
        store.tasks.add("train", job.name, {"job": job.id})
    worker.ensure(store)
    return job


def watch(store: Store, job_id: int) -> int:
    """See to it that a job is followed; gives the task that does it.

    One whose answer was lost is looked for at its provider first.
    """
    with store.database.write():
        number = _watch(store, job_id)
    worker.ensure(store)
    return number


def _left_behind(store: Store, task: Task, refusal: str) -> int:
    """A task whose worker died goes on with the next one; while a worker lives it is not to be had twice."""
    if task.state == "paused" or store.leases.live() is not None:
        raise BusyError(refusal, f"task {task.id} is {task.state}", "Wait for it, or stop it")
    return task.id


def unanswered(store: Store, job: Job) -> bool:
    """Whether the call that creates a job went out and nobody knows what came of it."""
    task = task_of(store, job.id)
    return job.remote is None and job.state == "failed" and bool(task and task.checkpoint.get("sent"))


def task_of(store: Store, job_id: int) -> Task | None:
    """The task that submits and follows a job."""
    return next((task for task in store.tasks.all(kind="train") if task.args.get("job") == job_id), None)


def _watch(store: Store, job_id: int) -> int:
    task = task_of(store, job_id)
    if task is None:
        return store.tasks.add("train", store.jobs.get(job_id).name, {"job": job_id})
    if not task.open:
        store.tasks.ask(task.id, None)
    return task.id


def cancel_job(store: Store, job_id: int) -> None:
    """End a job. One that is still in the queue here and was never sent ends at once."""
    with store.database.write(durable=True):
        job, task = store.jobs.get(job_id), task_of(store, job_id)
        unsent = job.remote is None and not job.ended
        if task and task.state == "queued" and unsent and not task.checkpoint.get("sent"):
            store.tasks.ask(task.id, "stop")
            store.jobs.give_up(job_id)
            return
    _ask_job(store, job_id, "stop")


def pause_job(store: Store, job_id: int) -> None:
    _ask_job(store, job_id, "pause")


def resume_job(store: Store, job_id: int) -> None:
    _ask_job(store, job_id, "resume")


def compare(store: Store, model_id: int) -> int:
    """Ask a model and its base the held-out questions."""
    model = store.models.get(model_id)
    job = store.jobs.get(model.job) if model.job is not None else None
    if not store.versions.questions(job.version if job else None):
        raise InputError(
            "There are no held-out questions",
            "the recipe held none back and none were given",
            "Set `hold_out` in the recipe and train again",
        )
    what = "A comparison is running already"
    return _add_only(store, "compare", f"{model.name} and its base", {"model": model_id}, what)


def stop(store: Store, task_id: int) -> None:
    """Stop a task; what it has done stays.

    A collection that waits or is paused may have a job at Bright Data, which goes on and is
    paid for: a worker has to end it there.
    """
    with store.database.write():
        task = store.tasks.get(task_id)
        begun = task.kind == "collect" and task.state in ("queued", "paused") and task.started is not None
        if begun:
            store.tasks.ask(task_id, None)
        (store.tasks.set_control if begun else store.tasks.ask)(task_id, "stop")
        if task.kind in WRITING and not begun and task.state != "running":
            from ftui.prepare import writing

            writing.settle(store, task)
    if begun:
        worker.ensure(store)


def pause(store: Store, task_id: int) -> None:
    store.tasks.ask(task_id, "pause")


def resume(store: Store, task_id: int) -> int:
    """Let a paused, stopped or failed task go on from its checkpoint."""
    store.tasks.ask(task_id, None)
    worker.ensure(store)
    return task_id


def _add_only(store: Store, kind: str, title: str, args: Mapping[str, Any], refusal: str) -> int:
    """Queue a task of a kind of which there is one at a time."""
    with store.database.write():
        latest = store.tasks.latest(kind)
        left = latest if latest and latest.open else None
        task = _left_behind(store, left, refusal) if left else store.tasks.add(kind, title, args)
    worker.ensure(store)
    return task


def _ask_job(store: Store, job_id: int, control: str) -> None:
    job = store.jobs.get(job_id)
    if job.ended:
        raise InputError(f"{job.name} has {job.state} already", "nothing is left to stop")
    with store.database.write():
        # The task passes it on to the provider, so it has to run; it must not end here instead.
        store.tasks.set_control(_watch(store, job_id), control)
    worker.ensure(store)
