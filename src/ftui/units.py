"""Numbers with their units as people read them: the same on the screen and on a command line."""

import math


def plural(number: int, one: str, many: str = "") -> str:
    """`1 record`, `312 records`, `1,204 records`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: float) -> str:
    """`512 B`, `3.4 KB`, `271 MB`, `1.5 GB`; thousands, as disks are sold."""
    for unit in ("B", "KB", "MB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.0f} GB" if number >= 10 else f"{number:.1f} GB"


def duration(seconds: float) -> str:
    """`9 s`, `2 m 10 s`, `3 h 05 m`, `2 d 4 h`; less than nothing is `0 s`."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def percent(part: float, whole: float = 1) -> str:
    """`61 %`; what is not all is never 100, what is not nothing is never 0: `99 %`, `<1 %`."""
    shown = round(100 * part / whole) if whole else 0
    if part > 0 and shown == 0:
        return "<1 %"
    return f"{99 if part < whole and shown == 100 else shown} %"


def dollars(amount: float, *, up: bool = False) -> str:
    """`$0.42`; what is less than ten cents keeps its digits: `$0.0031`.

    Args:
        up: round up, for what is said to be the most.
    """
    digits = 2 if amount >= 0.1 or not amount else 4
    if up:
        # What a sum of floats is above a whole number is no cent more.
        amount = math.ceil(round(amount * 10**digits, 6)) / 10**digits
    return f"${amount:,.{digits}f}"
