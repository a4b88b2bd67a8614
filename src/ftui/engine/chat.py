"""`/v1/chat/completions`, answered by a child process that is there only while it is used."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ftui.chatfile import ROLES
from ftui.engine.layout import new_id
from ftui.engine.models import Models
from ftui.engine.wire import ApiError, Fields, read_body

MAX_TOKENS = 1024
UNLOAD_SECONDS = 300.0
# They would change the answer, and this engine cannot do them.
_UNSUPPORTED = ("tools", "functions", "logprobs", "top_logprobs", "logit_bias", "audio", "modalities")


class ChatProcess:
    """The child, started with the first question and ended when it was idle long enough."""

    def __init__(self, log: Path) -> None:
        self._log = log
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
        if self._process is not None and not self._answers and idle > UNLOAD_SECONDS:
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
        for waiting in self._answers.values():
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
    if code == "context_length_exceeded":
        return ApiError(400, message, code=code, param="messages")
    return ApiError(500, message, code=code, kind="server_error")


def read_request(body: Fields, models: Models) -> dict[str, Any]:
    """The fields of a chat request that the child needs, checked."""
    for name in _UNSUPPORTED:
        if body.data.get(name):
            message = f"Unsupported parameter: '{name}' is not supported by this engine."
            raise ApiError(400, message, code="unsupported_parameter", param=name)
    body.whole("n", 1, 1)
    model = models.get(body.needed("model"))
    temperature, top_p = body.number("temperature", 0, 2), body.number("top_p", 0, 1)
    limit = body.whole("max_completion_tokens", 1, 1 << 20) or body.whole("max_tokens", 1, 1 << 20)
    return {
        "base": str(model.base),
        "adapter": str(model.adapter) if model.adapter else None,
        "messages": _messages(body),
        "max_tokens": limit or MAX_TOKENS,
        "temperature": 1.0 if temperature is None else temperature,
        "top_p": top_p or 1.0,
        "stop": body.texts("stop", most=4),
        "seed": body.whole("seed", -(2**63), 2**63 - 1),
    }


def _messages(body: Fields) -> list[dict[str, Any]]:
    messages = body.data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise body.wrong("messages", "a list with at least one message")
    for position, message in enumerate(messages):
        name = f"messages[{position}]"
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise body.wrong(name, f"an object with a role, one of {', '.join(sorted(ROLES))}")
        content = message.get("content")
        if isinstance(content, list):
            good = all(
                isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str) for p in content
            )
        else:
            good = isinstance(content, str) or (content is None and message["role"] == "assistant")
        if not good:
            raise body.wrong(f"{name}.content", "text or a list of text parts")
    return messages


def routes(models: Models, chat: ChatProcess) -> list[Route]:
    async def create(request: Request) -> Response:
        body = await read_body(request)
        asked = read_request(body, models)
        usage = body.part("stream_options").flag("include_usage")
        lines = chat.ask(asked)
        frame = {"id": new_id("chatcmpl"), "created": int(time.time()), "model": body.needed("model")}
        if body.flag("stream"):
            return StreamingResponse(_stream(lines, frame, usage), media_type="text/event-stream")
        return await _whole(request, lines, frame)

    return [Route("/v1/chat/completions", create, methods=["POST"])]


async def _stream(lines: AsyncGenerator[dict[str, Any]], frame: dict[str, Any], usage: bool) -> AsyncIterator[str]:
    frame = frame | {"object": "chat.completion.chunk"}

    def chunk(delta: dict[str, str], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event(frame | {"choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    try:
        async with contextlib.aclosing(lines) as answer:
            async for line in answer:
                if "text" in line:
                    yield chunk({"content": line["text"]})
                elif "error" in line:
                    raise _failed(line["error"], line["code"])
                else:
                    yield chunk({}, line["done"])
                    if usage:
                        yield _event(frame | {"choices": [], "usage": _usage(line)})
    except ApiError as error:
        # The status has been sent already: the body of the error is the last event.
        yield _event(error.body)
    yield "data: [DONE]\n\n"


async def _whole(request: Request, lines: AsyncGenerator[dict[str, Any]], frame: dict[str, Any]) -> Response:
    text: list[str] = []

    async def collect() -> dict[str, Any]:
        async with contextlib.aclosing(lines) as answer:
            async for line in answer:
                if "text" in line:
                    text.append(line["text"])
                elif "error" in line:
                    raise _failed(line["error"], line["code"])
                else:
                    return line
        raise _failed("The answer was cut off", "server_error")

    work = asyncio.create_task(collect())
    try:
        while not work.done():
            await asyncio.wait({work}, timeout=0.5)
            if not work.done() and await request.is_disconnected():
                return Response(status_code=499)
        end = work.result()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    message = {"role": "assistant", "content": "".join(text), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": end["done"]}
    return JSONResponse(frame | {"object": "chat.completion", "choices": [choice], "usage": _usage(end)})


def _usage(line: dict[str, Any]) -> dict[str, int]:
    asked, answered = int(line["prompt_tokens"]), int(line["completion_tokens"])
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
