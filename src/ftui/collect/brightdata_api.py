"""The calls of Bright Data's Web Scraper API that ftui makes, and what its answers mean.

Bodies are JSON or plain text and are read with care. 25 answers with 429 in five
minutes block the address of the person, so after a few in a row this stops.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ftui.collect.http import error_reason, no_answer, open_client, retry_after, status_reason
from ftui.errors import CredentialError, FtuiError, InputError, ServiceError

if TYPE_CHECKING:
    import httpx

BASE_URL = "https://api.brightdata.com"
_TIMEOUT = 60.0
_MOST_REFUSALS = 3
_MOST_LOST = 4
_LONGEST_WAIT = 300.0


class LostAnswer(Exception):
    """A call that spends was sent, and nobody knows whether it arrived."""


class NotReady(Exception):
    """The snapshot is not ready for download.

    Attributes:
        wait: seconds to wait, as the service asks, or None.
    """

    def __init__(self, text: str, wait: float | None) -> None:
        super().__init__(text)
        self.wait = wait


class NoSnapshot(Exception):
    """The snapshot does not exist, is empty, or is kept no longer.

    Attributes:
        error: the same for a person.
    """

    def __init__(self, error: FtuiError) -> None:
        super().__init__(str(error))
        self.error = error


class Api:
    """One account at Bright Data; an async context manager.

    Args:
        token: the API key. It is sent to `base_url` alone and appears in no error.
        pause: seconds before a failed call is made again, doubled each time.
    """

    def __init__(self, token: str, base_url: str = BASE_URL, pause: float = 10.0) -> None:
        if not token.isascii() or not token.isprintable() or " " in token:
            # Said here, because further down the key itself would be part of the error.
            raise CredentialError("This is not a key of Bright Data", "it holds odd characters", "Paste the key alone")
        self._token = token
        self._base_url = base_url
        self._pause = pause
        self._refusals = 0
        self._client = open_client(base_url, timeout=_TIMEOUT, token=token)
        self.bytes = 0

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()

    async def snapshots(self, dataset_id: str, since: str = "", limit: int = 1000) -> tuple[list[Any], float]:
        """Earlier snapshots of a dataset, and the time (Unix, seconds) at the service.

        Args:
            since: a day (`2026-11-22`), or "" for all.
        """
        query = {"dataset_id": dataset_id, "limit": str(limit)} | ({"from_date": since} if since else {})
        response = await self._get("/datasets/v3/snapshots", query)
        rows = _json(response)
        try:
            now = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
        except ValueError:
            now = time.time()
        return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else [], now

    async def input_of(self, snapshot_id: str) -> list[Any] | None:
        """What a snapshot was asked for, None where the service does not tell."""
        response = await self._get(f"/datasets/v3/snapshot/{snapshot_id}/input", {}, accept=(400, 404))
        rows = _json(response) if response.is_success else None
        rows = rows.get("input") if isinstance(rows, Mapping) else rows
        return rows if isinstance(rows, list) else None

    async def trigger(self, query: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
        """Start a collection: THE CALL THAT SPENDS. Returns the id of the snapshot.

        Raises:
            LostAnswer: it may have started; look before it is sent again.
            FtuiError: it has not started.
        """
        import httpx

        while True:
            try:
                response = await self._client.post("/datasets/v3/trigger", params=dict(query), json=list(rows))
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise no_answer(self._base_url, error) from error
            except httpx.HTTPError as error:
                raise LostAnswer(error_reason(error)) from error
            if response.status_code == 429:
                await self._refused(response)
                continue
            self._refusals = 0
            if response.status_code >= 500:
                raise LostAnswer(status_reason(response.status_code))
            if not response.is_success:
                raise self._error(response)
            body = _json(response)
            identifier = body.get("snapshot_id") if isinstance(body, Mapping) else None
            if not isinstance(identifier, str) or not identifier:
                raise LostAnswer("an answer without snapshot_id")
            return identifier

    async def progress(self, snapshot_id: str) -> Mapping[str, Any]:
        """`{"status", ...}` of a snapshot, as the service words it.

        Raises:
            NoSnapshot: there is none of this id.
        """
        response = await self._get(f"/datasets/v3/progress/{snapshot_id}", {}, accept=(400, 404))
        if not response.is_success:
            raise NoSnapshot(self._error(response))
        body = _json(response)
        return body if isinstance(body, Mapping) else {}

    async def rows(self, snapshot_id: str) -> AsyncGenerator[bytes, None]:
        """The rows of a snapshot, each as JSON, streamed where the service sends lines.

        Raises:
            NotReady: not yet. NoSnapshot: never.
            LostAnswer: the connection was cut; rows may have come before.
        """
        import httpx
        import orjson

        lost = 0
        while True:
            try:
                async with self._client.stream(
                    "GET", f"/datasets/v3/snapshot/{snapshot_id}", params={"format": "ndjson"}
                ) as response:
                    if response.status_code != 200:
                        await response.aread()
                    if response.status_code == 429:
                        await self._refused(response)
                        continue
                    self._refusals = 0
                    if response.status_code == 202:
                        raise NotReady(self._message(response), retry_after(response))
                    if response.status_code >= 500 and lost < _MOST_LOST:
                        lost += 1
                        await asyncio.sleep(self._wait(lost))
                        continue
                    if response.status_code in (400, 404):
                        raise NoSnapshot(self._error(response))
                    if response.status_code != 200:
                        raise self._error(response)
                    async for row in _split(response, self._count, orjson.loads, orjson.dumps):
                        yield row
                    return
            except httpx.HTTPError as error:
                raise LostAnswer(error_reason(error)) from error

    def _count(self, size: int) -> None:
        self.bytes += size

    async def _get(self, path: str, query: Mapping[str, str], accept: Sequence[int] = ()) -> httpx.Response:
        """A call that costs nothing, made again after a lost answer or a busy service."""
        import httpx

        lost = 0
        while True:
            try:
                response = await self._client.get(path, params=dict(query))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                lost += 1
                if lost > _MOST_LOST or isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
                    raise no_answer(self._base_url, error) from error
                await asyncio.sleep(self._wait(lost))
                continue
            if response.status_code == 429:
                await self._refused(response)
                continue
            self._refusals = 0
            if response.status_code >= 500 and lost < _MOST_LOST:
                lost += 1
                await asyncio.sleep(self._wait(lost))
                continue
            if response.is_success or response.status_code in accept:
                return response
            raise self._error(response)

    def _wait(self, attempt: int) -> float:
        return min(self._pause * 2.0 ** (attempt - 1), _LONGEST_WAIT)

    async def _refused(self, response: httpx.Response) -> None:
        """Wait after a 429, or stop."""
        self._refusals += 1
        asked = retry_after(response)
        if self._refusals >= _MOST_REFUSALS or (asked or 0) > _LONGEST_WAIT:
            raise ServiceError(
                "Bright Data has too much to do for you",
                self._message(response),
                "Wait until running jobs have ended, then resume; asking on would block your address",
            )
        await asyncio.sleep(self._wait(self._refusals) if asked is None else asked)

    def _error(self, response: httpx.Response) -> FtuiError:
        """The error that an answer stands for."""
        status, why = response.status_code, self._message(response)
        if status in (401, 403):
            return CredentialError(
                "Bright Data does not accept the key", why, "Check it at brightdata.com/cp/setting/users, then save it"
            )
        if status in (400, 422) and response.url.path.endswith("/trigger"):
            return InputError("Bright Data does not accept the job", why, "Correct the input, then start it again")
        return ServiceError("Bright Data says no", why, "Look at the job at brightdata.com/cp")

    def _message(self, response: httpx.Response) -> str:
        """What an answer says, from JSON or plain text, without the key."""
        body = _json(response)
        parts: list[str] = []
        if isinstance(body, Mapping):
            for name in ("error", "message", "error_message", "validation_errors", "errors"):
                if value := body.get(name):
                    parts.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        text = ": ".join(parts) or response.headers.get("x-brd-error", "") or response.text
        text = " ".join(text.split())[:400] or status_reason(response.status_code)
        return text.replace(self._token, "…") if self._token else text


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


async def _split(
    response: httpx.Response,
    count: Callable[[int], None],
    loads: Callable[[bytes], Any],
    dumps: Callable[[Any], bytes],
) -> AsyncGenerator[bytes, None]:
    """Rows of a body that is either lines of JSON or one JSON array."""
    rest = b""
    is_array: bool | None = None
    received = 0
    whole = bytearray()
    async for chunk in response.aiter_bytes():
        count(response.num_bytes_downloaded - received)
        received = response.num_bytes_downloaded
        if is_array is None and (start := chunk.lstrip(b"\xef\xbb\xbf \t\r\n")):
            is_array = start.startswith(b"[")
        if is_array:
            whole += chunk
            continue
        # Only a line feed ends a row: texts hold other line separators.
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line.strip()
    if rest.strip():
        yield rest.strip()
    if is_array:
        try:
            rows = loads(bytes(whole))
        except ValueError as error:
            raise ServiceError("The snapshot cannot be read", f"it is not JSON: {error}", "Start it again") from error
        for row in rows:
            yield dumps(row)
