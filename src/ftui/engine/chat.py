"""`/v1/chat/completions`, answered by a child process that is there only while it is used."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ftui.engine.chat_request import read_request
from ftui.engine.endpoints import Endpoint
from ftui.engine.layout import new_id
from ftui.engine.models import Models
from ftui.engine.wire import ApiError, read_body

UNLOAD_SECONDS = 300.0
"""The model's memory is freed after so long without a question."""


Found = TypeVar("Found")


class ChatProcess:
    """The child, started with the first question and ended when it was idle long enough."""

    def __init__(self, log: Path, unload_seconds: float = UNLOAD_SECONDS) -> None:
        self._log = log
        self._unload_seconds = unload_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._starting = asyncio.Lock()
        self._used = time.monotonic()

    async def ask(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The child's lines about one request; closing the iterator early stops the answer."""
        identity = new_id("chatcmpl")
        lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        over = False
        self._used = time.monotonic()
        try:
            await self._ready()
            self._answers[identity] = lines
            await self._send({"id": identity, "op": "chat", **request})
            while not over:
                line = await lines.get()
                over = "done" in line or "error" in line
                yield line
        finally:
            self._answers.pop(identity, None)
            self._used = time.monotonic()
            if not over:
                with contextlib.suppress(ApiError):
                    await self._send({"id": identity, "op": "cancel"})

    async def unload_when_idle(self) -> None:
        """End the child when nobody asked anything for a while."""
        idle = time.monotonic() - self._used
        if self._process is not None and not self._answers and idle > self._unload_seconds:
            await self.close()

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _ready(self) -> None:
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "ftui.engine.chat_process",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    limit=1 << 24,
                )
            self._reader = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for raw in process.stdout:
            line = json.loads(raw)
            waiting = self._answers.get(line["id"])
            if waiting is not None:
                waiting.put_nowait(line)
        code = await process.wait()
        error = {"error": f"The chat process ended (exit code {code})", "code": "server_error"}
        # A new child that took this one's place answers those that ask it.
        for waiting in self._answers.values() if self._process in (None, process) else ():
            waiting.put_nowait(error)

    async def _send(self, line: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise _failed("The chat process is not running", "server_error")
        try:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise _failed("The chat process ended", "server_error") from None


def _failed(message: str, code: str) -> ApiError:
    if code in ("context_length_exceeded", "invalid_value"):
        return ApiError(400, message, code=code, param="messages")
    return ApiError(500, message, code=code, kind="server_error")


def endpoints(models: Models, chat: ChatProcess) -> list[Endpoint]:
    async def create(request: Request) -> Response:
        body = await read_body(request)
        asked = read_request(body, models)
        stream, usage = body.flag("stream"), body.part("stream_options").flag("include_usage")
        frame = {"id": new_id("chatcmpl"), "created": int(time.time()), "model": body.needed("model")}
        lines = _good(chat.ask(asked))
        if not stream:
            work = asyncio.create_task(_whole(lines, frame, asked["top"] is not None))
            return await _unless_left(request, work) or Response(status_code=499)
        # A question that is refused is refused with a status, so the answer waits for its first word.
        first = await _unless_left(request, asyncio.create_task(anext(lines)))
        if first is None:
            await lines.aclose()
            return Response(status_code=499)
        return StreamingResponse(_stream(first, lines, frame, usage), media_type="text/event-stream")

    path = "/v1/chat/completions"
    return [Endpoint("POST", path, create, "Answer a chat.", "Chat", "CreateChat", streamed="ChatChunk")]


async def _unless_left(request: Request, work: asyncio.Task[Found]) -> Found | None:
    """What `work` finds; None, and an end of it, when the client has gone."""
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=0.5)
            if not work.done() and await request.is_disconnected():
                return None
        return work.result()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _good(lines: AsyncGenerator[dict[str, Any]]) -> AsyncGenerator[dict[str, Any]]:
    """The child's lines; one that is an error is raised."""
    async with contextlib.aclosing(lines) as answer:
        async for line in answer:
            if "error" in line:
                raise _failed(line["error"], line["code"])
            yield line


async def _stream(
    first: dict[str, Any], lines: AsyncGenerator[dict[str, Any]], frame: dict[str, Any], usage: bool
) -> AsyncIterator[str]:
    # Who asks for the usage gets the field in every chunk, as null until the last.
    frame = frame | {"object": "chat.completion.chunk"} | ({"usage": None} if usage else {})

    def chunk(delta: dict[str, str], finish: str | None = None, probable: Any = None) -> str:
        logprobs = {"content": probable, "refusal": None} if probable else None
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return _event(frame | {"choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    try:
        async with contextlib.aclosing(lines) as answer:
            line = first
            while "done" not in line:
                yield chunk({"content": line["text"]}, probable=line.get("logprobs"))
                line = await anext(answer)
            yield chunk({}, line["done"])
            if usage:
                yield _event(frame | {"choices": [], "usage": _usage(line)})
    except ApiError as error:
        # The status has been sent already: the body of the error is the last event.
        yield _event(error.body)
    yield "data: [DONE]\n\n"


async def _whole(lines: AsyncGenerator[dict[str, Any]], frame: dict[str, Any], told: bool) -> Response:
    text: list[str] = []
    probable: list[dict[str, Any]] = []
    async with contextlib.aclosing(lines) as answer:
        line = await anext(answer)
        while "done" not in line:
            text.append(line["text"])
            probable += line.get("logprobs", [])
            line = await anext(answer)
    message = {"role": "assistant", "content": "".join(text), "refusal": None}
    logprobs = {"content": probable, "refusal": None} if told else None
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": line["done"]}
    return JSONResponse(frame | {"object": "chat.completion", "choices": [choice], "usage": _usage(line)})


def _usage(line: dict[str, Any]) -> dict[str, int]:
    asked, answered = int(line["prompt_tokens"]), int(line["completion_tokens"])
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
