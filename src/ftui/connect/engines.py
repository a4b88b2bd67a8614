"""Where an engine answers now: found, and started where it does not run, while a client is in use.

An engine that was started anew has another port and another token. A job is
watched for hours, so its client asks again where the engine is instead of
keeping what was so at its start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import httpx2

from ftui import paths, settings
from ftui.connect import providers
from ftui.errors import EngineError

if TYPE_CHECKING:
    from ftui.connect.providers import Provider
    from ftui.engine.address import Address

_SURE = 5.0
"""Seconds for which an address that was found is taken as right."""


class EngineAuth(httpx2.Auth):
    """Sends each request to where the engine is, with its token."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._found: Address | None = None
        self._until = 0.0

    async def address(self) -> Address:
        """Where the engine answers.

        Raises:
            EngineError: it is not installed, or does not start.
            NetworkError: its machine cannot be reached.
        """
        if self._found is None or time.monotonic() > self._until:
            self._found = await asyncio.to_thread(_ensure, self._provider)
            self._until = time.monotonic() + _SURE
        return self._found

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        address = await self.address()
        here = httpx2.URL(address.base_url)
        request.url = request.url.copy_with(host=here.host, port=here.port)
        request.headers["Host"] = here.netloc.decode()
        request.headers["Authorization"] = f"Bearer {address.token}"
        answer = yield request
        if answer.status_code == 401:
            # Started anew within the last seconds, at the same port.
            self._until = 0.0


def _ensure(provider: Provider) -> Address:
    if provider.ssh is not None:
        from ftui.engine import remote

        return remote.ensure(providers.tunnel_file(provider.name), provider.ssh)
    from ftui.engine import install, local, serving

    home = paths.engine_home()
    if not install.installed(home):
        raise EngineError(
            "The engine is not installed on this machine",
            "it is what trains and chats here",
            "Run: ftui engine install",
        )
    return local.ensure(home, wish=serving.wish(settings.config()))
