"""The worker's lease on a project: at most one worker, and everybody can see whether it lives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from dataclasses import dataclass

from ftui import __version__, process
from ftui.store.database import Database

HEARTBEAT = 2.0
"""Seconds between two signs of life."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on the project.

    Attributes:
        process_start: from `process.start_time`, so that a reused pid is not mistaken for it.
        environment: fingerprint of the keys it was started with.
    """

    host: str
    pid: int
    process_start: str
    version: str
    environment: str
    heartbeat: float

    @property
    def here(self) -> bool:
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        return process.lives(self.host, self.pid, self.process_start, self.heartbeat)

    def end(self) -> None:
        """Ask the process to end; it leaves its tasks for the next worker. One that is gone already is no error."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


class Leases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Lease | None:
        """The lease as it stands, of a live worker or not."""
        row = self._database.connection.execute(
            "SELECT host, pid, process_start, version, environment, heartbeat FROM lease"
        ).fetchone()
        return Lease(**dict(row)) if row else None

    def live(self) -> Lease | None:
        lease = self.current()
        return lease if lease and lease.alive else None

    def take(self, environment: str) -> Lease | None:
        """Take the lease for this process. Gives None when it is ours now, otherwise whose it is."""
        with self._database.write() as connection:
            other = self.current()
            if other and other.alive and not (other.here and other.pid == os.getpid()):
                return other
            connection.execute(
                "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?, ?, ?)",
                (
                    socket.gethostname(),
                    os.getpid(),
                    process.start_time(os.getpid()),
                    __version__,
                    environment,
                    time.time(),
                ),
            )
        return None

    def beat(self) -> bool:
        """Say that this process lives; False when the lease is somebody else's by now."""
        with self._database.write() as connection:
            return bool(
                connection.execute(
                    "UPDATE lease SET heartbeat = ? WHERE pid = ? AND host = ?",
                    (time.time(), os.getpid(), socket.gethostname()),
                ).rowcount
            )

    def release(self) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM lease WHERE pid = ? AND host = ?", (os.getpid(), socket.gethostname()))
