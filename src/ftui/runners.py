"""How each kind of task runs, and how what it says reaches the store.

A room's generator yields events and knows nothing of the store; here they are
written down, in small transactions. What a task needs beyond its own arguments
(keys, the sample site, the engine) is given to it here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from ftui import credentials, paths
from ftui.connect import checks, prices, providers
from ftui.connect.explain import explain
from ftui.connect.providers import Provider
from ftui.errors import InputError, ServiceError, describe
from ftui.events import Batch, Checkpoint, Entry, Event, Failure, Note, Progress, Record, Result
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.store.pairs import NewPair
from ftui.store.tasks import Task
from ftui.store.versions import Question, Version

Steps = AsyncIterator[Event]
CONTROL_SECONDS = 0.25
FLUSH_SECONDS = 0.25
BATCH = 500
HELD_QUESTIONS = 50
"""The most held-out questions of a version: each costs two answers to compare."""
PAUSE = 0.002
"""Between two batches of a bulk write, so that a person's key gets in."""


async def run(store: Store, task_id: int, stopping: threading.Event) -> None:
    """Run a task to its end, or until a person or the worker's end stops it.

    Args:
        stopping: set when the worker ends; the task then stays "running" and
            the next worker goes on with it.
    """
    task = store.tasks.get(task_id)
    sink = _Sink(store, task)
    steps = _KINDS[task.kind](store, task)
    try:
        outcome = await _drive(store, task, steps, sink, stopping)
    except Exception:
        # What had arrived before the error is kept.
        with contextlib.suppress(Exception):
            sink.flush()
        raise
    sink.flush()
    if outcome == "stopped" and task.kind == "train":
        store.jobs.give_up(int(task.args["job"]))
    if outcome:
        store.tasks.finish(task_id, outcome, result=sink.result)


async def _drive(store: Store, task: Task, steps: Steps, sink: _Sink, stopping: threading.Event) -> str:
    """Iterate the steps; gives the task's final state, "" when the worker's end cut it off."""
    while True:
        pending = asyncio.ensure_future(anext(steps, None))
        while not pending.done():
            await asyncio.wait({pending}, timeout=CONTROL_SECONDS)
            if pending.done():
                break
            sink.flush()
            outcome = _asked(store, task, stopping)
            if outcome is not None:
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                    await pending
                return outcome
        event = pending.result()
        if event is None:
            return "done"
        sink.take(event)
        outcome = _asked(store, task, stopping) if sink.control_due() else None
        if outcome is not None:
            await steps.aclose()  # type: ignore[attr-defined]
            return outcome


def _asked(store: Store, task: Task, stopping: threading.Event) -> str | None:
    if stopping.is_set():
        return ""
    now = store.tasks.get(task.id)
    if task.kind == "train":
        # Once the job may be at the provider, the task itself passes on what is asked of it.
        at_provider = now.checkpoint.get("sent") or store.jobs.get(int(task.args["job"])).remote
        return "stopped" if now.control == "stop" and not at_provider else None
    return {"stop": "stopped", "pause": "paused"}.get(now.control or "")


