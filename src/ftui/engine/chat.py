"""`/v1/chat/completions`: the same form of an answer, whichever program gives it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ftui.engine.backends import Chat
from ftui.engine.chat_child import failed
from ftui.engine.chat_request import read_request
from ftui.engine.endpoints import Endpoint
from ftui.engine.layout import new_id
from ftui.engine.models import Models
from ftui.engine.wire import ApiError, read_body

Found = TypeVar("Found")


def endpoints(models: Models, chat: Chat) -> list[Endpoint]:
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
                raise failed(line["error"], line["code"])
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
