"""The processes that make pairs beside the one that was asked to.

What is done to one record hangs on no other (`making`), so that many processes share it: they
get batches of records and give them back, in order, as what came of them. They are forks of
one process that has the vocabulary loaded, so that it is in memory once. They are a process
group that is killed as a whole; and each ends by itself when its connection does, as it does
when this process is killed.

A message is a pickled tuple. To a process go ("start", recipe, sources, limit, file), ("recall", what was
learnt), the jobs ("said", records), ("make", records), ("tokens", block) and ("finished", items), and
("written", what a model wrote) as the answer to ("ask", key of the request). Back come ("ready",
None) at first, ("done", result), in the order of the jobs, and ("failed", error).
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, Self

import ftui
from ftui.errors import FtuiError
from ftui.prepare.boilerplate import Noted, Told
from ftui.prepare.dedupe import Packed
from ftui.prepare.limit import Limit
from ftui.prepare.making import Item
from ftui.prepare.recipe import Recipe
from ftui.prepare.template import Written

FEW = 1000
"""Records that are made here sooner than processes have started."""
MOST = 4
_BATCH, _BATCH_BYTES = 200, 2**20
_AHEAD = 2
"""Jobs that a process has at once: one to do, one to go on with."""
SIGN = 0.3
"""Seconds without a result after which there is a sign of life instead."""


class Batch(NamedTuple):
    """What a process gives back.

    Attributes:
        broken: why records ran into a limit of the recipe's own template.
        noted: what was left out as boilerplate that this process had not told yet.
    """

    packed: Packed
    broken: list[str]
    noted: list[Noted]


class Crew:
    """Some processes that make pairs by one recipe; a context that ends them.

    Args:
        written: what a model wrote; asked here, since the answers are not sent along.
        file: its number; where `tokens` finds pairs.
    """

    def __init__(
        self,
        processes: int,
        recipe: Recipe,
        sources: Mapping[int, str],
        written: Written,
        limit: Limit | None,
        file: int,
    ) -> None:
        self._written = written
        self._connections = list[Connection]()
        self._counting: Thread | None = None
        self._start(processes, file)
        self._tell("start", recipe, dict(sources), limit, file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The leader is not waited for yet, so that the number of its group is still its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._leader.pid, signal.SIGKILL)
        if self._counting is not None:
            self._counting.join()
        for connection in self._connections:
            connection.close()
        self._leader.wait()

    def started(self) -> Iterator[None]:
        """Signs of life until all processes have started."""
        missing = list(self._connections)
        while missing:
            for connection in wait(missing, SIGN):
                assert isinstance(connection, Connection)
                self._answer(connection)
                missing.remove(connection)
            yield None

    def said(self, records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Told] | None]:
        """What records say, for a cleaner to count, and how many they are, some of them at a time; None
        where that takes a while."""
        return self._each("said", _batches(records))

    def recall(self, learnt: Any) -> None:
        """Tell what a cleaner has learnt of what was said."""
        self._tell("recall", learnt)

    def make(self, records: Iterable[Mapping[str, Any]]) -> Iterator[Batch | None]:
        """What comes of records, some of them at a time; None where that takes a while."""
        return self._each("make", _batches(records))

    def finished(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pairs cleaned and held against the file rules."""
        source = iter(items)
        for some in self._each("finished", iter(lambda: list(islice(source, _BATCH)), [])):
            yield from some or ()

    def tokens(self, blocks: Iterable[bytes]) -> Iterator[bytes | None]:
        """The tokens of the pairs of blocks of the file (`dedupe.Shared`), counted whether or not somebody waits."""
        counted = SimpleQueue[bytes | Exception]()

        def count() -> None:
            try:
                # One is left out: this process has something to do as well.
                for each in self._each("tokens", blocks, self._connections[1:]):
                    if each is not None:
                        counted.put(each)
            except Exception as error:
                counted.put(error)

        self._counting = Thread(target=count, daemon=True)
        self._counting.start()
        return _taken(counted)

    def _start(self, processes: int, file: int) -> None:
        theirs = list[Connection]()
        for _ in range(processes):
            here, there = Pipe()
            self._connections.append(here)
            theirs.append(there)
        root = str(Path(ftui.__file__).parent.parent)
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        numbers = [connection.fileno() for connection in theirs]
        self._leader = subprocess.Popen(
            [sys.executable, "-P", "-m", "ftui.prepare.crew_process", *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[*numbers, file],
            process_group=0,
            env={**os.environ, "PYTHONPATH": path},
        )
        for connection in theirs:
            connection.close()

    def _tell(self, *message: Any) -> None:
        line = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        for connection in self._connections:
            self._send(connection, line)

    def _send(self, connection: Connection, line: bytes) -> None:
        try:
            connection.send_bytes(line)
        except OSError:
            raise _ended() from None

    def _each(self, job: str, payloads: Iterable[Any], by: Sequence[Connection] = ()) -> Iterator[Any]:
        """The results of jobs in their order, with a bounded number of them under way.

        Args:
            by: who does them; () for all.
        """
        source = iter(payloads)
        under_way: dict[Connection, list[int]] = {connection: [] for connection in by or self._connections}
        results = dict[int, Any]()
        sent = given = 0
        more = True
        while True:
            # What has come back and waits for its turn counts as well: it is in memory.
            while more and sent - given < _AHEAD * len(under_way) + 1:
                connection = min(under_way, key=lambda each: len(under_way[each]))
                if len(under_way[connection]) >= _AHEAD:
                    break
                payload = next(source, None)
                if payload is None:
                    more = False
                    break
                self._send(connection, pickle.dumps((job, payload), pickle.HIGHEST_PROTOCOL))
                under_way[connection].append(sent)
                sent += 1
            if given == sent:
                return
            if given not in results:
                if not self._receive(under_way, results):
                    yield None
                continue
            yield results.pop(given)
            given += 1

    def _receive(self, under_way: dict[Connection, list[int]], results: dict[int, Any]) -> bool:
        """Take in what has come back; gives whether anything has."""
        ready = wait(self._connections, SIGN)
        for connection in ready:
            assert isinstance(connection, Connection)
            answer, value = self._answer(connection)
            if answer == "ask":
                self._send(connection, pickle.dumps(("written", self._written(value)), pickle.HIGHEST_PROTOCOL))
            elif answer == "failed":
                raise FtuiError.from_dict(value)
            else:
                results[under_way[connection].pop(0)] = value
        return bool(ready)

    @staticmethod
    def _answer(connection: Connection) -> tuple[str, Any]:
        try:
            answer, value = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            raise _ended() from None
        return answer, value


def _taken(results: SimpleQueue[bytes | Exception]) -> Iterator[bytes | None]:
    while True:
        try:
            result = results.get(timeout=SIGN)
        except Empty:
            yield None
            continue
        if isinstance(result, Exception):
            raise result
        yield result


def processes() -> int:
    """How many processes are worth their memory on this machine; fewer than two are none."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MOST)
    return min(os.cpu_count() or 1, MOST)


def _batches(records: Iterable[Mapping[str, Any]]) -> Iterator[list[bytes]]:
    """Records in batches that are not larger than need be, each of them pickled."""
    batch, size = list[bytes](), 0
    for record in records:
        batch.append(pickle.dumps(record, pickle.HIGHEST_PROTOCOL))
        size += len(batch[-1])
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _ended() -> FtuiError:
    return FtuiError(
        "The making of pairs was cut off", "one of its processes ended", "Check the free memory, then start it again"
    )
