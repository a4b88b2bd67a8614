"""`/v1/fine_tuning/jobs`."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ftui.engine.files import Files
from ftui.engine.jobs import Jobs, read_request
from ftui.engine.models import Models
from ftui.engine.scheduler import Scheduler
from ftui.engine.wire import ApiError, page, read_body

_METADATA = re.compile(r"metadata\[(.*)\]", re.DOTALL)


def routes(jobs: Jobs, files: Files, models: Models, scheduler: Scheduler) -> list[Route]:
    def named(request: Request) -> dict[str, Any]:
        return jobs.get(request.path_params["id"])

    async def create(request: Request) -> Response:
        asked = read_request(await read_body(request))
        model = models.get(asked["model"])
        if model.adapter is not None:
            message = "This engine trains base models; a tuned model cannot be tuned further."
            raise ApiError(400, message, code="model_not_available", param="model")
        training = files.content(asked["training_file"])
        validation = files.content(asked["validation_file"]) if asked["validation_file"] else None
        job = jobs.add({**asked, "base": str(model.base)}, training, validation)
        scheduler.wake()
        return JSONResponse(jobs.show(job))

    async def listing(request: Request) -> Response:
        wanted = {
            key[1]: value
            for name, value in request.query_params.items()
            if (key := _METADATA.fullmatch(name)) is not None
        }
        found = [job for job in jobs.all() if wanted.items() <= (job["metadata"] or {}).items()]
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

    path = "/v1/fine_tuning/jobs"
    return [
        Route(path, create, methods=["POST"]),
        Route(path, listing, methods=["GET"]),
        Route(f"{path}/{{id}}", retrieve, methods=["GET"]),
        Route(f"{path}/{{id}}/cancel", cancel, methods=["POST"]),
        Route(f"{path}/{{id}}/pause", pause, methods=["POST"]),
        Route(f"{path}/{{id}}/resume", resume, methods=["POST"]),
        Route(f"{path}/{{id}}/events", events, methods=["GET"]),
        Route(f"{path}/{{id}}/checkpoints", checkpoints, methods=["GET"]),
    ]
