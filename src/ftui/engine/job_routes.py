"""`/v1/fine_tuning/jobs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ftui.engine.endpoints import Endpoint
from ftui.engine.files import Files
from ftui.engine.job_request import Filter, read_request
from ftui.engine.jobs import Jobs, adapter_shape
from ftui.engine.models import Model, Models
from ftui.engine.scheduler import Scheduler
from ftui.engine.wire import ApiError, page, read_body


def endpoints(jobs: Jobs, files: Files, models: Models, scheduler: Scheduler) -> list[Endpoint]:
    def named(request: Request) -> dict[str, Any]:
        return jobs.get(request.path_params["id"])

    def file(asked: dict[str, Any], param: str) -> Path | None:
        if asked[param] is None:
            return None
        known = files.get(asked[param], param=param)
        if known["purpose"] != "fine-tune":
            message = f"File {known['id']} has the purpose {known['purpose']!r}, expected 'fine-tune'."
            raise ApiError(400, message, code="invalid_file_purpose", param=param)
        return files.content(asked[param])

    async def create(request: Request) -> Response:
        asked = read_request(await read_body(request))
        model = models.trainable(asked["model"])
        _goes_on(asked, model)
        training, validation = file(asked, "training_file"), file(asked, "validation_file")
        assert training is not None
        job = jobs.add({**asked, "base": str(model.base), "hub": model.hub}, training, validation, model.adapter)
        scheduler.wake()
        return JSONResponse(jobs.show(job))

    async def listing(request: Request) -> Response:
        wanted = Filter(request.query_params)
        found = [job for job in jobs.all() if wanted.takes(job["metadata"])]
        return page(request, [jobs.show(job) for job in found])

    async def retrieve(request: Request) -> Response:
        return JSONResponse(jobs.show(named(request)))

    async def cancel(request: Request) -> Response:
        job = named(request)
        scheduler.cancel(job)
        return JSONResponse(jobs.show(job))

    async def pause(request: Request) -> Response:
        job = named(request)
        scheduler.pause(job)
        return JSONResponse(jobs.show(job))

    async def resume(request: Request) -> Response:
        job = named(request)
        scheduler.resume(job)
        return JSONResponse(jobs.show(job))

    async def events(request: Request) -> Response:
        return page(request, jobs.events(named(request)))

    async def checkpoints(request: Request) -> Response:
        return page(request, jobs.checkpoints(named(request)), limit=10)

    path, one = "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{id}"
    cursors = ("after", "limit")
    return [
        Endpoint("POST", path, create, "Start a fine-tuning job.", "Job", "CreateJob"),
        Endpoint("GET", path, listing, "List the jobs.", "JobList", query=(*cursors, "metadata")),
        Endpoint("GET", one, retrieve, "Tell about a job.", "Job"),
        Endpoint("POST", f"{one}/cancel", cancel, "End a job for good.", "Job"),
        Endpoint("POST", f"{one}/pause", pause, "Let a job rest.", "Job"),
        Endpoint("POST", f"{one}/resume", resume, "Go on with a job that rests or failed.", "Job"),
        Endpoint("GET", f"{one}/events", events, "What happened to a job.", "EventList", query=cursors),
        Endpoint("GET", f"{one}/checkpoints", checkpoints, "A job's checkpoints.", "CheckpointList", query=cursors),
    ]


def _goes_on(asked: dict[str, Any], model: Model) -> None:
    """Refuse another shape for the adapter of a tuned model: it is trained further as it is.

    Raises:
        ApiError: 400, with what it is.
    """
    if model.adapter is None:
        return
    for name, value in adapter_shape(model.adapter).items():
        wanted = asked["hyperparameters"].get(name, "auto")
        if wanted not in ("auto", value):
            message = f"Invalid '{name}': {model.id} is trained further with the {name} that it has, {value}."
            raise ApiError(400, message, code="invalid_value", param=f"hyperparameters.{name}")
