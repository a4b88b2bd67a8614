"""Fetch one address politely: patient with a busy site, with bounds on time and size."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ftui.collect.http import (
    RETRY_STATUS,
    error_reason,
    is_loopback,
    no_answer,
    retry_after,
    status_reason,
)
from ftui.collect.network import PRIVATE_NETWORK, network_of
from ftui.collect.site import Site, normalise, site_of
from ftui.errors import FtuiError, ServiceError

if TYPE_CHECKING:
    import httpx

LARGEST_PAGE = 10 * 2**20
_LONGEST_WAIT = 60.0
_HTML = ("text/html", "application/xhtml+xml", "")
_MOST_IDLE = 64
# Worth reading, so that the connection can be used again.
_SMALL = 64 * 2**10
_MOST_COOKIES = 100


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
        etag, modified: what a later request can be made conditional with, or "".
        robots: the X-Robots-Tag, in lower case.
    """

    status: int
    body: bytes = b""
    charset: str = ""
    location: str = ""
    reason: str = ""
    skipped: bool = False
    size: int = 0
    etag: str = ""
    modified: str = ""
    robots: str = ""


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


class PrivateNetwork(Exception):
    """A public site leads into a private network."""


class Fetcher:
    """Fetches addresses; an async context manager that owns its connections.

    Attributes:
        paid: requests that cost something.
    """

    def __init__(self, timeout: float, retries: int, backoff: float, user_agent: str) -> None:
        self.paid = 0
        self._timeout = timeout
        self._retries = retries
        self._backoff = backoff
        self._user_agent = user_agent
        self._idle: dict[tuple[str, bool], list[httpx.AsyncClient]] = {}
        self._idle_count = 0
        self._cookies = CookieJar()
        self._verify: Any = None

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for clients in self._idle.values():
            for client in clients:
                await client.aclose()
        self._idle.clear()

    @asynccontextmanager
    async def _client(self, site: Site, url: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client of its own for the length of a request.

        Each looks after a connection or two: a pool of many asks every connection for
        its state at every request, which costs more than the request.
        """
        # Proxy settings hold for everything but this machine.
        loopback = is_loopback(url)
        idle = self._idle.setdefault((site.home, loopback), [])
        if idle:
            client = idle.pop()
            self._idle_count -= 1
        else:
            client = self._open(loopback)
        try:
            yield client
        finally:
            if self._idle_count < _MOST_IDLE:
                idle.append(client)
                self._idle_count += 1
            else:
                await client.aclose()

    def _open(self, loopback: bool) -> httpx.AsyncClient:
        import httpx

        if self._verify is None:
            self._verify = httpx.create_ssl_context()
        return httpx.AsyncClient(
            headers={"User-Agent": self._user_agent, "Accept-Encoding": "gzip"},
            timeout=self._timeout,
            trust_env=not loopback,
            verify=self._verify,
            cookies=self._cookies,
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=2),
            event_hooks={"response": [_take_location]},
        )

    async def get(
        self,
        site: Site,
        url: str,
        *,
        html_only: bool = False,
        most: int = LARGEST_PAGE,
        headers: Mapping[str, str] | None = None,
        redirects: int = 0,
        anywhere: bool = False,
    ) -> Answer:
        """Ask for `url` when it is the site's turn, again after 429, 5xx or no answer.

        Args:
            html_only: leave the body of anything else unread.
            most: bytes of a body, unpacked; a longer one is not read to its end.
            headers: sent along.
            redirects: how many to follow within the site; others come back as `location`.
            anywhere: follow them to other sites too.

        Raises:
            NotFetched: there is no answer, or it stays at 429 or 5xx.
        """
        for attempt in range(self._retries + 1):
            await site.turn()
            wait = self._backoff * 2**attempt
            failure: Exception | None = None
            try:
                answer, asked = await self._ask(site, url, html_only, most, headers or {})
            except PrivateNetwork as error:
                raise NotFetched(PRIVATE_NETWORK, False) from error
            except _transport_errors() as error:
                failure, reason, asked = error, error_reason(error), None
                is_refusal = reason in ("timeout", "no connection")
                if reason in ("not a web address", "broken compression"):
                    raise NotFetched(reason, False) from error
            else:
                if answer.status not in RETRY_STATUS:
                    target = normalise(answer.location, url) if answer.location and redirects else ""
                    if target and (anywhere or site_of(target) == site_of(url)):
                        return await self.get(
                            site, target, html_only=html_only, most=most, redirects=redirects - 1, anywhere=anywhere
                        )
                    return answer
                reason, is_refusal = answer.reason or status_reason(answer.status), answer.status in (429, 503)
            patient = (asked or 0) <= _LONGEST_WAIT
            if patient and asked is not None:
                # It holds for the pages behind this one too, also where this one is given up.
                site.pause(asked)
            if attempt == self._retries or not patient or not self._may_repeat(failure):
                raise NotFetched(reason, is_refusal, failure)
            if asked is None and is_refusal:
                site.pause(wait)
            await asyncio.sleep(wait if asked is None else asked)
        raise AssertionError("unreachable")

    async def _ask(
        self, site: Site, url: str, html_only: bool, most: int, headers: Mapping[str, str]
    ) -> tuple[Answer, float | None]:
        """One request: the answer, and the seconds that it asks to wait."""
        method, address, more = self._request(site, url, headers)
        flowing = False
        answer = Answer(0)
        try:
            async with asyncio.timeout(self._timeout), self._client(site, address) as client:
                async with client.stream(method, address, **more) as response:
                    answer = await self._look(response)
                    found = response.headers
                    if answer.location or not response.is_success or answer.reason:
                        await _drain(response)
                        return answer, retry_after(response)
                    kind = found.get("content-type", "").split(";")[0].strip().lower()
                    if html_only and kind not in _HTML:
                        await _drain(response)
                        return replace(answer, reason=f"not a page: {kind}", skipped=True), None
                    flowing = True
                    body, reason = await _read(response, most)
                    size = response.num_bytes_downloaded
                    return replace(answer, status=200, body=body, reason=reason, size=size), None
        except _timeouts():
            if not flowing:
                raise
            # It answers, only much too slowly: to ask again would not make it faster.
            return replace(answer, reason="timeout"), None

    def _request(self, site: Site, url: str, headers: Mapping[str, str]) -> tuple[str, str, dict[str, Any]]:
        """Method, address and arguments of the request for `url`."""
        return "GET", url, {"headers": dict(headers), "extensions": {"trace": _guard(site, url)}}

    def _may_repeat(self, error: Exception | None) -> bool:
        return True

    async def _look(self, response: httpx.Response) -> Answer:
        """What the head of an answer says."""
        if len(self._cookies) > _MOST_COOKIES:
            # A site that sets more at each page would not take its own requests in the end.
            self._cookies.clear()
        found = response.headers
        answer = Answer(
            response.status_code,
            charset=response.charset_encoding or "",
            etag=found.get("etag", ""),
            modified=found.get("last-modified", ""),
            robots=found.get("x-robots-tag", "").lower(),
        )
        return replace(answer, location=response.extensions.get("location", ""))


async def _take_location(response: httpx.Response) -> None:
    """Put where a redirect leads aside: httpx fails where that is no address, though it is not to go there."""
    if response.has_redirect_location:
        response.extensions["location"] = response.headers.pop("location")


def _guard(site: Site, url: str) -> Any:
    """A callback that looks at each new connection before anything is sent over it.

    The network on which a site answers first, for an address that a person gave, is
    the one it has to stay on, whatever its name resolves to later. Behind a proxy the
    connection is the proxy's, and nothing can be seen.
    """
    direct = False

    async def look(name: str, info: Mapping[str, Any]) -> None:
        nonlocal direct
        if name == "connection.connect_tcp.started":
            direct = str(info["host"]).strip("[]") == (urlsplit(url).hostname or "")
        elif name == "connection.connect_tcp.complete" and direct:
            stream = info["return_value"]
            network = network_of(stream.get_extra_info("server_addr")[0])
            if site.network is None:
                site.network = network
            elif network and network != site.network:
                await stream.aclose()
                raise PrivateNetwork(url)

    return look


async def _drain(response: httpx.Response) -> None:
    """Read to the end of a small body."""
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _SMALL:
        async for _ in response.aiter_raw():
            pass


async def _read(response: httpx.Response, most: int) -> tuple[bytes, str]:
    """The body, unpacked, and why it is not to be used, or "".

    httpx would unpack a piece of any size at once; here nothing grows beyond `most`.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        inflate = None
    elif encoding in ("gzip", "x-gzip", "deflate"):
        inflate = zlib.decompressobj(31 if "gzip" in encoding else 15)
    else:
        return b"", f"unknown compression: {encoding[:40]}"
    body = bytearray()
    async for chunk in response.aiter_raw():
        if inflate is None:
            body += chunk
        else:
            try:
                body += inflate.decompress(chunk, most + 1 - len(body))
            except zlib.error:
                return b"", "broken compression"
        if len(body) > most:
            return bytes(body[:most]), f"larger than {most // 2**20} MB"
    if inflate is not None and not inflate.eof:
        return bytes(body), "broken compression"
    return bytes(body), ""


def _timeouts() -> tuple[type[Exception], ...]:
    import httpx

    return (TimeoutError, httpx.TimeoutException)


def _transport_errors() -> tuple[type[Exception], ...]:
    import httpx

    return (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError)