class _Sink:
    """Writes events into the store: records in batches, progress a few times a second."""

    def __init__(self, store: Store, task: Task) -> None:
        self._store = store
        self._task = task
        self._records: list[Record] = []
        self._failures: list[Failure] = []
        self._notes: list[Note] = []
        self._entries: list[Mapping[str, Any]] = []
        self._progress: Progress | None = None
        self._flushed = time.monotonic()
        self._controlled = time.monotonic()
        self.result: Mapping[str, Any] | None = None

    def take(self, event: Event) -> None:
        match event:
            case Record():
                self._records.append(event)
            case Failure():
                self._failures.append(event)
            case Batch():
                self._records += [item for item in event.items if isinstance(item, Record)]
                self._failures += [item for item in event.items if isinstance(item, Failure)]
            case Note():
                self._notes.append(event)
            case Progress():
                self._progress = event
            case Result():
                self.result = event.data
            case Checkpoint():
                # The records it counts on must be there before it.
                self.flush()
                self._store.tasks.save_checkpoint(self._task.id, event.state)
            case Entry():
                self._entries.append(event.data)
                self.flush()
        if len(self._records) >= BATCH or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def control_due(self) -> bool:
        """Whether it is time to look if a person wants the task to stop."""
        now = time.monotonic()
        if now - self._controlled < CONTROL_SECONDS:
            return False
        self._controlled = now
        return True

    def flush(self) -> None:
        self._flushed = time.monotonic()
        tasks, task = self._store.tasks, self._task
        if not (self._records or self._failures or self._notes or self._entries or self._progress):
            return
        with self._store.database.write():
            if self._records and task.source is not None:
                self._store.records.put(task.source, self._records, task.id)
            if self._entries:
                tasks.add_entries(task.id, self._entries)
            if self._failures:
                tasks.add_failures(task.id, self._failures)
            if self._notes:
                tasks.log(task.id, self._notes)
            if self._progress is not None:
                tasks.save_progress(task.id, self._progress)
        self._records, self._failures, self._notes, self._entries, self._progress = [], [], [], [], None


# Collect


async def _collect(store: Store, task: Task) -> Steps:
    from ftui import collect
    from ftui.demo import loop as demo

    source = store.sources.get(int(task.args["source"]))
    reference = f"collect-{task.id}"
    keys, address = dict[str, str](), checks.brightdata_url()
    if source.kind == "brightdata":
        found = credentials.find("brightdata", address, address)
        if found is None:
            raise checks.no_brightdata_token()
        keys["brightdata"] = found.key
        cost = collect.cost_at_most(source.kind, source.config)
        store.money.reserve(f"Collecting {source.name}", reference, cost)
    failed_of = task.args.get("failed_of")
    past = collect.Past(
        task.checkpoint,
        store.tasks.ledger(task.id),
        lambda key: store.records.known(source.id, key, task.id),
        tuple(store.tasks.failed_subjects(int(failed_of))) if failed_of else (),
    )
    # What was asked for, at any time, may be on the bill.
    asked = bool(task.checkpoint)
    try:
        async with contextlib.AsyncExitStack() as stack:
            if store.name == demo.PROJECT and source.name == demo.SITE:
                await stack.enter_async_context(demo.serve(source.config))
            events = collect.collect(source.kind, source.config, past, credentials=keys, brightdata_url=address)
            async for event in events:
                if isinstance(event, Checkpoint):
                    asked = bool(event.state) or "snapshot_id" in task.checkpoint
                elif isinstance(event, Result) and "cost" in event.data:
                    store.money.settle(reference, float(event.data["cost"]))
                yield event
    except Exception:
        if not asked:
            store.money.settle(reference, 0.0)
        raise


# Prepare


async def _prepare(store: Store, _: Task) -> Steps:
    from ftui import prepare
    from ftui.prepare import project, tokens

    recipe = project.load(store)
    tags = {source.id: source.tag for source in store.sources.all()}
    total, read, made = store.records.count(), 0, 0

    def records(tag: str) -> Iterator[dict[str, Any]]:
        nonlocal read
        for record in store.records.iterate():
            if tags.get(record["source"], "domain") == tag:
                read += 1
                yield record

    dropped = list[tuple[int | None, str, str, str]]()
    batch = list[NewPair]()
    with store.pairs.replacing() as replacing:
        for item in prepare.prepare(records("domain"), recipe, records("general")):
            if isinstance(item, prepare.Dropped):
                dropped.append((item.record, item.url, item.reason, item.detail))
            else:
                batch.append(
                    NewPair(
                        messages=item.messages,
                        digest=item.digest,
                        source=item.source,
                        record=item.record,
                        url=item.url,
                        fact=item.fact,
                        kind=item.kind,
                        origin=item.origin,
                        tokens=tokens.count_messages(item.messages),
                    )
                )
                made += 1
            if len(batch) >= BATCH:
                replacing.put(batch)
                batch.clear()
                yield Progress(read, total, "records", text=f"{made:,} pairs")
                await asyncio.sleep(PAUSE)
        replacing.put(batch)
        removed = replacing.finish()
    store.pairs.replace_dropped(dropped)
    yield Progress(total, total, "records", text=f"{made:,} pairs")
    yield Result({"records": total, "made": made, "pairs": store.pairs.counts().total, "removed": removed})


