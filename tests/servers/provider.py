"""A provider on loopback that follows OpenAI's shapes and misbehaves on request.

    provider = Provider()
    with serve(provider.app) as address:
        client = AsyncOpenAI(api_key=provider.key, base_url=f"{address}/v1")

A job plays `provider.script`, one `Stage` further each time it is retrieved. A
chat answers with `provider.answer(body)`, one word a chunk. What goes wrong is
set beforehand: `refuse` a route, lose the answer of one (`lose`), cut a stream
(`cut_after`), hold it until the test lets go (`gate`, `gate_at`).
What came in is counted (`count`) and kept (`bodies`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import csv
import io
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from servers.wire import Broken, Cut, Late, after, completion, line, model_object, page, read_body, refusal

TRAINING_NOT_AVAILABLE = (
    403,
    "training_not_available",
    "OpenAI is winding down the fine-tuning platform and your organization is no longer able to create new jobs.",
)
BASE_MODELS = ("gpt-4o-mini-2024-07-18", "gpt-4.1-mini-2025-04-14")
KEY = "sk-test-provider-key-0001"


@dataclass(frozen=True)
class Stage:
    """What a job looks like from one retrieve on.

    Attributes:
        state: the job's status.
        metrics: `data` of the metrics events that this stage adds.
        messages: texts of the message events that it adds.
        error: the job's error, {"code", "message", "param"}.
    """

    state: str
    metrics: tuple[Mapping[str, float], ...] = ()
    messages: tuple[str, ...] = ()
    error: Mapping[str, str] | None = None


def metrics(first: int, last: int, total: int) -> tuple[Mapping[str, float], ...]:
    """A falling curve from step `first` to `last`; every fifth step and the last carry the validation loss."""
    rows = []
    for step in range(first, last + 1):
        loss = round(4.0 * (1 - step / total) + 0.4, 3)
        row: dict[str, float] = {"step": step, "total_steps": total, "train_loss": loss}
        if step % 5 == 0 or step == total:
            row["valid_loss"] = round(loss + 0.1, 3)
        rows.append(row)
    return tuple(rows)


def succeeding(steps: int = 10) -> tuple[Stage, ...]:
    half = steps // 2
    return (
        Stage("validating_files", messages=("Validating training file",)),
        Stage("queued", messages=("Files validated, moving job to queued state",)),
        Stage("running", metrics(1, half, steps), ("Fine-tuning job started",)),
        Stage("running", metrics(half + 1, steps, steps)),
        Stage("succeeded", messages=("New fine-tuned model created", "The job has successfully completed")),
    )


def failing(code: str = "invalid_training_file", message: str = "Example 100 cannot be parsed.") -> tuple[Stage, ...]:
    error = {"code": code, "message": message, "param": "training_file"}
    return (Stage("validating_files"), Stage("failed", messages=(message,), error=error))


@dataclass
class Provider:
    """The whole server; `app` is what `serve` takes. Set knobs from the test's thread at any time.

    Attributes:
        key: the only key it takes; "" takes any.
        script: stages of every job created from now on; the last one stays.
        answer: text of a chat answer by the request's body.
        reply: what else an answer that is not streamed has, by the request's body: `refusal`,
            `finish_reason`, `usage`.
        structured: whether it knows `response_format`; else it refuses a request with one.
        answer_delay: seconds before an answer that is not streamed.
        most_at_once: the most of such answers that were under way at one time.
        token_delay: seconds before each chunk.
        cut_after: chunks after which a stream's connection breaks, None for never.
        gate, gate_at: a stream waits for `gate` before its chunk number `gate_at`.
        base64_results: send the result file as base64, as OpenAI sometimes does.
        files, jobs: what is kept, by id, in the order of creation.
        left: streams whose client went away before the end.
    """

    key: str = KEY
    script: tuple[Stage, ...] = field(default_factory=succeeding)
    answer: Callable[[Mapping[str, Any]], str] = lambda body: f"You said: {body['messages'][-1]['content']}"
    reply: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda body: {}
    structured: bool = True
    answer_delay: float = 0.0
    most_at_once: int = 0
    token_delay: float = 0.0
    cut_after: int | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    gate_at: int = 0
    base64_results: bool = False
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, list[Any]] = field(default_factory=dict)
    left: int = 0

    def __post_init__(self) -> None:
        self.gate.set()
        self._contents: dict[str, bytes] = {}
        self._progress: dict[str, int] = {}
        self._scripts: dict[str, tuple[Stage, ...]] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._counts: dict[str, int] = {}
        self._refused: dict[str, tuple[int, str, str, int]] = {}
        self._lost: dict[str, int] = {}
        self._headers: dict[str, Mapping[str, str]] = {}
        self._at_once = 0
        jobs = "/v1/fine_tuning/jobs"
        routes = [
            self._route("GET /v1/models", self._list_models),
            self._route("POST /v1/files", self._create_file),
            self._route("GET /v1/files", self._list_files),
            self._route("GET /v1/files/{id}", self._get_file),
            self._route("GET /v1/files/{id}/content", self._get_content),
            self._route(f"POST {jobs}", self._create_job),
            self._route(f"GET {jobs}", self._list_jobs),
            self._route(f"GET {jobs}/{{id}}", self._get_job),
            self._route(f"GET {jobs}/{{id}}/events", self._list_events),
            self._route(f"GET {jobs}/{{id}}/checkpoints", self._list_checkpoints),
            self._route(f"POST {jobs}/{{id}}/cancel", self._cancel),
            self._route(f"POST {jobs}/{{id}}/pause", self._pause),
            self._route(f"POST {jobs}/{{id}}/resume", self._resume),
            self._route("POST /v1/chat/completions", self._chat),
        ]
        self.app: ASGIApp = Starlette(routes=routes)

    # What a test sets and reads

    def refuse(
        self,
        route: str,
        status: int,
        code: str,
        message: str,
        times: int = 1_000_000,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer `route` ("POST /v1/fine_tuning/jobs") with an error, `times` times."""
        self._refused[route] = (status, code, message, times)
        self._headers[route] = headers or {}

    def lose(self, route: str, times: int = 1) -> None:
        """Do what `route` does, then break the connection in place of an answer."""
        self._lost[route] = times

    def allow(self, route: str) -> None:
        """Take `refuse` and `lose` back."""
        self._refused.pop(route, None)
        self._lost.pop(route, None)

    def count(self, route: str) -> int:
        """Requests that came to `route`, refused ones too."""
        return self._counts.get(route, 0)

    # Every request comes through here

    def _route(self, route: str, handler: Callable[[Request, Any], Response]) -> Route:
        method, path = route.split(" ")

        async def endpoint(request: Request) -> Response:
            self._counts[route] = self._counts.get(route, 0) + 1
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                return refusal(401, "invalid_api_key", "Incorrect API key provided.")
            refused = self._refused.get(route)
            if refused and refused[3] > 0:
                self._refused[route] = (*refused[:3], refused[3] - 1)
                answer = refusal(*refused[:3])
                answer.headers.update(self._headers[route])
                return answer
            try:
                body = await read_body(request)
            except ClientDisconnect:
                # Killed while it was asking.
                return Response()
            self.bodies.setdefault(route, []).append(body)
            try:
                response = handler(request, body)
            except KeyError:
                return refusal(404, "not_found", f"No such object: {request.path_params.get('id', '')}")
            if self._lost.get(route, 0) > 0:
                self._lost[route] -= 1
                return Broken()
            return response

        return Route(path, endpoint, methods=[method])

    # Models and files

    def _list_models(self, request: Request, body: Any) -> Response:
        tuned = [job["fine_tuned_model"] for job in self.jobs.values() if job["fine_tuned_model"]]
        return page([model_object(name) for name in (*BASE_MODELS, *tuned)])

    def _create_file(self, request: Request, body: Any) -> Response:
        return JSONResponse(self._keep(body["filename"], body["purpose"], body["content"]))

    def _keep(self, name: str, purpose: str, content: bytes) -> dict[str, Any]:
        identifier = f"file-{len(self.files) + 1}"
        self._contents[identifier] = content
        self.files[identifier] = {
            "id": identifier,
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        return self.files[identifier]

    def _list_files(self, request: Request, body: Any) -> Response:
        return page(list(reversed(self.files.values())))

    def _get_file(self, request: Request, body: Any) -> Response:
        return JSONResponse(self.files[request.path_params["id"]])

    def _get_content(self, request: Request, body: Any) -> Response:
        return Response(self._contents[request.path_params["id"]])

    # Jobs

    def _create_job(self, request: Request, body: Any) -> Response:
        if body["training_file"] not in self.files:
            return refusal(404, "not_found", f"No such file: {body['training_file']}")
        identifier = f"ftjob-{len(self.jobs) + 1}"
        self._scripts[identifier] = self.script
        self._progress[identifier] = -1
        self._events[identifier] = []
        self.jobs[identifier] = {
            "id": identifier,
            "object": "fine_tuning.job",
            "created_at": int(time.time()),
            "finished_at": None,
            "model": body["model"],
            "fine_tuned_model": None,
            "organization_id": "org-test",
            "status": self.script[0].state,
            "trained_tokens": None,
            "training_file": body["training_file"],
            "validation_file": body.get("validation_file"),
            "result_files": [],
            "hyperparameters": {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"},
            "method": body.get("method"),
            "seed": body.get("seed") or 0,
            "error": {},
            "estimated_finish": None,
            "metadata": body.get("metadata"),
            "user_provided_suffix": body.get("suffix"),
        }
        self._note(identifier, "message", f"Created fine-tuning job: {identifier}")
        return JSONResponse(self.jobs[identifier])

    def _list_jobs(self, request: Request, body: Any) -> Response:
        wanted = {k[9:-1]: v for k, v in request.query_params.items() if k.startswith("metadata[")}
        jobs = [j for j in reversed(self.jobs.values()) if wanted.items() <= (j["metadata"] or {}).items()]
        return page(*after(jobs, request))

    def _get_job(self, request: Request, body: Any) -> Response:
        job = self.jobs[request.path_params["id"]]
        script, place = self._scripts[job["id"]], self._progress[job["id"]]
        if job["status"] not in ("cancelled", "paused") and place + 1 < len(script):
            self._progress[job["id"]] += 1
            self._enter(job, script[place + 1])
        return JSONResponse(job)

    def _enter(self, job: dict[str, Any], stage: Stage) -> None:
        job["status"] = stage.state
        job["estimated_finish"] = int(time.time()) + 60 if stage.state == "running" else None
        for data in stage.metrics:
            text = f"Step {data['step']}/{data.get('total_steps', '?')}: training loss={data.get('train_loss')}"
            self._note(job["id"], "metrics", text, data)
        for message in stage.messages:
            self._note(job["id"], "message", message)
        if stage.error:
            job["error"] = dict(stage.error)
        if stage.state in ("succeeded", "failed"):
            job["finished_at"] = int(time.time())
        if stage.state == "succeeded":
            job["trained_tokens"] = 12_345
            suffix = job["user_provided_suffix"] or ""
            job["fine_tuned_model"] = f"ft:{job['model']}:org-test:{suffix}:{job['id'][6:]}"
            job["result_files"] = [self._keep("results.csv", "fine-tune-results", self._results(job["id"]))["id"]]

    def _results(self, identifier: str) -> bytes:
        names = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")
        out = io.StringIO()
        writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(event["data"] for event in self._events[identifier] if event["data"])
        content = out.getvalue().encode()
        return base64.b64encode(content) if self.base64_results else content

    def _note(self, identifier: str, kind: str, message: str, data: Mapping[str, float] | None = None) -> None:
        events = self._events[identifier]
        events.append(
            {
                "object": "fine_tuning.job.event",
                "id": f"ftevent-{identifier[6:]}-{len(events) + 1}",
                "created_at": int(time.time()),
                "level": "info",
                "type": kind,
                "message": message,
                "data": dict(data) if data else None,
            }
        )

    def _list_events(self, request: Request, body: Any) -> Response:
        return page(*after(list(reversed(self._events[request.path_params["id"]])), request))

    def _list_checkpoints(self, request: Request, body: Any) -> Response:
        self.jobs[request.path_params["id"]]
        return page([])

    def _cancel(self, request: Request, body: Any) -> Response:
        return self._switch(request, "cancelled", "Fine-tuning job cancelled")

    def _pause(self, request: Request, body: Any) -> Response:
        return self._switch(request, "paused", "Fine-tuning job paused")

    def _resume(self, request: Request, body: Any) -> Response:
        return self._switch(request, "running", "Fine-tuning job resumed")

    def _switch(self, request: Request, state: str, message: str) -> Response:
        job = self.jobs[request.path_params["id"]]
        if job["status"] in ("succeeded", "failed", "cancelled"):
            return refusal(400, "invalid_state", f"Job has already completed: {job['id']}")
        job["status"] = state
        self._note(job["id"], "message", message)
        return JSONResponse(job)

    # Chat

    def _chat(self, request: Request, body: Any) -> Response:
        if not self.structured and "response_format" in body:
            return refusal(400, "invalid_request", "Unknown parameter: response_format")
        words = self.answer(body).split(" ")
        pieces = [words[0], *(f" {word}" for word in words[1:])]
        usage = {"prompt_tokens": 10, "completion_tokens": len(pieces), "total_tokens": 10 + len(pieces)}
        if not body.get("stream"):
            other = dict(self.reply(body))
            message = {"role": "assistant", "content": "".join(pieces), "refusal": other.pop("refusal", None)}
            choices = [{"index": 0, "message": message, "finish_reason": other.pop("finish_reason", "stop")}]
            whole = {**completion(body, "chat.completion"), "choices": choices, "usage": usage, **other}
            return Late(JSONResponse(whole), self._under_way)
        if not (body.get("stream_options") or {}).get("include_usage"):
            usage = {}
        response = StreamingResponse(self._stream(body, pieces, usage), media_type="text/event-stream")
        return response if self.cut_after is None else Cut(response)

    @contextlib.asynccontextmanager
    async def _under_way(self) -> AsyncIterator[None]:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.answer_delay)
            # The gate is the test's, of another thread: asyncio cannot wait for it.
            while not self.gate.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            yield
        finally:
            self._at_once -= 1

    async def _stream(self, body: Any, pieces: list[str], usage: Mapping[str, int]) -> AsyncIterator[str]:
        head = completion(body, "chat.completion.chunk")
        try:
            for number, piece in enumerate(pieces):
                # The gate is the test's, of another thread: asyncio cannot wait for it.
                while number >= self.gate_at and not self.gate.is_set():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                await asyncio.sleep(self.token_delay)
                if number == self.cut_after:
                    return
                yield line({**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            yield line({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            if usage:
                yield line({**head, "choices": [], "usage": usage})
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.left += 1
            raise
