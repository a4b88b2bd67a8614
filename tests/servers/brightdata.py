"""Bright Data on loopback, with the faults that the real one shows: datasets and collectors.

Rows are invented. What is asked for is counted, above all what starts a job, which costs
money at the real one.
"""

from __future__ import annotations

import asyncio
import csv
import email
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from servers.broken import Closed, Cut

TOKEN = "token-of-the-test-server"


def product(number: int, **more: Any) -> dict[str, Any]:
    """An invented product with the field names of the Amazon dataset."""
    return {
        "title": f"Lumora kettle {number}",
        "asin": f"B0TEST{number:04}",
        "parent_asin": f"B0TEST{number:04}",
        "brand": "Lumora",
        "description": f"Kettle number {number} boils a litre in {number + 2} minutes.",
        "features": ["Keeps warm for an hour", "Lid opens with one hand"],
        "final_price": 20.0 + number,
        "currency": "EUR",
        "url": f"https://shop.test/dp/B0TEST{number:04}",
        "categories": ["Kitchen", "Kettles"],
        "input": {"url": f"https://shop.test/dp/B0TEST{number:04}"},
        "timestamp": "2026-11-20T10:00:00.000Z",
        **more,
    }


def error_row(number: int, code: str = "dead_page") -> dict[str, Any]:
    """A row as `include_errors` mixes it into the data."""
    return {
        "timestamp": "2026-11-20T10:00:00.000Z",
        "input": {"url": f"https://shop.test/dp/GONE{number:04}"},
        "error": "4XX page - dead page.",
        "error_code": code,
        "title": None,
    }


@dataclass
class Job:
    """One job as the server keeps it.

    Attributes:
        form: how its inputs came ("json", "wrapped" or "csv").
    """

    id: str
    dataset_id: str
    created: datetime
    input: list[Any]
    query: dict[str, str]
    form: str = "json"
    cancelled: bool = False


