"""Answers that do not come as they should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse


class Closed(Response):
    """Begins an answer and closes the connection, so that its content is lost."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Cut(Response):
    """Sends a part of what it announces and closes the connection."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.headers["content-length"] = str(len(content) + 1000)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        # The rows shall have left before the connection is closed.
        await asyncio.sleep(0.02)


def trickle(content: bytes, seconds: float) -> Response:
    """Sends a body one byte at a time."""

    async def bytewise() -> AsyncIterator[bytes]:
        for place in range(len(content)):
            yield content[place : place + 1]
            await asyncio.sleep(seconds)

    return StreamingResponse(bytewise())