# Install


async def _install(_store: Store, _: Task) -> Steps:
    from ftui.engine import install

    async for event in install.install(paths.engine_home()):
        yield event


# Train


async def _train(store: Store, task: Task) -> Steps:
    from ftui.train import submit, watch

    job = store.jobs.get(int(task.args["job"]))
    if job.state == "cancelled" or (job.ended and job.remote):
        raise InputError(f"{job.name} has {job.state} already", "a job ends once", "Make a new one")
    try:
        provider = providers.get(job.provider)
        if job.remote is None:
            store.money.reserve(f"Job {job.name}", job.tag, job.cost_at_most or 0.0)
        if job.version is None:
            yield Progress(0, None, "steps", text="freezing the dataset version")
            version = _freeze(store)
            store.jobs.update(job.id, version=version.id, state="new", error=None, finished=None)
        job = store.jobs.get(job.id)
        assert job.version is not None
        version = store.versions.get(job.version)
        yield Progress(0, None, "steps", text=f"reaching {provider.title}")
        async with await providers.client(provider) as client:
            if job.remote is None:
                async for event in submit.submit(client, provider, job, version, task.checkpoint):
                    if isinstance(event, Result):
                        store.jobs.update(
                            job.id, remote=event.data["remote"], state="submitted", submitted=time.time(), error=None
                        )
                    else:
                        yield event
                job = store.jobs.get(job.id)
            assert job.remote is not None
            async for seen in watch.watch(client, provider, job.remote, store.jobs.event_ids(job.id)):
                yield _keep(store, job.id, seen)
                await _obey(store, task, client, provider, job.remote)
    except Exception as cause:
        if store.jobs.get(job.id).remote is None:
            error = describe(cause)
            if store.tasks.get(task.id).checkpoint.get("sent"):
                error.do = f"It may be there all the same: `ftui watch {job.name}` looks for it before it sends again"
            else:
                # The provider said no, or was never asked: nothing was bought.
                store.money.settle(job.tag, 0.0)
            store.jobs.update(job.id, state="failed", error=error, finished=time.time())
        raise
    yield _finish(store, store.jobs.get(job.id), version)


def _freeze(store: Store) -> Version:
    """The accepted pairs as a dataset version, with the questions that it holds out."""
    from ftui.compare import metrics
    from ftui.prepare import export, project
    from ftui.prepare import recipe as recipes

    recipe = project.load(store)
    frozen = export.freeze(store.pairs.accepted(), recipe)
    version = store.versions.add(
        frozen.digest,
        frozen.train,
        frozen.validation,
        train_rows=frozen.train_rows,
        validation_rows=frozen.validation_rows,
        train_tokens=frozen.train_tokens,
        system=frozen.system,
        recipe=recipes.dump(recipe),
    )
    questions = []
    for question, answer in frozen.held_out:
        # Where nothing in the answer tells, nobody could say whether a model knows it.
        if keys := metrics.derive_keys(question, answer):
            questions.append(Question("heldout", question, answer, keys))
    store.versions.set_questions(questions[:HELD_QUESTIONS], version.id)
    return version


