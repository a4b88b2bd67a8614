"""A home of ftui with one project, in which collections run as a person runs them: the command line and its worker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ftui.store import Store
from ftui.store.lease import Lease
from ftui.store.tasks import Task

PROJECT = "bench"
_TOKEN = "token-for-the-loopback-server"
_CHANGES = ("fetched_at",)


class Home:
    """One FTUI_HOME; see `home`.

    Attributes:
        store: the project.
    """

    def __init__(self, folder: Path, brightdata: str) -> None:
        # A byte code cache of its own: a machine that forbids one would compile at every start.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._environment = {
            **kept,
            "FTUI_HOME": str(folder),
            "PYTHONPYCACHEPREFIX": str(folder.parent / "pycache"),
            "BRIGHTDATA_API_TOKEN": _TOKEN,
        }
        if brightdata:
            (folder / "config").mkdir(parents=True)
            (folder / "config" / "config.toml").write_text(f'[brightdata]\nbase_url = "{brightdata}"\n')
        self.ftui("projects", "new", PROJECT)
        before = os.environ.get("FTUI_HOME")
        os.environ["FTUI_HOME"] = str(folder)
        try:
            self.store = Store(PROJECT)
        finally:
            os.environ.pop("FTUI_HOME")
            if before is not None:
                os.environ["FTUI_HOME"] = before

    def ftui(self, *arguments: str) -> str:
        """Run a command; gives what it printed.

        Raises:
            RuntimeError: it failed.
        """
        command = [sys.executable, "-m", "ftui", *arguments]
        done = subprocess.run(command, env=self._environment, check=False, capture_output=True, text=True, timeout=3600)
        if done.returncode:
            raise RuntimeError(f"ftui {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def detached(self, *arguments: str) -> None:
        """`ftui collect …`, not waited for."""
        self.ftui("collect", *arguments, "--detach")

    def again(self, name: str, kind: str, config: Mapping[str, Any]) -> Task:
        """`ftui collect again` of a source with any settings; gives the task when it is done."""
        self.add(name, kind, config)
        self.ftui("collect", "again", name)
        return self.task()

    def add(self, name: str, kind: str, config: Mapping[str, Any]) -> None:
        """Write a source down; not all of its settings have an option on the command line."""
        from ftui import collect

        self.store.sources.add(name, kind, collect.validate(kind, config))

    def task(self) -> Task:
        """The collection that was asked for last."""
        task = self.store.tasks.latest("collect")
        assert task is not None
        return task

    def worker(self) -> Lease | None:
        return self.store.leases.live()

    def peak_memory(self) -> int:
        """Bytes that the worker, which is idle by now, had in memory at most."""
        lease = self.worker()
        assert lease is not None, "the worker has left before it was looked at"
        status = Path(f"/proc/{lease.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def records(self) -> dict[str, str]:
        """Every record's data by its key, as text, without what differs from run to run."""
        rows = self.store.database.connection.execute("SELECT key, data FROM bulk.records")
        return {row[0]: _settled(row[1]) for row in rows}

    def end(self) -> None:
        """End the worker and wait for it."""
        lease = self.worker()
        if lease is not None:
            lease.end()
            deadline = time.monotonic() + 30
            while lease.alive:
                if time.monotonic() > deadline:
                    with suppress(ProcessLookupError):
                        os.kill(lease.pid, signal.SIGKILL)
                time.sleep(0.02)
        self.store.database.close()


@contextmanager
def home(folder: Path, *, brightdata: str = "") -> Iterator[Home]:
    """A new home in `folder`, whose worker has ended at the end of the block.

    Args:
        brightdata: the address at which Bright Data is to be found.
    """
    opened = Home(folder, brightdata)
    try:
        yield opened
    finally:
        opened.end()


def _settled(data: str) -> str:
    return json.dumps({name: value for name, value in json.loads(data).items() if name not in _CHANGES}, sort_keys=True)