@dataclass
class BrightDataServer:
    """The service; `app` is what is served. Faults are lists, used up from the front.

    Attributes:
        rows: what each job brings; a string is sent as it is.
        as_array: send one JSON array, not lines.
        statuses: answers of `progress` in turn, the last one stays.
        unseen: how often `progress` does not know a job yet.
        not_ready: how often a download is answered with 202.
        says_when: whether a header then says how long to wait; else the text alone does.
        cut_after: rows after which a download breaks off.
        orders: "reverse" turns the rows of a download around.
        bodies: Responses that are sent instead of rows.
        trigger_faults: "lose" starts the job and closes the connection, "drop" closes it
            without starting the job, "late" answers after a second, a number is a status, a
            Response is sent.
        scrape_faults: the same for the call that waits; also "slow", which hands over, and
            "cut", which breaks off after one row.
        lists: what is sent in turn instead of the list of snapshots; None for the list itself.
        lists_scrapes: whether the list of snapshots knows of calls that wait.
        refusals: how many calls of each path's last part are answered with 429.
        retry_after: what these ask for.
        missing_parts: how often each part is not there.
        expired: ids of jobs whose rows are kept no longer.
        rows_when_cancelled: what a cancelled job leaves.
        tells_input: whether `/input` is there. told_input: what it tells instead of what was sent.
        redirects: every call is sent on, without end.
        jobs: what was started. hits: calls by path. parts: parts that were fetched.
    """

    rows: list[Any] = field(default_factory=lambda: [product(1), product(2), error_row(3)])
    as_array: bool = False
    statuses: list[Any] = field(default_factory=lambda: ["starting", "running", "ready"])
    unseen: int = 0
    not_ready: int = 0
    says_when: bool = True
    cut_after: list[int] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    bodies: list[Response] = field(default_factory=list)
    trigger_faults: list[Any] = field(default_factory=list)
    scrape_faults: list[Any] = field(default_factory=list)
    lists: list[Response | None] = field(default_factory=list)
    lists_scrapes: bool = True
    refusals: Counter[str] = field(default_factory=Counter)
    retry_after: str = "0"
    missing_parts: Counter[int] = field(default_factory=Counter)
    expired: set[str] = field(default_factory=set)
    rows_when_cancelled: list[Any] = field(default_factory=list)
    tells_input: bool = True
    told_input: list[Any] = field(default_factory=list)
    redirects: bool = False
    jobs: list[Job] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    parts: list[int] = field(default_factory=list)
    queries: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        snapshot = "/datasets/v3/snapshot/{id}"
        routes = [
            Route("/datasets/v3/trigger", self._guarded(self._trigger), methods=["POST"]),
            Route("/datasets/v3/scrape", self._guarded(self._scrape), methods=["POST"]),
            Route("/datasets/v3/snapshots", self._guarded(self._list)),
            Route("/datasets/v3/progress/{id}", self._guarded(self._progress)),
            Route(f"{snapshot}/input", self._guarded(self._input)),
            Route(f"{snapshot}/parts", self._guarded(self._parts)),
            Route(f"{snapshot}/cancel", self._guarded(self._cancel), methods=["POST"]),
            Route(snapshot, self._guarded(self._download)),
            Route("/dca/trigger", self._guarded(self._trigger_collector), methods=["POST"]),
            Route("/dca/dataset", self._guarded(self._collected)),
        ]
        return Starlette(routes=routes)

    @property
    def triggers(self) -> int:
        """How many jobs were started, each of which is paid for."""
        return len(self.jobs)

    def start(
        self, dataset_id: str, rows: list[Any], query: Mapping[str, str] | None = None, form: str = "json"
    ) -> Job:
        prefix = "j" if dataset_id.startswith("c_") else "s"
        identifier = f"{prefix}_test{len(self.jobs) + 1}"
        job = Job(identifier, dataset_id, datetime.now(UTC), rows, dict(query or {}), form)
        self.jobs.append(job)
        return job

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: Request) -> Response:
            name = request.url.path.removeprefix("/datasets/v3/").split("/")
            call = name[-1] if len(name) == 3 else name[0]
            self.hits[call] += 1
            self.queries.append((call, dict(request.query_params)))
            given = request.headers.get("authorization", "")
            if not given:
                return PlainTextResponse("Credentials are missing", 401)
            if given != f"Bearer {TOKEN}":
                return PlainTextResponse("Invalid credentials", 401)
            if self.redirects:
                return Response(status_code=302, headers={"location": str(request.url)})
            if self.refusals[call] > 0:
                self.refusals[call] -= 1
                return PlainTextResponse(
                    "You have too many running jobs for this dataset. Running jobs: 100>=100",
                    429,
                    {"retry-after": self.retry_after} if self.retry_after else {},
                )
            response: Response = await handler(request)
            return response

        return guarded

    async def _trigger(self, request: Request) -> Response:
        return await self._start_job(request, request.query_params.get("dataset_id", ""), "snapshot_id")

    async def _trigger_collector(self, request: Request) -> Response:
        return await self._start_job(request, request.query_params.get("collector", ""), "collection_id")

    async def _start_job(self, request: Request, dataset_id: str, name: str) -> Response:
        fault = self.trigger_faults.pop(0) if self.trigger_faults else None
        if isinstance(fault, Response):
            return fault
        if isinstance(fault, int):
            return PlainTextResponse("Internal trouble", fault)
        if fault == "drop":
            return Closed()
        rows, form = await _inputs(request)
        if (refusal := _refusal(rows)) is not None:
            return refusal
        job = self.start(dataset_id, rows, request.query_params, form)
        if fault == "lose":
            return Closed()
        if fault == "late":
            await asyncio.sleep(1)
        return JSONResponse({name: job.id, "start_eta": "2026-11-22T18:00:00.000Z"})

    async def _scrape(self, request: Request) -> Response:
        fault = self.scrape_faults.pop(0) if self.scrape_faults else None
        if isinstance(fault, Response):
            return fault
        if fault == "drop":
            return Closed()
        rows, form = await _inputs(request)
        if len(rows) > 20:
            return PlainTextResponse("Too many inputs", 400)
        if (refusal := _refusal(rows)) is not None:
            return refusal
        job = self.start(request.query_params["dataset_id"], rows, request.query_params, form)
        if fault == "slow":
            return JSONResponse(
                {"snapshot_id": job.id, "message": "Response is taking longer than expected"},
                202,
                {"retry-after": "10"},
            )
        if fault == "lose":
            return Closed()
        lines = _lines(self.rows)
        return Cut(lines[0] + b"\n") if fault == "cut" else Response(b"\n".join(lines))

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        if self.lists and (instead := self.lists.pop(0)) is not None:
            return instead
        if "dataset_id" not in asked:
            return JSONResponse({"error": "dataset_id is required"}, 400)
        found = [
            {
                "id": job.id,
                "created": job.created.isoformat().replace("+00:00", "Z"),
                "status": "running",
                "dataset_id": job.dataset_id,
                "dataset_size": len(self.rows),
            }
            for job in self.jobs
            if job.dataset_id == asked["dataset_id"]
            and job.created.strftime("%Y-%m-%d") >= asked.get("from_date", "")
            and asked.get("status", "running") == "running"
            and (self.lists_scrapes or "limit_multiple_results" in job.query)
        ]
        skip = int(asked.get("skip", "0"))
        return JSONResponse(found[skip : skip + int(asked.get("limit", "1000"))])

    def _find(self, request: Request) -> Job | None:
        wanted = request.path_params.get("id") or request.query_params.get("id")
        return next((one for one in self.jobs if one.id == wanted), None)

    async def _input(self, request: Request) -> Response:
        job = self._find(request)
        if job is None or not self.tells_input:
            return PlainTextResponse("Snapshot does not exist", 404)
        return JSONResponse(self.told_input or [{**row, "discovery": True} for row in job.input])

    async def _progress(self, request: Request) -> Response:
        job = self._find(request)
        if job is None or self.unseen > 0:
            self.unseen -= 1
            return PlainTextResponse("Snapshot does not exist", 404)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        extra = status if isinstance(status, dict) else {"status": status}
        if job.cancelled:
            extra = {"status": "cancelled"}
        if extra["status"] == "ready":
            extra = {"records": len(self.rows), "errors": 1, "collection_duration": 1000, **extra}
        return JSONResponse({"snapshot_id": job.id, "dataset_id": job.dataset_id, **extra})

    async def _parts(self, request: Request) -> Response:
        size = int(request.query_params["batch_size"])
        return JSONResponse({"parts": -(-len(self.rows) // size)})

    async def _cancel(self, request: Request) -> Response:
        job = self._find(request)
        if job is None:
            return PlainTextResponse("Snapshot does not exist", 404)
        if job.cancelled or self.statuses[0] == "ready":
            return PlainTextResponse("Snapshot is not running", 400)
        job.cancelled = True
        return PlainTextResponse("OK")

    async def _collected(self, request: Request) -> Response:
        if self._find(request) is None:
            return PlainTextResponse("Dataset does not exist", 404)
        if self.not_ready > 0:
            self.not_ready -= 1
            word = {"status": "building", "message": "Dataset is not ready yet, try again in 10s"}
            # Both have been seen.
            return JSONResponse(word, 202 if self.not_ready % 2 else 200, {"retry-after": "0"})
        return self._handed_over(self.rows, array=True)

    async def _download(self, request: Request) -> Response:
        job = self._find(request)
        if job is None:
            return PlainTextResponse("Snapshot does not exist", 404)
        if job.id in self.expired:
            return PlainTextResponse("Snapshot is expired", 400)
        if self.not_ready > 0:
            self.not_ready -= 1
            return JSONResponse(
                {"status": "building", "message": "Snapshot is not ready yet, try again in 30s"},
                202,
                {"retry-after": "0"} if self.says_when else {},
            )
        rows = self.rows_when_cancelled if job.cancelled else self.rows
        if not rows:
            return PlainTextResponse("Snapshot is empty", 400)
        if part := int(request.query_params.get("part", "0")):
            size = int(request.query_params["batch_size"])
            if self.missing_parts[part] > 0:
                self.missing_parts[part] -= 1
                return PlainTextResponse("Part does not exist", 404)
            self.parts.append(part)
            rows = rows[(part - 1) * size : part * size]
        return self._handed_over(rows, array=self.as_array)

    def _handed_over(self, rows: list[Any], *, array: bool) -> Response:
        if self.bodies:
            return self.bodies.pop(0)
        order = self.orders.pop(0) if self.orders else ""
        lines = _lines(rows[::-1] if order == "reverse" else rows)
        if array:
            return Response(b"[\n" + b",\n".join(lines) + b"\n]", media_type="application/json")
        if self.cut_after:
            return Cut(b"\n".join(lines[: self.cut_after.pop(0)]) + b"\n")
        return Response(b"\n".join(lines) + b"\n", media_type="application/x-ndjson")


def _lines(rows: list[Any]) -> list[bytes]:
    return [row.encode() if isinstance(row, str) else json.dumps(row).encode() for row in rows]


async def _inputs(request: Request) -> tuple[list[Any], str]:
    """The inputs of a job in any of the three forms."""
    body, kind = await request.body(), request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        parts = {part.get_param("name", header="content-disposition"): part for part in message.walk()}
        table = parts["data"].get_payload(decode=True)
        assert isinstance(table, bytes)
        return list(csv.DictReader(io.StringIO(table.decode()))), "csv"
    given = json.loads(body)
    return (given["input"], "wrapped") if isinstance(given, dict) else (given, "json")


def _refusal(rows: list[Any]) -> Response | None:
    if rows and all(isinstance(row, dict) and row for row in rows):
        return None
    return JSONResponse(
        {"error": "Invalid input provided", "code": "validation_error", "errors": [["url", "Required field"]]}, 400
    )
