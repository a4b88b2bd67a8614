"""How each kind of task runs, and how what it says reaches the store.

A room's generator yields events and knows nothing of the store; here they are
written down, in small transactions. What a task needs beyond its own arguments
(keys, the sample site, the engine) is given to it here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

from ftui import paths
from ftui.events import Event, Result
from ftui.runners.collecting import collect_records, wind_up
from ftui.runners.comparing import compare
from ftui.runners.sink import CONTROL_SECONDS, Sink
from ftui.runners.training import train
from ftui.runners.writing import write, write_and_prepare
from ftui.store import Store
from ftui.store.tasks import WRITING, Task

Steps = AsyncIterator[Event]


async def run(store: Store, task_id: int, stopping: threading.Event) -> None:
    """Run a task to its end, or until a person or the worker's end stops it.

    Args:
        stopping: set when the worker ends; the task then stays "running" and
            the next worker goes on with it.
    """
    task = store.tasks.get(task_id)
    sink = Sink(store, task)
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
    if outcome == "stopped" and task.kind in WRITING:
        from ftui.prepare import writing

        writing.settle(store, task)
    if outcome == "stopped" and task.kind == "collect":
        async for event in wind_up(store, store.tasks.get(task_id)):
            sink.take(event)
        sink.flush()
    if outcome:
        store.tasks.finish(task_id, outcome, result=sink.result)


async def _drive(store: Store, task: Task, steps: Steps, sink: Sink, stopping: threading.Event) -> str:
    """Iterate the steps; gives the task's final state, "" when the worker's end cut it off."""
    # A wish may be older than this worker: what a person has stopped must not even begin.
    outcome = _asked(store, task, stopping)
    if outcome is not None:
        return outcome
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
                with contextlib.suppress(asyncio.CancelledError):
                    # What must not be left half done, as the start of a job, is still said.
                    if (last := await pending) is not None:
                        sink.take(last)
                await steps.aclose()  # type: ignore[attr-defined]
                return outcome
        event = pending.result()
        if event is None:
            return "done"
        sink.take(event)
        # With its result a task has come to its end.
        outcome = _asked(store, task, stopping) if sink.control_due() and not isinstance(event, Result) else None
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


async def _install(_store: Store, _: Task) -> Steps:
    from ftui.engine import install

    async for event in install.install(paths.engine_home()):
        yield event


_KINDS: dict[str, Callable[[Store, Task], Steps]] = {
    "collect": collect_records,
    "prepare": write_and_prepare,
    "write": write,
    "install": _install,
    "train": train,
    "compare": compare,
}
