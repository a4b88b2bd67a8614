"""JSON: one value, and lines of values.

orjson reads them. Where it refuses one, the standard library, which is slower and takes more,
decides: NaN, numbers without bounds and half a surrogate pair are mended and noted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import orjson

from ftui.collect.read_bytes import LONGEST, Stream, blocks

Row = tuple[int, Any, str]
"""(line, value, "") or (line, None, why it is not a row); line 0 stands for the whole file."""

TOO_LONG = f"longer than {LONGEST // 2**20} MB"
CUT = "cut off in the middle"
BROKEN = "not valid JSON"
TOO_DEEP = "nested too deeply"
_TOO_LARGE = "numbers that are too large are read as null"
FEW_BRACKETS = 200
"""With no more of them text cannot be nested too deeply, which spares another look."""
# Looking for a name that stands twice costs more than reading: a look at the first rows has to do.
LOOKED_AT = 100


def is_storable(value: Any) -> bool:
    """Whether a store of JSON takes a value: not half a character, not hundreds of levels."""
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def parse(text: bytes, odd: Oddities) -> tuple[Any, str]:
    """The value that one line holds, or None with why it holds none."""
    try:
        value = orjson.loads(text)
    except ValueError:
        return _parse_odd(text, odd)
    if text.count(b"{") + text.count(b"[") > FEW_BRACKETS and not is_storable(value):
        return None, TOO_DEEP
    return value, ""


class Oddities:
    """What was mended in a file, said once for each kind."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._said: set[str] = set()
        self.decoder = json.JSONDecoder(parse_float=self._float, parse_constant=self._constant)
        self.pairs_decoder = json.JSONDecoder(
            parse_float=self._float, parse_constant=self._constant, object_pairs_hook=self._pairs
        )

    def say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._stream.notes.append(f"{self._stream.name}: {text}")

    def look_for_twins(self, text: bytes) -> None:
        try:
            self.pairs_decoder.decode(text.decode())
        except (ValueError, RecursionError):
            return

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            self.say("an object has the same name twice; the last value counts")
        return value

    def _constant(self, _: str) -> None:
        self.say("NaN and Infinity are read as null")

    def _float(self, text: str) -> float | None:
        value = float(text)
        if math.isfinite(value):
            return value
        self.say(_TOO_LARGE)
        return None

    def mend(self, value: Any) -> Any:
        """A value as a store of JSON takes it."""
        if isinstance(value, dict):
            return {self.mend(name): self.mend(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.mend(inner) for inner in value]
        if isinstance(value, str):
            mended = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if mended != value:
                self.say("half characters are read as \ufffd")
            return mended
        if isinstance(value, int) and not -(2**63) <= value < 2**64 and not isinstance(value, bool):
            # As orjson reads it.
            return self._float(str(value))
        return value


def _parse_odd(text: bytes, odd: Oddities) -> tuple[Any, str]:
    try:
        value = odd.mend(odd.decoder.decode(text.decode()))
    except UnicodeDecodeError:
        return None, "broken characters"
    except RecursionError:
        return None, TOO_DEEP
    except ValueError:
        return None, BROKEN
    return (value, "") if is_storable(value) else (None, TOO_DEEP)


def read_lines(stream: Stream) -> Iterator[Row]:
    """The rows of JSON lines; empty lines are no rows."""
    odd = Oddities(stream)
    number = 0
    for block in blocks(stream):
        if block is None:
            number += 1
            yield number, None, TOO_LONG
            continue
        lines = block.split(b"\n")
        unfinished = lines[-1]
        if not unfinished:
            lines.pop()
        for line in lines:
            number += 1
            if number <= LOOKED_AT:
                odd.look_for_twins(line)
            value, problem = parse(line, odd)
            if problem == BROKEN:
                if not line.strip():
                    continue
                if line is unfinished and line.lstrip().startswith(b"{"):
                    problem = CUT
            yield number, value, problem
