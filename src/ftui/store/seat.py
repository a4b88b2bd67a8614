"""Who sits at a project's screens: the first ftui decides and edits, any other one only reads.

The system holds the lock and lets go of it when its process ends, however it ends. The
worker and the command line write as before: they make small transactions and hold no
picture of the project that could get old.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ftui.errors import BusyError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED = 1 << 20
"""The byte that is locked on Windows: behind the text, which others have to read."""
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Sitter:
    """Who holds the seat.

    Attributes:
        since: seconds since the epoch.
    """

    host: str
    pid: int
    since: float


class Seat:
    """The seat of one project, taken or not.

    Where a file system knows no locks everybody sits: a person who cannot work at all is
    worse off than one who has to see to it that no other terminal is open.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "screen.lock"
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether it is this one's."""
        return self._handle is not None

    def take(self) -> bool:
        """Take the seat where it is free; whether it is this one's now."""
        if self._handle is not None:
            return True
        self._handle = handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(handle)
        except (BlockingIOError, PermissionError):
            self.leave()
            return False
        except OSError:
            return True
        text = json.dumps(asdict(Sitter(socket.gethostname(), os.getpid(), time.time())))
        # A full disk does not matter: the lock is held, and nobody knows since when.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, text.encode())
        return True

    def sitter(self) -> Sitter | None:
        """Who holds it, as far as that can be read."""
        try:
            with self._path.open("rb") as file:
                data = json.loads(file.read(_LONGEST))
            return Sitter(str(data["host"]), int(data["pid"]), float(data["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def leave(self) -> None:
        """Let others sit."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def refusal(sitter: Sitter | None, since: str) -> BusyError:
    """What an ftui says that only reads.

    Args:
        since: the time of day at which the other one started, "" when it is not known.
    """
    where = "ftui runs in another terminal"
    if sitter is not None:
        host = f" on {sitter.host}" if sitter.host != socket.gethostname() else ""
        where += f"{host} (pid {sitter.pid}{', since ' + since if since else ''})"
    return BusyError("This one only reads", where, "It writes as soon as the other one has ended")


def _lock(handle: int) -> None:
    """Lock at once or raise an OSError; a lock that is held elsewhere is a BlockingIOError or PermissionError."""
    if sys.platform == "win32":
        os.lseek(handle, _LOCKED, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
