"""What an OpenAI-shaped server puts on the wire, right and broken; `provider.py` is made of it."""

from __future__ import annotations

import email
import email.policy
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send


class Broken(Response):
    """The start of an answer that promises more than it sends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class Cut(Response):
    """A stream without its end."""

    def __init__(self, inner: StreamingResponse) -> None:
        self.inner = inner
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def unfinished(message: Any) -> None:
            if message["type"] != "http.response.body" or message.get("more_body"):
                await send(message)

        await self.inner(scope, receive, unfinished)


class Late(Response):
    """An answer that is sent within a context, which may take its time."""

    def __init__(self, inner: Response, around: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self.inner = inner
        self.around = around
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.around():
            await self.inner(scope, receive, send)


async def read_body(request: Request) -> Any:
    if request.method != "POST":
        return None
    raw = await request.body()
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        return _form(kind, raw)
    return json.loads(raw) if raw else {}


def _form(kind: str, raw: bytes) -> dict[str, Any]:
    """An uploaded file; a form is a MIME message without its header."""
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw, policy=email.policy.HTTP)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    return {
        "filename": parts["file"].get_filename(),
        "purpose": parts["purpose"].get_content().strip(),
        "content": parts["file"].get_payload(decode=True),
    }


def refusal(status: int, code: str, message: str) -> Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return JSONResponse(body, status)


def page(data: list[Any], has_more: bool = False) -> Response:
    return JSONResponse({"object": "list", "data": data, "has_more": has_more})


def after(rows: list[Any], request: Request) -> tuple[list[Any], bool]:
    """The page of `rows` that the query's `after` and `limit` ask for, and whether more follow."""
    last, limit = request.query_params.get("after"), int(request.query_params.get("limit", 20))
    start = 1 + [row["id"] for row in rows].index(last) if last else 0
    return rows[start : start + limit], start + limit < len(rows)


def model_object(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "system"}


def completion(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": int(time.time()), "model": body["model"]}


def line(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
