"""The calls of Bright Data that ftui makes: datasets (`/datasets/v3`) and one's own collectors (`/dca`)."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ftui.collect.brightdata_http import BASE_URL as BASE_URL
from ftui.collect.brightdata_http import LONGEST_WAIT, PATIENCE, Account, Answer, LostAnswer, Told
from ftui.collect.brightdata_snapshot import Snapshot as Snapshot
from ftui.collect.brightdata_snapshot import snapshot_of
from ftui.collect.http import error_reason, no_answer
from ftui.errors import FtuiError, ServiceError

if TYPE_CHECKING:
    import httpx

SNAPSHOT_DAYS = 30
COLLECTOR_DAYS = 16
_SYNC_SECONDS = 150.0
_SLOWEST = 1000.0
_MOST_LISTED = 4000
_MOST_TRIES = 4
_AGAIN_IN = re.compile(r"again in (\d{1,6})\s*s")
_EMPTY = "The snapshot holds no records"
_EXPIRED = "The snapshot has expired"


class NotReady(Exception):
    """The rows are not there yet.

    Attributes:
        wait: seconds to wait, as the service asks, or None.
    """

    def __init__(self, text: str, wait: float | None) -> None:
        super().__init__(text)
        self.wait = wait


class NoSnapshot(Told):
    """The snapshot, or the part of it, does not exist, is empty, or is kept no longer.

    Attributes:
        for_good: it has expired, so that no part of it can be had.
        is_empty: there is nothing in it.
    """

    @property
    def for_good(self) -> bool:
        return self.error.what == _EXPIRED

    @property
    def is_empty(self) -> bool:
        return self.error.what == _EMPTY


class Unavailable(Told):
    """The service fails to hand over the rows."""


class Api:
    """One account at Bright Data; an async context manager. For the arguments see `Account`.

    Attributes:
        bytes: received with rows so far, as sent.
    """

    def __init__(
        self, token: str, base_url: str = BASE_URL, *, pause: float = 10.0, patience: float = PATIENCE
    ) -> None:
        self._account = Account(token, base_url, pause=pause, patience=patience)
        self.bytes = 0

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._account.close()

    async def trigger(self, query: Mapping[str, str], rows: Sequence[Mapping[str, Any]], form: str = "json") -> str:
        """Start a job: THIS SPENDS. Returns its id.

        Args:
            query: with `collector` for one's own collector, with `dataset_id` otherwise.
            form: "json" or "csv", how the inputs are sent.

        Raises:
            LostAnswer: it may have started; look before it is sent again.
            FtuiError: it has not started.
        """
        path = "/dca/trigger" if "collector" in query else "/datasets/v3/trigger"
        if form == "csv":
            table = _table(rows)
            answer = await self._account.spend(
                path, query, len(table), files={"data": ("input.csv", table, "text/csv")}
            )
        else:
            body = _body(query, rows)
            answer = await self._account.spend(path, query, len(body), content=body, headers=_JSON)
        identifier = answer.field("snapshot_id", "collection_id", "response_id")
        if not identifier:
            raise LostAnswer("an answer without an id")
        return identifier

    @asynccontextmanager
    async def scrape(
        self, query: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
    ) -> AsyncIterator[AsyncIterator[bytes] | str]:
        """Start a job and wait for its rows in the same call: THIS SPENDS.

        Yields the rows as they come, or the id of the job where it takes the service too long.

        Raises:
            LostAnswer, FtuiError: as `trigger`.
        """
        import httpx

        path, body = "/datasets/v3/scrape", _body(query, rows)
        query = dict(query) | {"format": "ndjson"}
        try:
            while True:
                async with self._account.stream(
                    "POST", path, query, content=body, headers=_JSON, timeout=max(_SYNC_SECONDS, self._account.patience)
                ) as response:
                    if response.status_code == 200:
                        yield self._paced(response)
                        return
                    answer = await self._account.read(path, response)
                if answer.status == 429:
                    await self._account.refused(answer)
                    continue
                if answer.status == 202 and (identifier := answer.field("snapshot_id")):
                    yield identifier
                    return
                if answer.status >= 500 or answer.is_success:
                    raise LostAnswer(self._account.message(answer))
                raise self._account.error(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise no_answer(self._account.base_url, error) from error
        except httpx.HTTPError as error:
            raise LostAnswer(error_reason(error)) from error

    async def snapshots(
        self, dataset_id: str, *, status: str = "", since: str = "", limit: int = _MOST_LISTED, skip: int = 0
    ) -> tuple[list[Snapshot], float]:
        """Earlier snapshots of a dataset, and the time (Unix, seconds) at the service.

        Args:
            status: only those in this state ("running", "ready", "failed"), "" for all.
            since: a day (`2026-11-22`), or "" for all.

        Raises:
            ServiceError: the answer is no list. To take it for an empty one could start a job twice.
        """
        query = {"dataset_id": dataset_id, "limit": str(limit)}
        query |= {name: value for name, value in (("status", status), ("from_date", since)) if value}
        query |= {"skip": str(skip)} if skip else {}
        answer = await self._account.call("/datasets/v3/snapshots", query)
        rows = answer.json()
        if isinstance(rows, Mapping):
            rows = next((value for value in rows.values() if isinstance(value, list)), None)
        if not isinstance(rows, list):
            raise ServiceError(
                "Bright Data gives no list of its snapshots", self._account.message(answer), "Resume it later"
            )
        listed = [snapshot_of(row, dataset_id) for row in rows if isinstance(row, Mapping) and row.get("id")]
        try:
            now = parsedate_to_datetime(answer.date).timestamp()
        except ValueError:
            now = time.time()
        return listed, now

    async def input_of(self, snapshot_id: str) -> list[Any] | None:
        """What a snapshot was asked for, None where the service does not tell."""
        answer = await self._account.call(f"{_path(snapshot_id)}/input", {}, accept=(400, 404))
        rows = answer.json() if answer.is_success else None
        rows = rows.get("input") if isinstance(rows, Mapping) else rows
        return rows if isinstance(rows, list) else None

    async def progress(self, snapshot_id: str) -> Mapping[str, Any]:
        """`{"status", ...}` of a snapshot, as the service words it.

        Raises:
            NoSnapshot: there is none of this id.
        """
        path = f"/datasets/v3/progress/{quote(snapshot_id, safe='')}"
        answer = await self._account.call(path, {}, accept=(400, 404))
        if not answer.is_success:
            raise NoSnapshot(self._gone(answer, snapshot_id, SNAPSHOT_DAYS))
        body = answer.json()
        return body if isinstance(body, Mapping) else {}

    async def parts(self, snapshot_id: str, batch_size: int) -> int:
        """In how many parts of so many rows a snapshot comes; 0 where the service does not tell."""
        query = {"format": "ndjson", "batch_size": str(batch_size)}
        answer = await self._account.call(f"{_path(snapshot_id)}/parts", query, accept=(202, 400, 404))
        body = answer.json() if answer.status == 200 else None
        parts = body.get("parts") if isinstance(body, Mapping) else None
        return parts if isinstance(parts, int) and not isinstance(parts, bool) and parts > 0 else 0

    async def cancel(self, snapshot_id: str) -> str:
        """Stop a job. Returns "", or what the service says where it does not run (any more)."""
        answer = await self._account.call(f"{_path(snapshot_id)}/cancel", {}, accept=(400, 404), method="POST")
        return "" if answer.is_success else self._account.message(answer)

    @asynccontextmanager
    async def download(
        self, job_id: str, *, collector: bool = False, batch_size: int = 0, part: int = 0
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The rows of a job as they come, decompressed.

        Args:
            collector: whether it is a job of a collector (`dca`).
            batch_size, part: the part to fetch, counted from 1; 0 for everything.

        Raises:
            NotReady: not yet. NoSnapshot: never. Unavailable: the service fails.
            LostAnswer: the connection was cut; rows may have come before.
        """
        import httpx

        path, days = ("/dca/dataset", COLLECTOR_DAYS) if collector else (_path(job_id), SNAPSHOT_DAYS)
        query = {"id": job_id} if collector else {"format": "ndjson"}
        if part:
            query |= {"batch_size": str(batch_size), "part": str(part)}
        tries = 0
        while True:
            try:
                async with self._account.stream("GET", path, query) as response:
                    if response.status_code == 200:
                        yield self._paced(response)
                        return
                    answer = await self._account.read(path, response)
            except httpx.HTTPError as error:
                raise LostAnswer(error_reason(error)) from error
            if answer.status == 429:
                await self._account.refused(answer)
            elif answer.status == 202:
                raise _not_ready(self._account.message(answer), answer.wait)
            elif answer.status in (400, 404):
                raise NoSnapshot(self._gone(answer, job_id, days))
            elif answer.status < 500:
                raise self._account.error(answer)
            else:
                tries += 1
                if tries > _MOST_TRIES:
                    raise Unavailable(self._account.error(answer))
                await asyncio.sleep(self._account.wait(tries))

    async def _paced(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The body as it comes. A service that sends next to nothing counts as gone.

        Only the time spent waiting for it counts, not what is done with the rows.
        """
        import httpx

        received, waited, got = 0, 0.0, 0
        chunks = response.aiter_bytes()
        while True:
            began = time.monotonic()
            try:
                chunk = await anext(chunks, None)
            except httpx.HTTPError as error:
                raise LostAnswer(error_reason(error)) from error
            self.bytes += response.num_bytes_downloaded - received
            received = response.num_bytes_downloaded
            if chunk is None:
                return
            waited += time.monotonic() - began
            got += len(chunk)
            if waited > self._account.patience:
                if got < waited * _SLOWEST:
                    raise LostAnswer("it sends next to nothing")
                waited, got = 0.0, 0
            yield chunk

    def message(self, body: Mapping[str, Any]) -> str:
        """What a body says that stands where rows should be, without the key."""
        return self._account.message(Answer("", 200, json.dumps(dict(body)).encode()))

    def _gone(self, answer: Answer, job_id: str, days: int) -> FtuiError:
        """Why there are no rows; how long they are kept explains most of it."""
        why = self._account.message(answer)
        if "empty" in why.casefold():
            return ServiceError(_EMPTY, why, "Check the input, then start it again")
        if "expired" in why.casefold():
            return ServiceError(
                _EXPIRED,
                f"Bright Data keeps rows for {days} days ({why})",
                "Collect from the source again; this is a new job and costs anew",
            )
        return ServiceError(
            f"Bright Data does not have the rows of {job_id}",
            f"{why}; they are kept for {days} days",
            "Look at the job at brightdata.com/cp",
        )


_JSON = {"Content-Type": "application/json"}


def _not_ready(text: str, wait: float | None) -> NotReady:
    """Where no header says how long to wait, the text may."""
    if wait is None and (asked := _AGAIN_IN.search(text)):
        wait = float(asked[1])
    return NotReady(text, None if wait is None else min(wait, LONGEST_WAIT))


def _path(snapshot_id: str) -> str:
    return f"/datasets/v3/snapshot/{quote(snapshot_id, safe='')}"


def _body(query: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Inputs as JSON. Where each of them is limited, the limit stands beside them too."""
    plain: Any = [dict(row) for row in rows]
    if "limit_per_input" in query:
        plain = {"input": plain, "limit_per_input": int(query["limit_per_input"])}
    return json.dumps(plain, ensure_ascii=False).encode()


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Inputs as CSV with a heading."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: str(value).lower() if isinstance(value, bool) else value for name, value in row.items()})
    return text.getvalue().encode()
