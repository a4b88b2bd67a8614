"""One job from the freezing of its data to its model."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from ftui.connect import prices, providers
from ftui.connect.explain import explain
from ftui.connect.providers import Provider
from ftui.errors import InputError, ServiceError, describe
from ftui.events import Event, Failure, Note, Progress, Result
from ftui.runners import freezing
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.store.tasks import Task
from ftui.store.versions import Version


async def train(store: Store, task: Task) -> AsyncIterator[Event]:
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
            version, aside, unchecked = freezing.freeze(store)
            for row in aside:
                yield Failure(row.question[:200], f"refused by the file rules: {row.reason}", "skipped")
            if unchecked:
                yield Note(f"Nothing is held out to check on: {unchecked}", "warn")
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
