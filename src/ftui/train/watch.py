"""Follow a job at its provider until it ends, by polling: the API has no stream."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftui import credentials
from ftui.connect.explain import explain
from ftui.connect.providers import Provider
from ftui.errors import FtuiError, NetworkError, ServiceError
from ftui.store.jobs import ENDED, JobEvent, Metric

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

# Providers name the same number differently; the first name that is there wins.
_NAMES = {
    "train_loss": ("train_loss", "training_loss"),
    "valid_loss": ("full_valid_loss", "valid_loss", "validation_loss", "eval_loss"),
    "train_accuracy": ("train_mean_token_accuracy", "train_accuracy", "training_mean_token_accuracy"),
    "valid_accuracy": ("full_valid_mean_token_accuracy", "valid_mean_token_accuracy", "validation_mean_token_accuracy"),
}
_STEP = re.compile(r"\bStep (\d+)/(\d+)")
FIRST_PAUSE = 0.25
SLOWER = 1.5
LONGEST_PAUSE, LONGEST_ENGINE = 5.0, 1.0
"""Seconds between two looks: short at first, when much happens, then longer."""
PATIENCE = 30
"""Polls in a row that may fail before the watch gives up; the job itself goes on."""


@dataclass(frozen=True, slots=True)
class JobSeen:
    """What one look at the job showed.

    Attributes:
        state: the provider's own word.
        events, metrics: those that are new since the last look, oldest first.
        error: why the job failed, None otherwise.
        unreachable: why this look failed; the other fields are then those of the last one.
    """

    state: str
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    estimated_finish: float | None = None
    total_steps: int | None = None
    events: tuple[JobEvent, ...] = ()
    metrics: tuple[Metric, ...] = ()
    error: FtuiError | None = None
    unreachable: FtuiError | None = None


async def watch(
    client: AsyncOpenAI, provider: Provider, remote: str, seen: Collection[str] = ()
) -> AsyncIterator[JobSeen]:
    """Look at a job again and again until it has ended.

    Args:
        remote: the provider's id of the job.
        seen: ids of events that are known already.

    Raises:
        NetworkError: the provider could not be reached for a long time.
    """
    import openai

    known = set(seen)
    pause = FIRST_PAUSE
    failed, last = 0, JobSeen("unknown")
    while True:
        try:
            # State before events: what happened until the state was read is in the events.
            job = await client.fine_tuning.jobs.retrieve(remote)
            fresh = await _new_events(client, remote, known)
        except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
            failed += 1
            reason = explain(error, provider)
            if failed >= PATIENCE:
                raise NetworkError(
                    f"{provider.title} cannot be reached", reason.why, "The job goes on there; watch it again later"
                ) from error
            yield JobSeen(last.state, last.fine_tuned_model, last.trained_tokens, unreachable=reason)
            await asyncio.sleep(min(pause * failed, 30))
            continue
        except openai.OpenAIError as error:
            raise explain(error, provider) from error
        failed = 0
        known.update(event.id for event in fresh)
        last = _seen(job, fresh, client.api_key)
        yield last
        if last.state in ENDED:
            return
        await asyncio.sleep(pause)
        pause = min(pause * SLOWER, LONGEST_ENGINE if provider.is_engine else LONGEST_PAUSE)


async def _new_events(client: AsyncOpenAI, remote: str, known: set[str]) -> list[FineTuningJobEvent]:
    """Events not in `known`, oldest first. Pages come newest first; a page with a known event is the last needed."""
    fresh: list[FineTuningJobEvent] = []
    page = await client.fine_tuning.jobs.list_events(remote, limit=100)
    while True:
        new = [event for event in page.data if event.id not in known]
        fresh += new
        if len(new) < len(page.data) or not page.data or not page.has_next_page():
            break
        page = await page.get_next_page()
    return sorted(fresh, key=lambda event: (event.created_at, event.id))


def _seen(job: FineTuningJob, events: Iterable[FineTuningJobEvent], key: str) -> JobSeen:
    """What is kept of a look; a provider that repeats the key gets it masked."""
    events = list(events)
    metrics = [metric for event in events if (metric := _metric(event)) is not None]
    total = next((n for event in reversed(events) if (n := _total_steps(event)) is not None), None)
    error = None
    # A finished job carries an error object without a code: only a code is an error.
    if job.error and (job.error.code or job.error.message):
        error = ServiceError(f"The job {job.status}", credentials.hide(f"{job.error.code}: {job.error.message}", [key]))
    elif job.status == "failed":
        error = ServiceError("The job failed", "the provider gives no reason", "See the job's events")
    return JobSeen(
        state=str(job.status),
        fine_tuned_model=job.fine_tuned_model,
        trained_tokens=job.trained_tokens,
        estimated_finish=job.estimated_finish,
        total_steps=total,
        events=tuple(
            JobEvent(
                event.id,
                float(event.created_at),
                event.level,
                event.type or "message",
                credentials.hide(event.message, [key]),
            )
            for event in events
        ),
        metrics=tuple(metrics),
        error=error,
    )


def _data(event: FineTuningJobEvent) -> dict[str, Any]:
    return event.data if isinstance(event.data, dict) else {}


def _metric(event: FineTuningJobEvent) -> Metric | None:
    data = _data(event)
    step = data.get("step")
    if not isinstance(step, int):
        return None
    values = {
        name: next((float(data[alias]) for alias in aliases if isinstance(data.get(alias), int | float)), None)
        for name, aliases in _NAMES.items()
    }
    return Metric(step, **values) if any(value is not None for value in values.values()) else None


def _total_steps(event: FineTuningJobEvent) -> int | None:
    total = _data(event).get("total_steps")
    if isinstance(total, int):
        return total
    found = _STEP.search(event.message)
    return int(found[2]) if found else None
