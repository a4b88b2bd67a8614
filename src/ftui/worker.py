"""The worker: one process a project that does the queued tasks and ends when it is idle.

It is started on demand, in a session of its own, so that closing the terminal
stops nothing. A task that was cut off goes on from its checkpoint. Each task runs
in a thread with its own event loop and its own connection to the store: a task
that computes does not hold up another that waits for the network.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ftui import __version__, credentials, paths
from ftui.errors import BusyError, FtuiError, describe
from ftui.store import Store

IDLE_SECONDS = 30.0
POLL_SECONDS = 0.1
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
        # Its tasks go back to the queue, and the new worker goes on with them.
        os.kill(lease.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while lease.alive and time.monotonic() < deadline:
            time.sleep(0.05)
    # Kept, so that one that has ended is reaped instead of staying a zombie.
    _started[:] = [child for child in _started if child.poll() is None]
    _started.append(spawn(store.name))


def spawn(project: str, idle: float | None = None) -> subprocess.Popen[bytes]:
    """Start a worker process; one that finds the lease taken ends at once."""
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

    def run(self) -> int:
        with Store(self.project) as store:
            holder = store.leases.take(fingerprint())
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

    def _loop(self, store: Store) -> None:
        last_busy = last_beat = time.monotonic()
        while not self.stopping.is_set():
            if not (store.folder / "project.db").exists():
                log.warning("the project is gone")
                return
            now = time.monotonic()
            self._running = {kind: thread for kind, thread in self._running.items() if thread.is_alive()}
            for task in reversed(store.tasks.all(states=("queued",))):
                if task.kind not in self._running:
                    thread = threading.Thread(target=self._do, args=(task.id,), name=f"task-{task.id}", daemon=True)
                    store.tasks.start(task.id)
                    self._running[task.kind] = thread
                    thread.start()
            if self._running:
                last_busy = now
            elif now - last_busy > self.idle:
                return
            if now - last_beat > 2.0:
                last_beat = now
                if not store.leases.beat():
                    log.warning("the lease was taken away")
                    return
            self.stopping.wait(POLL_SECONDS)

    def _do(self, task_id: int) -> None:
        """Run one task in this thread, and write down how it ended."""
        from ftui import runners

        try:
            with Store(self.project) as store:
                asyncio.run(runners.run(store, task_id, self.stopping))
        except BaseException as error:
            log.exception("task %s failed", task_id)
            self._fail(task_id, describe(error))

    def _fail(self, task_id: int, error: FtuiError) -> None:
        # A full disk may refuse this too; the next worker then finds the task running and does it again.
        try:
            with Store(self.project) as store:
                store.tasks.finish(task_id, "failed", error=error)
        except Exception:
            log.exception("task %s: its failure could not be written down", task_id)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ftui.worker", description=__doc__)
    parser.add_argument("project")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds without work before it ends")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Request lines would put addresses with their parameters into the log.
    for noisy in ("httpx", "httpx2", "openai", "trafilatura"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
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
