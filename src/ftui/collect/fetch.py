"""Fetch one address politely: patient with a busy site, with bounds on time and size."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ftui.collect.http import (
    RETRY_STATUS,
    error_reason,
    is_loopback,
    no_answer,
    open_client,
    retry_after,
    status_reason,
)
from ftui.collect.site import Site, normalise, site_of
from ftui.errors import FtuiError, ServiceError

if TYPE_CHECKING:
    import httpx

_LARGEST_PAGE = 10 * 2**20
_LONGEST_WAIT = 60.0
_HTML = ("text/html", "application/xhtml+xml", "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a site answered.

    Attributes:
        status: HTTP status.
        body: the content with its encoding undone; empty unless it is to be read.
        charset: as the header names it, or "".
        location: where a redirect points, or "".
        reason: why the body is not to be read, or "".
        skipped: whether `reason` is a choice and no failure.
        size: bytes received, as sent.
    """

    status: int
    body: bytes = b""
    charset: str = ""
    location: str = ""
    reason: str = ""
    skipped: bool = False
    size: int = 0


class NotFetched(Exception):
    """No usable answer after all retries.

    Attributes:
        reason: short, for the list of failures.
        is_refusal: whether the whole site may be meant (no connection, 429, 503).
    """

    def __init__(self, reason: str, is_refusal: bool, error: Exception | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_refusal = is_refusal
        self._error = error

    def as_error(self, home: str) -> FtuiError:
        """The error for the case that the whole site is meant."""
        if self._error is not None:
            return no_answer(home, self._error)
        return ServiceError(
            f"{home} refuses to be read",
            self.reason,
            "Wait a while or lower `concurrency`, then resume; what was collected is kept",
        )


class Fetcher:
    """Fetches addresses; an async context manager that owns its connections."""

    def __init__(self, timeout: float, retries: int, backoff: float, user_agent: str) -> None:
        self._timeout = timeout
        self._retries = retries
        self._backoff = backoff
        self._user_agent = user_agent
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _client(self, url: str) -> httpx.AsyncClient:
        loopback = is_loopback(url)
        if loopback not in self._clients:
            # Proxy settings hold for everything but this machine.
            base = "http://localhost" if loopback else ""
            client = open_client(base, timeout=self._timeout, user_agent=self._user_agent)
            self._clients[loopback] = await self._stack.enter_async_context(client)
        return self._clients[loopback]

    async def get(self, site: Site, url: str, *, html_only: bool = False, redirects: int = 0) -> Answer:
        """Ask for `url` when it is the site's turn, again after 429, 5xx or no answer.

        Args:
            html_only: leave the body of anything else unread.
            redirects: how many to follow within the site; others come back as `location`.

        Raises:
            NotFetched: there is no answer, or it stays at 429 or 5xx.
        """
        for attempt in range(self._retries + 1):
            await site.turn()
            wait = self._backoff * 2**attempt
            failure: Exception | None = None
            try:
                async with asyncio.timeout(self._timeout):
                    answer, asked = await self._ask(url, html_only)
            except _transport_errors() as error:
                failure, reason, asked = error, error_reason(error), None
                is_refusal = reason in ("timeout", "no connection")
                if reason in ("not a web address", "broken compression"):
                    raise NotFetched(reason, False) from error
            else:
                if answer.status not in RETRY_STATUS:
                    target = normalise(answer.location, url) if answer.location and redirects else ""
                    if target and site_of(target) == site_of(url):
                        return await self.get(site, target, html_only=html_only, redirects=redirects - 1)
                    return answer
                reason, is_refusal = status_reason(answer.status), answer.status in (429, 503)
            if attempt == self._retries or (asked or 0) > _LONGEST_WAIT:
                raise NotFetched(reason, is_refusal, failure)
            if asked is not None or is_refusal:
                site.pause(asked if asked is not None else wait)
            await asyncio.sleep(wait if asked is None else asked)
        raise AssertionError("unreachable")

    async def _ask(self, url: str, html_only: bool) -> tuple[Answer, float | None]:
        """One request: the answer, and the seconds that it asks to wait."""
        client = await self._client(url)
        async with client.stream("GET", url) as response:
            answer = Answer(response.status_code, charset=response.charset_encoding or "")
            if response.has_redirect_location:
                return replace(answer, location=response.headers["location"]), None
            if not response.is_success:
                return answer, retry_after(response)
            kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
            if html_only and kind not in _HTML:
                return replace(answer, reason=f"not a page: {kind}", skipped=True), None
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_PAGE:
                    return replace(answer, reason="larger than 10 MB", size=response.num_bytes_downloaded), None
            return replace(answer, status=200, body=bytes(body), size=response.num_bytes_downloaded), None


def _transport_errors() -> tuple[Any, ...]:
    import httpx

    return (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError)
