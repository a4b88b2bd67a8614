"""The held-out questions to a model and to its base."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ftui.connect import providers
from ftui.events import Checkpoint, Event, Progress, Result
from ftui.store import Store
from ftui.store.tasks import Task


async def compare(store: Store, task: Task) -> AsyncIterator[Event]:
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
