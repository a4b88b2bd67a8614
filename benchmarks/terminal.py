"""A program under a pty: its screen, the bytes that it writes, the CPU time that it takes for a key."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

DOWN, PAGE_DOWN, REDO = "\x1b[B", "\x1b[6~", "\x12"
QUIET = 0.05
"""Seconds without a byte after which a key counts as answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a key led to.

    Attributes:
        bytes: written until the program was quiet.
        cpu: seconds of CPU time that it took, all threads together.
        seconds: from the key to the last byte.
        first: from the key to the first byte.
    """

    bytes: int
    cpu: float
    seconds: float
    first: float


class Terminal:
    """Runs a program. A context manager: the program is killed at the end of the block.

    Attributes:
        started: when the program was started, as of `time.perf_counter`.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int]) -> None:
        width, height = size
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._unread = b""
        self._tail = b""
        self.written = 0
        self.started = time.perf_counter()
        self.pid, self._pty = pty.fork()
        if self.pid == 0:
            # Sized before the program looks: a change of size would paint its first picture twice.
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
            wanted = {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            for name in ("COLUMNS", "LINES", "SSH_CONNECTION"):
                wanted.pop(name, None)
            os.execvpe(command[0], list(command), wanted)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self, *, read_on: bool = False) -> None:
        """SIGKILL, and wait for the end; a second call does nothing.

        Args:
            read_on: take what the program had written before, for `text`.
        """
        if self._pty < 0:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        while read_on and select.select([self._pty], [], [], 0)[0]:
            try:
                self._unread += os.read(self._pty, 1 << 16)
            except OSError:
                break
        os.close(self._pty)
        self._pty = -1

    # Reading

    def read(self, seconds: float) -> bool:
        """Take what has been written, waiting for it at most so long; whether there was anything."""
        if not select.select([self._pty], [], [], max(seconds, 0))[0]:
            return False
        try:
            data = os.read(self._pty, 1 << 16)
        except OSError:
            raise RuntimeError(f"the program has ended:\n{self.text}") from None
        self.written += len(data)
        self._unread += data
        return True

    def drain(self, quiet: float = QUIET, most: float = 5.0) -> None:
        """Read until nothing has come for `quiet` seconds, or for `most` seconds in all."""
        deadline = time.perf_counter() + most
        while self.read(quiet) and time.perf_counter() < deadline:
            pass

    @property
    def text(self) -> str:
        """The screen as text, line by line."""
        data, self._unread = self._unread, b""
        # Private sequences of newer terminals (CSI > … , CSI = …) that the emulator would print.
        data = re.sub(rb"\x1b\[[<>=][0-9;:]*[A-Za-z]", b"", self._tail + data)
        cut = data.rfind(b"\x1b", -32)
        self._tail = data[cut:] if cut >= 0 and not re.match(rb"\x1b(\[[^@-~]*[@-~]|[^\[])", data[cut:]) else b""
        self._stream.feed(data[: len(data) - len(self._tail)])
        return "\n".join(line.rstrip() for line in self._screen.display)

    def until(self, wanted: str | Callable[[str], bool], seconds: float = 60.0) -> str:
        """Read until the screen holds `wanted`; gives the screen.

        Raises:
            RuntimeError: it never did.
        """
        holds = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        deadline = time.perf_counter() + seconds
        while not holds(text := self.text):
            if time.perf_counter() >= deadline:
                raise RuntimeError(f"{wanted!r} never came:\n{text}")
            self.read(0.2)
        return text

    def until_bytes(self, wanted: bytes, seconds: float = 60.0) -> None:
        """Read until `wanted` has been written, without making a screen of it: for what is timed."""
        deadline = time.perf_counter() + seconds
        start = 0
        while wanted not in self._unread[start:]:
            start = max(len(self._unread) - len(wanted), 0)
            if time.perf_counter() >= deadline:
                raise RuntimeError(f"{wanted!r} was never written:\n{self.text}")
            self.read(0.2)

    def forget(self) -> None:
        """Take what was written so far as read; the screen goes without it."""
        self._unread = b""

    # Keys

    def send(self, keys: str) -> None:
        os.write(self._pty, keys.encode())

    def press(self, keys: str, quiet: float = QUIET) -> Answer:
        """Press and read until the program is quiet."""
        self.drain(0)
        before, cpu, pressed = self.written, self.cpu(), time.perf_counter()
        self.send(keys)
        first = last = 0.0
        while self.read(quiet if last else 1.0):
            last = time.perf_counter() - pressed
            first = first or last
        return Answer(self.written - before, self.cpu() - cpu, last, first)

    # The process

    def cpu(self) -> float:
        """Seconds of CPU time of all its threads so far."""
        # Linux: the clock of another process, as clock_getcpuclockid(3) makes its number.
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory(self) -> tuple[int, int]:
        """(resident, proportional) bytes."""
        sizes = dict(re.findall(r"(\w+):\s+(\d+) kB", Path(f"/proc/{self.pid}/smaps_rollup").read_text()))
        return int(sizes["Rss"]) * 1024, int(sizes["Pss"]) * 1024

    def loaded(self, name: str) -> bool:
        """Whether an extension module of that name, or of a package of that name, is in the process."""
        return re.search(rf"/{name}[./]", Path(f"/proc/{self.pid}/maps").read_text()) is not None
