"""Whether a process that was written down still runs, told apart from one that got its number later."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

STALE = 60.0
"""Seconds without a sign of life after which a process of another host counts as gone."""


def start_time(pid: int) -> str:
    """When a process started, as text that is equal only for the same process; "" when there is none."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return ""
        # The name in parentheses may hold spaces; a zombie has ended.
        fields = stat.rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    if os.name == "posix":
        shown = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=10
        )
        return shown.stdout.strip()
    shown = subprocess.run(
        ["tasklist", "/fi", f"pid eq {pid}", "/nh", "/fo", "csv"],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return shown.stdout.strip() if f'"{pid}"' in shown.stdout else ""


def alive(pid: int, started: str) -> bool:
    return bool(started) and start_time(pid) == started


def lives(host: str, pid: int, started: str, beat: float) -> bool:
    """Whether a process of any host still runs.

    Args:
        beat: its last sign of life, which is asked where the process itself cannot be.
    """
    return alive(pid, started) if host == socket.gethostname() else time.time() - beat < STALE
