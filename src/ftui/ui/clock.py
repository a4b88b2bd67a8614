"""The one clock of the screens, so that tests and pictures can hold it still."""

from __future__ import annotations

import time


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def clock_time(moment: float) -> str:
    """A moment as local `14:32`."""
    return time.strftime("%H:%M", time.localtime(moment))
