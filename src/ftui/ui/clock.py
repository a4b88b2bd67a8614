"""The one clock of the screens, so that tests and pictures can hold it still."""

from __future__ import annotations

import time
from datetime import date


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def time_ahead(moment: float) -> str:
    """A moment that is still to come: `14:32` today, `Tue 14:32` tomorrow, `in 3 days` after that."""
    then, today = (date.fromtimestamp(each) for each in (moment, now()))
    days = (then - today).days
    if days > 1:
        return f"in {days:,} days"
    return f"{then:%a} {clock_time(moment)}" if days == 1 else clock_time(moment)


def clock_time(moment: float) -> str:
    """A moment as local `14:32`."""
    return time.strftime("%H:%M", time.localtime(moment))
