"""What all benchmarks share: a figure, and a program under a pty."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fcntl import ioctl


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        against: what stands beside it, measured in the same run; "" for a count.
        ratio: value divided by what it is measured against, None for a count.
        target: the condition in words.
        ok: whether the target is met.
    """

    name: str
    value: float
    unit: str
    against: str
    ratio: float | None
    target: str
    ok: bool

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def __str__(self) -> str:
        ratio = f"  = {self.ratio:.2f} x {self.against}" if self.ratio is not None else ""
        return (
            f"{'ok    ' if self.ok else 'MISSED'}  {self.name}: {self.value:,.3g} {self.unit}{ratio}  ({self.target})"
        )


def first_picture(command: Sequence[str], wanted: bytes, environment: Mapping[str, str], seconds: float = 30) -> float:
    """Seconds from the start of a terminal program until `wanted` is in what it has written.

    The program runs under a pty of 120x40 and is ended afterwards.
    """
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], list(command), {**environment, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""})
    try:
        ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        output = b""
        while time.perf_counter() - started < seconds:
            if select.select([terminal], [], [], 0.5)[0]:
                try:
                    output += os.read(terminal, 65536)
                except OSError:
                    break
                if wanted in output:
                    return time.perf_counter() - started
        raise RuntimeError(f"{command} never wrote {wanted!r}; it wrote {output[-300:]!r}")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def python() -> str:
    return sys.executable
