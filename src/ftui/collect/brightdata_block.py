"""Some rows of a body, and the place behind them.

A download that was cut off goes on behind the last block that was taken, after it has
seen that what comes before it is what came then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftui.events import Failure

MOST_ROW_BYTES = 32 * 1024 * 1024
MOST_ROWS = 1000
BLOCK_BYTES = 1024 * 1024
BLOCK_SECONDS = 0.5
BLANK = b" \t\r\n"
MARK = b"\xef\xbb\xbf"
TOO_LONG = f"longer than {MOST_ROW_BYTES // 1024 // 1024} MB"
CUT = "cut off in the middle"
NOT_JSON = "not valid JSON"


class Changed(Exception):
    """What comes is not what came the last time, so that none of it may be passed over."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind a block.

    Attributes:
        at: bytes of the body, of lines; of an array it stays 0.
        rows: rows before this place.
        seal: a checksum of them.
    """

    at: int = 0
    rows: int = 0
    seal: int = 0


START = Place()


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows and the place behind them. A row is JSON as bytes; a Failure is one that cannot be read."""

    rows: Sequence[bytes | Failure]
    place: Place