def _keep(store: Store, job_id: int, seen: Any) -> Progress:
    """Write down what one look at the job showed."""
    if seen.unreachable:
        return Progress(0, None, "steps", text=f"{seen.unreachable.what}; looking again")
    with store.database.write():
        store.jobs.add_events(job_id, seen.events)
        store.jobs.add_metrics(job_id, seen.metrics)
        job = store.jobs.get(job_id)
        step = max((metric.step for metric in seen.metrics), default=job.step)
        store.jobs.update(
            job_id,
            state=seen.state,
            step=step,
            total_steps=seen.total_steps or job.total_steps,
            trained_tokens=seen.trained_tokens or job.trained_tokens,
            estimated_finish=seen.estimated_finish,
            fine_tuned_model=seen.fine_tuned_model,
            error=seen.error,
        )
    return Progress(step or 0, seen.total_steps or job.total_steps, "steps", text=seen.state)


async def _obey(store: Store, task: Task, client: Any, provider: Provider, remote: str) -> None:
    """Pass on to the provider what a person asked of the job."""
    import openai

    control = store.tasks.get(task.id).control
    if control is None:
        return
    jobs = client.fine_tuning.jobs
    call: Callable[[str], Any] = {"stop": jobs.cancel, "pause": jobs.pause, "resume": jobs.resume}[control]
    try:
        await call(remote)
    except openai.APIConnectionError:
        # The wish stays; after the next look it is passed on again.
        return
    except openai.OpenAIError as error:
        # It ended meanwhile, or this provider cannot pause: say so, follow on.
        store.tasks.log(task.id, [Note(f"{control} was refused: {explain(error, provider)}", "warn")])
    store.tasks.set_control(task.id, None)


def _finish(store: Store, job: Job, version: Version) -> Result:
    """What came of a job that has ended."""
    store.jobs.update(job.id, finished=time.time())
    provider = providers.get(job.provider)
    if job.trained_tokens is not None:
        cost = prices.training(provider, job.base_model, job.trained_tokens)
        if cost is not None:
            store.money.settle(job.tag, cost)
    if job.state != "succeeded" or not job.fine_tuned_model:
        if job.state == "cancelled":
            return Result({"job": job.name, "state": job.state})
        raise job.error or ServiceError(f"{job.name} ended without a model", f"its state is {job.state}")
    model = store.models.add(
        job.name,
        job=job.id,
        provider=job.provider,
        base_url=job.base_url,
        model=job.fine_tuned_model,
        base_model=job.base_model,
        system=version.system,
    )
    return Result({"job": job.name, "state": job.state, "model": model.name})


# Compare


async def _compare(store: Store, task: Task) -> Steps:
    from ftui.compare import run as room

    model = store.models.get(int(task.args["model"]))
    job = store.jobs.get(model.job) if model.job is not None else None
    comparison = task.checkpoint.get("comparison")
    if comparison is None:
        questions = store.versions.questions(job.version if job else None)
        comparison = store.comparisons.add(model.id, questions).id
        yield Checkpoint({"comparison": comparison})
    answers = store.comparisons.answers(comparison)
    done = sum((a.base_answer is not None) + (a.tuned_answer is not None) for a in answers)
    total = 2 * len(answers)
    provider = providers.get(model.provider)
    yield Progress(done, total, "answers", text=f"reaching {provider.title}")
    async with await providers.client(provider, timeout=300.0) as client:
        async for answered in room.ask_all(client, provider, model, answers):
            store.comparisons.save_answer(comparison, answered.number, answered.side, answered.text, answered.found)
            done += 1
            yield Progress(done, total, "answers", text=f"asking the {answered.side} model")
    score = store.comparisons.score(comparison, "heldout")
    yield Result({"comparison": comparison, "base": score.base, "tuned": score.tuned, "of": score.of})


_KINDS: dict[str, Callable[[Store, Task], Steps]] = {
    "collect": _collect,
    "prepare": _prepare,
    "install": _install,
    "train": _train,
    "compare": _compare,
}
