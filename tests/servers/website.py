"""A web site on loopback whose pages can fail in every way that pages fail.

A `Website` maps paths to replies. Several replies for a path are given in turn, the
last one from then on. It counts what it was asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        wait: seconds before anything is sent.
        drip: seconds before each byte of the body.
        cut: announce more than the body and close the connection after it.
    """

    body: str | bytes = b""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drip: float = 0.0
    cut: bool = False

    def with_headers(self, **more: str) -> Reply:
        """The same with more headers."""
        return replace(self, headers={**self.headers, **more})

    @property
    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body


def page(title: str, text: str, links: Sequence[str] = ()) -> Reply:
    """A page with navigation around its main part."""
    anchors = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return Reply(
        f'<!doctype html><html lang="en"><head><title>{title}</title></head><body>'
        f"<header><nav><ul>{anchors}</ul></nav></header>"
        f"<main><h1>{title}</h1><p>{text}</p></main>"
        "<footer><p>Repeated on every page.</p></footer></body></html>"
    )


def moved(location: str) -> Reply:
    return Reply(status=302, headers={"location": location})


@dataclass
class Website:
    """The ASGI application. Change `replies` at any time.

    Attributes:
        otherwise: gives the reply for a path that has none, or None.
        hits: how often each path (with its query) was asked for.
        most_at_once: requests that were under way at the same time.
        agents: the User-Agent headers seen.
        asked: the headers of the last request for each path.
        moments: each path that was asked for, and when (seconds of a monotonic clock).
    """

    replies: dict[str, Reply | list[Reply]]
    otherwise: Callable[[str], Reply | None] = lambda _: None
    hits: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    agents: set[str] = field(default_factory=set)
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    moments: list[tuple[str, float]] = field(default_factory=list)
    _at_once: int = 0

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        query = scope["query_string"].decode()
        path = scope["path"] + (f"?{query}" if query else "")
        self.asked[path] = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.moments.append((path, time.monotonic()))
        self.agents.add(self.asked[path].get("user-agent", ""))
        found = self.replies.get(path) or self.otherwise(path) or Reply("nothing here", status=404)
        replies = found if isinstance(found, list) else [found]
        reply = replies[min(self.hits[path], len(replies) - 1)]
        self.hits[path] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self._answer(reply, send)
        finally:
            self._at_once -= 1

    async def _answer(self, reply: Reply, send: Any) -> None:
        await asyncio.sleep(reply.wait)
        content = reply.content
        headers = {"content-type": reply.kind, "content-length": str(len(content) + (1000 if reply.cut else 0))}
        if not reply.kind:
            del headers["content-type"]
        if reply.status == 304:
            del headers["content-length"]
        headers |= reply.headers
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        if reply.drip:
            for index in range(len(content)):
                await asyncio.sleep(reply.drip)
                await send({"type": "http.response.body", "body": content[index : index + 1], "more_body": True})
            content = b""
        await send({"type": "http.response.body", "body": content, "more_body": reply.cut})
