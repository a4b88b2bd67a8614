"""One of the processes of a `Crew`: `python -m ftui.prepare.crew_process NUMBER ...`.

It is started once, with the number of a connection for each process that is wanted, loads
what takes time and memory to load, and forks. See `crew` for what is said between them.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import threading
import traceback
from array import array
from collections.abc import Mapping
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from ftui.errors import describe
from ftui.prepare import boilerplate, dedupe, tokens
from ftui.prepare.crew import Batch
from ftui.prepare.making import Item, Making
from ftui.prepare.pair import Pair


def main(numbers: list[int]) -> None:
    tokens.count("")
    gc.collect()
    gc.freeze()
    for number in numbers:
        if not os.fork():
            for other in numbers:
                if other != number:
                    os.close(other)
            try:
                _Process(Connection(number)).serve()
            finally:
                os._exit(1)
    for number in numbers:
        os.close(number)
    for _ in numbers:
        os.wait()


class _Process:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._told = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def serve(self) -> None:
        """Do what is asked until the connection ends."""
        # Records are very many small objects that are gone in a moment.
        gc.set_threshold(50_000, 20, 50)
        self._say("ready", None)
        _, recipe, sources, limit, self._file = self._jobs.get()
        self._near = recipe.duplicates.near
        with Making(recipe, sources, self._written, limit=limit) as making:
            while True:
                job, payload = self._jobs.get()
                try:
                    if job == "recall":
                        making.cleaner.recall(payload)
                        continue
                    answer = ("done", self._do(making, job, payload))
                except Exception as error:
                    traceback.print_exc()
                    answer = ("failed", describe(error).as_dict())
                self._say(*answer)

    def _do(self, making: Making, job: str, payload: Any) -> Any:
        if job == "finished":
            return _counted(list(making.finished(payload)))
        if job == "tokens":
            block = dedupe.in_block(self._file, memoryview(payload).cast("Q"))
            return array("I", [item.tokens for items in block for item in items if isinstance(item, Pair)]).tobytes()
        # What is read was written by the process that this one belongs to.
        records = map(pickle.loads, payload)
        if job == "said":
            said = list(map(making.cleaner.said, records))
            return len(said), boilerplate.told([each for each in said if each is not None])
        before = len(making.broken)
        made = making.of(records)
        if not self._near:  # otherwise they are counted while near-duplicates are looked for
            made = list(map(_counted, made))
        noted = making.cleaner.noted(self._told)
        self._told += len(noted)
        return Batch(dedupe.pack(made, self._near), list(making.broken[before:]), noted)

    def _written(self, key: str) -> Mapping[str, Any] | None:
        self._say("ask", key)
        answer: Mapping[str, Any] | None = self._answers.get()
        return answer

    def _say(self, *message: Any) -> None:
        try:
            self._connection.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))
        except OSError:
            os._exit(0)

    def _listen(self) -> None:
        """Take in what comes, at any time: who writes it must not wait until a job is done."""
        while True:
            try:
                message = pickle.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                os._exit(0)
            if message[0] == "written":
                self._answers.put(message[1])
            else:
                self._jobs.put(message)


def _counted(items: list[Item]) -> list[Item]:
    """The same, with their tokens counted: this process has the vocabulary."""
    for item in items:
        if isinstance(item, Pair):
            _ = item.tokens
    return items


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]])
