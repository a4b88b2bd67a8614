"""Bright Data's Web Unlocker on loopback: `POST /request` answers with a page of a `Website`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from servers.website import Reply, Website

TOKEN = "brd-token-of-a-test"
ZONE = "web_unlocker1"


@dataclass
class UnlockerServer:
    """The ASGI application.

    Attributes:
        website: what is found behind it, whatever the host of an address.
        requests: the bodies received, in order.
        charged: requests that succeeded.
        blocked: paths for which it fails, with the text of its error header.
    """

    website: Website
    requests: list[dict[str, Any]] = field(default_factory=list)
    charged: int = 0
    blocked: dict[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        asked = json.loads(body + message["body"])
        self.requests.append(asked)
        headers = dict(scope["headers"])
        if (scope["method"], scope["path"]) != ("POST", "/request"):
            return await self._say(scope, receive, send, Reply("no such place", status=404))
        if headers.get(b"authorization") != f"Bearer {TOKEN}".encode():
            return await self._say(scope, receive, send, Reply("Invalid credentials", status=401, kind="text/plain"))
        if asked.get("zone") != ZONE or asked.get("format") != "raw":
            text = f"zone {asked.get('zone')!r} not found for {headers[b'authorization'].decode()}"
            return await self._say(scope, receive, send, Reply(text, status=400, kind="text/plain"))
        path = urlsplit(asked["url"]).path
        if path in self.blocked:
            reply = Reply("", status=502).with_headers(**{"x-brd-error": self.blocked[path]})
            return await self._say(scope, receive, send, reply)
        self.charged += 1
        return await self.website({**scope, "method": "GET", "path": path, "query_string": b""}, receive, send)

    async def _say(self, scope: Any, receive: Any, send: Any, reply: Reply) -> None:
        await replace(self.website, replies={scope["path"]: reply})(scope, receive, send)
