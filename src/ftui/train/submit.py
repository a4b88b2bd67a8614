"""Upload a dataset version and create the job, once.

The call that spends is never retried by the client. Before it is sent the
checkpoint says so; when the answer is lost, the job is looked for by its tag
before anything else is done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from ftui.connect.explain import explain
from ftui.connect.providers import Provider
from ftui.errors import NetworkError, ServiceError
from ftui.events import Checkpoint, Event, Note, Progress, Result
from ftui.store.jobs import Job
from ftui.store.versions import Version

if TYPE_CHECKING:
    from pathlib import Path

    from openai import AsyncOpenAI

TAG = "ftui_tag"


async def submit(
    client: AsyncOpenAI, provider: Provider, job: Job, version: Version, state: Mapping[str, Any]
) -> AsyncIterator[Event]:
    """Upload and create; ends with `Result({"remote": id})`.

    Args:
        state: the last checkpoint: `train_file`, `validation_file`, and `sent` once
            the creating call may have gone out.
    """
    import openai

    state = dict(state)
    try:
        if state.get("sent"):
            # A crash, or a lost answer: was the job made?
            found = await find_by_tag(client, job.tag)
            if found:
                yield Note("the job had been created before the interruption")
                yield Result({"remote": found})
                return
        for name, path in (("train_file", version.train), ("validation_file", version.validation)):
            if path is None or state.get(name):
                continue
            yield Progress(0, path.stat().st_size, "bytes", text=f"uploading {path.name}")
            state[name] = await _upload(client, path, f"{job.name}-{path.name}")
            yield Progress(path.stat().st_size, path.stat().st_size, "bytes", text=f"uploaded {path.name}")
            yield Checkpoint(state)
        state["sent"] = True
        yield Checkpoint(state)
        try:
            created = await client.with_options(max_retries=0).fine_tuning.jobs.create(
                **request(provider, job, state["train_file"], state.get("validation_file"))
            )
        except (openai.APIConnectionError, openai.InternalServerError) as error:
            yield Note("no answer to the creating call; looking for the job by its tag", "warn")
            found = await find_by_tag(client, job.tag)
            if found is None:
                # It may still be made: the next attempt looks for it again before it sends.
                raise error
            yield Result({"remote": found})
            return
        except openai.APIStatusError:
            # A clear no: there is no job.
            yield Checkpoint({**state, "sent": False})
            raise
        yield Result({"remote": created.id})
    except openai.OpenAIError as error:
        raise explain(error, provider) from error


def request(provider: Provider, job: Job, train_file: str, validation_file: str | None) -> dict[str, Any]:
    """The body of the creating call, as this provider wants it."""
    body: dict[str, Any] = {
        "model": job.base_model,
        "training_file": train_file,
        "suffix": job.name[:64],
        "metadata": {TAG: job.tag},
    }
    if validation_file:
        body["validation_file"] = validation_file
    chosen = dict(job.hyperparameters)
    if "seed" in chosen:
        body["seed"] = chosen.pop("seed")
    if provider.hyperparameters == "top":
        body["hyperparameters"] = chosen
    else:
        body["method"] = {"type": "supervised", "supervised": {"hyperparameters": chosen}}
    return body


async def find_by_tag(client: AsyncOpenAI, tag: str, look_at: int = 300) -> str | None:
    """The id of the job that carries our tag, among the last `look_at`; None when there is none."""
    seen = 0
    async for job in client.fine_tuning.jobs.list(limit=100):
        if (job.metadata or {}).get(TAG) == tag:
            return job.id
        seen += 1
        if seen >= look_at:
            break
    return None


async def _upload(client: AsyncOpenAI, path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            uploaded = await client.files.create(file=(name, file), purpose="fine-tune")
    except FileNotFoundError as error:
        raise ServiceError(
            "The dataset version's file is gone", str(path.name), "Make the job again: its pairs are still there"
        ) from error
    if not uploaded.id:
        raise NetworkError("The upload was not confirmed", "the answer names no file", "Try again")
    return uploaded.id
