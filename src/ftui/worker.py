"""The worker: one process a project that does the queued tasks and ends when it is idle.

It is started on demand, in a session of its own, so that closing the terminal
stops nothing. A task that was cut off goes on from its checkpoint. Each task runs
in a thread with its own event loop and its own connection to the store: a task
that computes does not hold up another that waits for the network.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ftui import __version__, credentials, paths
from ftui.errors import BusyError, FtuiError, describe
from ftui.store import Store
from ftui.store.lease import HEARTBEAT, Lease

IDLE_SECONDS = 30.0
POLL_SECONDS = 0.1
TROUBLE_SECONDS = 1.0
REPLACE_SECONDS = 30.0
"""The longest that a worker waits for the one it replaces."""
log = logging.getLogger("ftui.worker")
_started: list[subprocess.Popen[bytes]] = []


def ensure(store: Store) -> None:
    """Make sure a worker of this version, with the keys of this environment, runs for the project.

    Raises:
        BusyError: a worker on another machine holds the project.
    """
    lease = store.leases.live()
    if lease is not None:
        if not lease.here:
            raise BusyError(
                "The project is being worked on elsewhere", f"by ftui on {lease.host}", "Wait, or stop it there"
            )
        if lease.version == __version__ and lease.environment == fingerprint():
            return
        # Its tasks go back to the queue; the new worker waits for its end and goes on with them.
        lease.end()
    # Kept, so that one that has ended is reaped instead of staying a zombie.
    _started[:] = [child for child in _started if child.poll() is None]
    _started.append(spawn(store.name))


def spawn(project: str, idle: float | None = None) -> subprocess.Popen[bytes]:
    """Start a worker process; one that finds another like itself at work ends at once."""
    command = [sys.executable, "-m", "ftui.worker", project]
    if idle is not None:
        command += ["--idle", str(idle)]
    with log_path(project).open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=paths.project_dir(project),
        )


def log_path(project: str) -> Path:
    return paths.log_dir() / f"worker-{project}.log"


def fingerprint() -> str:
    """Tells whether keys in the environment have changed, and tells nothing about them."""
    names = [name for group in credentials.ENVIRONMENT.values() for name in group]
    names += ["OPENAI_BASE_URL", "FTUI_ENGINE_HOME"]
    text = "\0".join(os.environ.get(name, "") for name in names)
    return hashlib.blake2b(text.encode(), key=b"ftui.worker", digest_size=4).hexdigest()


class Worker:
    """The loop: start queued tasks, one of a kind at a time, until there is nothing to do.

    Args:
        idle: seconds without a task after which it ends.
    """

    def __init__(self, project: str, idle: float = IDLE_SECONDS) -> None:
        self.project = project
        self.idle = idle
        self.stopping = threading.Event()
        self._running: dict[str, threading.Thread] = {}
        self._failed: dict[int, FtuiError] = {}

    def run(self) -> int:
        with Store(self.project) as store:
            holder = self._take(store)
            if holder is not None:
                log.info("process %s on %s works on it already", holder.pid, holder.host)
                return 0
            store.tasks.requeue_running()
            try:
                self._loop(store)
            finally:
                self.stopping.set()
                for thread in self._running.values():
                    thread.join(timeout=15)
                if store.folder.exists():
                    store.leases.release()
        return 0

    def _take(self, store: Store) -> Lease | None:
        """Take the lease: None, or who keeps it. One that was asked to end for our sake is waited for."""
        deadline = time.monotonic() + REPLACE_SECONDS
        while True:
            holder = store.leases.take(fingerprint())
            if holder is None or not holder.here or self.stopping.is_set():
                return holder
            if (holder.version, holder.environment) == (__version__, fingerprint()) or time.monotonic() > deadline:
                return holder
            self.stopping.wait(POLL_SECONDS)

    def _loop(self, store: Store) -> None:
        last_busy = last_beat = time.monotonic()
        while not self.stopping.is_set():
            if not (store.folder / "project.db").exists():
                log.warning("the project is gone")
                return
            now = time.monotonic()
            self._running = {kind: thread for kind, thread in self._running.items() if thread.is_alive()}
            if self._running:
                last_busy = now
            try:
                self._start_queued(store)
                if now - last_beat > HEARTBEAT:
                    last_beat = now
                    if not store.leases.beat():
                        log.warning("the lease was taken away")
                        return
                if now - last_busy > self.idle and self._leave(store):
                    return
            except (FtuiError, sqlite3.Error) as error:
                # A full disk, or a lock held too long: it may be better in a moment.
                log.warning("%s", error)
                if now - last_busy > self.idle:
                    return
                self.stopping.wait(TROUBLE_SECONDS)
            self.stopping.wait(POLL_SECONDS)

    def _start_queued(self, store: Store) -> None:
        for task_id, error in list(self._failed.items()):
            store.tasks.finish(task_id, "failed", error=error)
            del self._failed[task_id]
        for task in reversed(store.tasks.all(states=("queued",))):
            # Jobs run at their providers, side by side: each is watched for itself. What is only
            # to be stopped waits for no other: it may be running for money elsewhere.
            alone = task.kind == "train" or task.control == "stop"
            slot = f"{task.kind} {task.id}" if alone else task.kind
            if slot not in self._running and store.tasks.start(task.id):
                thread = threading.Thread(target=self._do, args=(task.id,), name=f"task-{task.id}", daemon=True)
                self._running[slot] = thread
                thread.start()

    def _leave(self, store: Store) -> bool:
        """Give the lease back, unless something was queued just now: who queued it saw a worker that lives."""
        with store.database.write():
            if store.tasks.all(states=("queued",), limit=1):
                return False
            store.leases.release()
            return True

    def _do(self, task_id: int) -> None:
        """Run one task in this thread, and write down how it ended."""
        from ftui import runners

        try:
            with Store(self.project) as store:
                asyncio.run(runners.run(store, task_id, self.stopping))
        except BaseException as error:
            log.exception("task %s failed", task_id)
            # Written down by the loop, which tries again where a full disk refuses it.
            self._failed[task_id] = describe(error)


class _Formatter(logging.Formatter):
    """A traceback can quote a service that repeats the key it refuses."""

    def format(self, record: logging.LogRecord) -> str:
        return credentials.hide(super().format(record), credentials.known())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ftui.worker", description=__doc__)
    parser.add_argument("project")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds without work before it ends")
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Request lines would put addresses with their parameters into the log.
    for noisy in ("httpx", "httpx2", "openai", "trafilatura"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Rows are very many small objects that are gone in a moment; looking for cycles among
    # them as often as Python does by itself takes a tenth of the time of a collection.
    gc.set_threshold(50_000, 20, 50)
    worker = Worker(options.project, options.idle)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stopping.set())
    try:
        return worker.run()
    except FtuiError as error:
        log.error("%s", error)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
