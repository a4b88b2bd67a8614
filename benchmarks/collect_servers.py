"""Loopback servers for the benchmarks of collecting, each a process of its own and as cheap as can be.

    with snapshot_server(rows_file, starts) as server: ...    Bright Data's calls over one file
    with site_server(pages) as server: ...                    a site that is kept in memory

`server.address` is where it listens; `server.counts()` says what was asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import collect_made

SNAPSHOT = "s_bench1"
_CONTROL = "/-/"
_TICK = 0.02
_UNDER_WAY = 3


@dataclass
class Counts:
    """What a server was asked for.

    Attributes:
        hits: requests by path with query; the benchmark's own are not counted.
        under_way: Unix time of the third request, 0 before it: robots.txt and the first page have come,
            and a crawler has loaded all that it needs to go on.
        ready: Unix time at which a snapshot was first said to be ready, 0 before it.
        sent: bytes of snapshots sent.
    """

    hits: dict[str, int] = field(default_factory=dict)
    under_way: float = 0.0
    ready: float = 0.0
    sent: int = 0


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    address: str

    def counts(self, *, fresh: bool = False) -> Counts:
        """What was asked for so far; with `fresh` it counts from zero again."""
        return Counts(**self._ask("fresh" if fresh else "counts"))

    def sum(self) -> tuple[int, int]:
        """Requests and bytes of snapshots so far; cheap."""
        requests, sent = self._ask("sum")
        return requests, sent

    def hold(self, *, requests: float = inf, sent: float = inf) -> None:
        """Answer no further than so many requests, or bytes of snapshots, until this is called again."""
        self._ask(f"hold/{requests}/{sent}")

    def _ask(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.address}{_CONTROL}{what}", timeout=20) as answer:
            return json.loads(answer.read())


@contextmanager
def site_server(pages: int, *, small: bool = False) -> Iterator[Server]:
    """A site of that many pages, see `collect_made.site`."""
    with _process(["site", str(pages), *(["--small"] if small else [])]) as server:
        yield server


@contextmanager
def snapshot_server(rows: Path, starts: array[int], *, rate: int = 0) -> Iterator[Server]:
    """Bright Data's calls; every snapshot holds the rows of one file.

    Args:
        starts: where each row begins in the file, and its end.
        rate: bytes a second of a download, 0 for all that go through.
    """
    index = rows.with_suffix(".starts")
    index.write_bytes(starts.tobytes())
    with _process(["snapshot", str(rows), str(index), "--rate", str(rate)]) as server:
        yield server


@contextmanager
def _process(arguments: list[str]) -> Iterator[Server]:
    # It ends with its standard input, so that none is left behind however this one ends.
    child = subprocess.Popen(
        [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        address = child.stdout.readline().strip()
        if not address:
            raise RuntimeError(f"the server did not start: {arguments}")
        yield Server(address)
    finally:
        child.stdin.close()
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


# In the process of the server


class _Http:
    """Just enough of HTTP/1.1 with connections that stay open."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.times = {"under_way": 0.0, "ready": 0.0}
        self.requests = self.sent = 0
        self.most_requests = self.most_sent = inf
        self.moved = asyncio.Event()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                body = await reader.readexactly(length)
                if target.startswith(_CONTROL):
                    self.say(writer, json.dumps(self._control(target.removeprefix(_CONTROL))).encode())
                else:
                    self.hits[target] += 1
                    self.requests += 1
                    number = self.requests
                    while number > self.most_requests:
                        await self.moved.wait()
                    if number == _UNDER_WAY:
                        self.times["under_way"] = time.time()
                    await self.answer(method, target, body, writer)
                await writer.drain()
        writer.close()

    def _control(self, what: str) -> Any:
        if what == "sum":
            return self.requests, self.sent
        if what.startswith("hold/"):
            self.most_requests, self.most_sent = map(float, what.split("/")[1:])
            self.moved.set()
            self.moved = asyncio.Event()
            return None
        counts = {"hits": dict(self.hits), "sent": self.sent, **self.times}
        if what == "fresh":
            self.hits.clear()
            self.times, self.requests, self.sent = {"under_way": 0.0, "ready": 0.0}, 0, 0
        return counts

    def say(
        self, writer: asyncio.StreamWriter, body: bytes, status: str = "200 OK", kind: str = "application/json"
    ) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    async def answer(self, method: str, target: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class _Site(_Http):
    def __init__(self, pages: dict[str, bytes]) -> None:
        super().__init__()
        self._pages = {**pages, "/robots.txt": collect_made.ROBOTS.encode()}

    async def answer(self, method: str, target: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        page = self._pages.get(target)
        status = "404 Not Found" if page is None else "200 OK"
        self.say(writer, page or b"nothing here", status, "text/html; charset=utf-8")


class _Snapshots(_Http):
    """The calls of the Web Scraper API that a collection makes; every snapshot is ready at once."""

    def __init__(self, rows: Path, starts: array[int], rate: int) -> None:
        super().__init__()
        self._file = rows.open("rb")
        self._starts = starts
        self._rate = rate
        self._started: list[dict[str, Any]] = []
        self._input: Any = []

    async def answer(self, method: str, target: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        match parts.path.removeprefix("/datasets/v3/").split("/"):
            case ["trigger"] if method == "POST":
                sent = json.loads(body)
                self._input = sent["input"] if isinstance(sent, dict) else sent
                created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                dataset = query["dataset_id"]
                self._started.append({"id": SNAPSHOT, "created": created, "status": "ready", "dataset_id": dataset})
                said: Any = {"snapshot_id": SNAPSHOT}
            case ["snapshots"]:
                said = self._started
            case ["progress", _]:
                self.times["ready"] = self.times["ready"] or time.time()
                said = {"snapshot_id": SNAPSHOT, "status": "ready", "records": len(self._starts) - 1, "errors": 0}
            case ["snapshot", _, "input"]:
                said = self._input
            case ["snapshot", _, "parts"]:
                said = {"parts": -(-(len(self._starts) - 1) // int(query["batch_size"]))}
            case ["snapshot", _]:
                return await self._download(query, writer)
            case _:
                return self.say(writer, b"not here", "404 Not Found", "text/plain")
        return self.say(writer, json.dumps(said).encode())

    async def _download(self, query: dict[str, str], writer: asyncio.StreamWriter) -> None:
        rows = len(self._starts) - 1
        size, part = int(query.get("batch_size", rows)), int(query.get("part", "1"))
        begin, end = (self._starts[min(row, rows)] for row in (size * (part - 1), size * part))
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: {end - begin}\r\n\r\n".encode()
        )
        await writer.drain()
        step = int(self._rate * _TICK) or 2**22
        while begin < end:
            while self.sent >= self.most_sent:
                await self.moved.wait()
            if writer.transport.is_closing():
                raise ConnectionResetError
            length = int(min(step, end - begin, self.most_sent - self.sent + 1))
            await asyncio.get_running_loop().sendfile(writer.transport, self._file, begin, length)
            begin += length
            self.sent += length
            if self._rate:
                await asyncio.sleep(_TICK)


async def _run(http: _Http) -> None:
    server = await asyncio.start_server(http.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    site = kinds.add_parser("site")
    site.add_argument("pages", type=int)
    site.add_argument("--small", action="store_true")
    snapshot = kinds.add_parser("snapshot")
    snapshot.add_argument("rows", type=Path)
    snapshot.add_argument("index", type=Path)
    snapshot.add_argument("--rate", type=int, default=0)
    options = parser.parse_args()
    if options.kind == "site":
        asyncio.run(_run(_Site(collect_made.site(options.pages, small=options.small))))
        return
    starts = array("Q")
    starts.frombytes(options.index.read_bytes())
    asyncio.run(_run(_Snapshots(options.rows, starts, options.rate)))


if __name__ == "__main__":
    main()
