"""Bright Data's Web Scraper API on loopback, with the faults that the real one shows.

Rows are invented. What is asked for is counted, above all the triggers, which cost
money at the real one.
"""

from __future__ import annotations

import asyncio
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
class Snapshot:
    """One collection as the server keeps it."""

    id: str
    dataset_id: str
    created: datetime
    input: list[Any]
    query: dict[str, str]


@dataclass
class BrightDataServer:
    """The service; `app` is what is served. Faults are lists, used up from the front.

    Attributes:
        rows: what each snapshot holds.
        as_array: send one JSON array, not lines.
        statuses: answers of `progress` in turn, the last one stays.
        not_ready: how often a download is answered with 202.
        cut_after: rows after which a download breaks off.
        orders: "reverse" turns the rows of a download around.
        trigger_faults: "lose" starts the job and closes the connection, "drop" closes it
            without starting the job, a number is a status, a Response is sent.
        refusals: how many calls of each path's last part are answered with 429.
        tells_input: whether `/input` is there.
        snapshots: what was started. hits: calls by path.
    """

    rows: list[Any] = field(default_factory=lambda: [product(1), product(2), error_row(3)])
    as_array: bool = False
    statuses: list[Any] = field(default_factory=lambda: ["starting", "running", "ready"])
    not_ready: int = 0
    cut_after: list[int] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    trigger_faults: list[Any] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    tells_input: bool = True
    snapshots: list[Snapshot] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    queries: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        routes = [
            Route("/datasets/v3/trigger", self._guarded(self._trigger), methods=["POST"]),
            Route("/datasets/v3/snapshots", self._guarded(self._list)),
            Route("/datasets/v3/progress/{id}", self._guarded(self._progress)),
            Route("/datasets/v3/snapshot/{id}/input", self._guarded(self._input)),
            Route("/datasets/v3/snapshot/{id}", self._guarded(self._download)),
        ]
        return Starlette(routes=routes)

    @property
    def triggers(self) -> int:
        """How many collections were started, each of which is paid for."""
        return len(self.snapshots)

    def start(self, dataset_id: str, rows: list[Any], query: Mapping[str, str] | None = None) -> Snapshot:
        snapshot = Snapshot(f"s_test{len(self.snapshots) + 1}", dataset_id, datetime.now(UTC), rows, dict(query or {}))
        self.snapshots.append(snapshot)
        return snapshot

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
            if self.refusals[call] > 0:
                self.refusals[call] -= 1
                return PlainTextResponse(
                    "You have too many running jobs for this dataset. Running jobs: 100>=100",
                    429,
                    {"retry-after": "0"},
                )
            response: Response = await handler(request)
            return response

        return guarded

    async def _trigger(self, request: Request) -> Response:
        fault = self.trigger_faults.pop(0) if self.trigger_faults else None
        if isinstance(fault, Response):
            return fault
        if isinstance(fault, int):
            return PlainTextResponse("Internal trouble", fault)
        if fault == "drop":
            return _Closed()
        rows = json.loads(await request.body())
        if any(not isinstance(row, dict) or not row for row in rows) or not rows:
            return JSONResponse(
                {"error": "Invalid input provided", "code": "validation_error", "errors": [["url", "Required field"]]},
                400,
            )
        snapshot = self.start(request.query_params["dataset_id"], rows, request.query_params)
        if fault == "lose":
            return _Closed()
        return JSONResponse({"snapshot_id": snapshot.id})

    async def _list(self, request: Request) -> Response:
        if "dataset_id" not in request.query_params:
            return JSONResponse({"error": "dataset_id is required"}, 400)
        found = [
            {
                "id": snapshot.id,
                "created": snapshot.created.isoformat().replace("+00:00", "Z"),
                "status": "running",
                "dataset_id": snapshot.dataset_id,
            }
            for snapshot in self.snapshots
            if snapshot.dataset_id == request.query_params["dataset_id"]
            and snapshot.created.strftime("%Y-%m-%d") >= request.query_params.get("from_date", "")
        ]
        return JSONResponse(found[: int(request.query_params.get("limit", "1000"))])

    def _find(self, request: Request) -> Snapshot | None:
        return next((one for one in self.snapshots if one.id == request.path_params["id"]), None)

    async def _input(self, request: Request) -> Response:
        snapshot = self._find(request)
        if snapshot is None or not self.tells_input:
            return PlainTextResponse("Snapshot does not exist", 404)
        return JSONResponse([{**row, "discovery": True} for row in snapshot.input])

    async def _progress(self, request: Request) -> Response:
        snapshot = self._find(request)
        if snapshot is None:
            return PlainTextResponse("Snapshot does not exist", 404)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        extra = status if isinstance(status, dict) else {"status": status}
        if extra["status"] == "ready":
            extra = {**extra, "records": len(self.rows), "errors": 1, "collection_duration": 1000}
        return JSONResponse({"snapshot_id": snapshot.id, "dataset_id": snapshot.dataset_id, **extra})

    async def _download(self, request: Request) -> Response:
        if self._find(request) is None:
            return PlainTextResponse("Snapshot does not exist", 404)
        if self.not_ready > 0:
            self.not_ready -= 1
            return JSONResponse(
                {"status": "building", "message": "Snapshot is not ready yet, try again in 30s"},
                202,
                {"retry-after": "0"},
            )
        if not self.rows:
            return PlainTextResponse("Snapshot is empty", 400)
        order = self.orders.pop(0) if self.orders else ""
        rows = self.rows[::-1] if order == "reverse" else self.rows
        lines = [row.encode() if isinstance(row, str) else json.dumps(row).encode() for row in rows]
        if self.as_array:
            return Response(b"[\n" + b",\n".join(lines) + b"\n]", media_type="application/json")
        if self.cut_after:
            return _Cut(b"\n".join(lines[: self.cut_after.pop(0)]) + b"\n")
        return Response(b"\n".join(lines) + b"\n", media_type="application/x-ndjson")


class _Closed(Response):
    """Begins an answer and closes the connection, so that its content is lost."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class _Cut(Response):
    """Sends a part of what it announces and closes the connection."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.headers["content-length"] = str(len(content) + 1000)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        # The rows shall have left before the connection is closed.
        await asyncio.sleep(0.02)
