"""Text for the screen: rows of toned spans, cut by cell width, and numbers as people read them.

What comes from the web, a model or a file passes through `plain` before it is
shown: it is data, so it carries neither markup nor control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from ftui.units import plural as plural

Tone = Literal["", "dim", "bold", "accent", "ok", "bad", "warn", "key"]
"""What a span means. The theme gives it a colour, a symbol or word beside it says the same."""

_CONTROL = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
# C1 controls can start an escape sequence too; the bidirectional ones can turn a line around; half a
# surrogate pair cannot be written at all; what has no width or is not drawn is a hiding place.
_UNSEEN = (
    *range(0x80, 0xA0),
    *(0xAD, 0x61C, 0x115F, 0x1160, 0x180E, 0x200B, 0x200E, 0x200F, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xD800, 0xE000),
    *range(0xE0000, 0xE0080),
)
# What joins or varies the characters around it: terminals do not agree how wide the whole is, but on its parts they do.
_JOINING = (0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400), *range(0xE0100, 0xE01F0))
_FLAGS = {0x1F1E6 + number: chr(ord("A") + number) for number in range(26)}
_CONTROL |= dict.fromkeys(_UNSEEN, 0xFFFD)
_HARMLESS: dict[int, int | str] = _CONTROL | _FLAGS | dict.fromkeys(_JOINING, "")
_ONE_LINE = _HARMLESS | {ord("\t"): " ", ord("\r"): ""} | dict.fromkeys((ord("\n"), 0x2028, 0x2029), " ")
_MANY_LINES = _HARMLESS | {ord("\t"): "    ", ord("\r"): ""} | dict.fromkeys((ord("\n"), 0x2028, 0x2029), "\n")
_EDITED = _CONTROL | _FLAGS | {ord("\t"): "\t", ord("\n"): "\n", 0x2028: "\u2424", 0x2029: "\u2424"}
# As `_JOINING`, but what joins letters, as in Persian or Hindi, stays: it belongs to the words.
_IN_PICTURES = re.compile(
    "[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
    "|(?<=[\u2190-\u2bff\ufe00-\ufe0f\U0001f000-\U0001faff])\u200d"
)
_PLACE = "\u25cc"
"""A dotted circle: here is a character that has no look of its own."""


class Span(NamedTuple):
    """A piece of a row with one tone."""

    text: str
    tone: Tone = ""


Row = tuple[Span, ...]
"""One line of the screen."""


def row(*parts: str | Span | tuple[str, Tone]) -> Row:
    """A row of strings, spans and (text, tone) tuples."""
    return tuple(Span(part) if isinstance(part, str) else Span(*part) for part in parts)


def plain(text: str, width: int | None = None) -> str:
    """Text of unknown origin on one line, harmless; cut to `width` cells with `…` when given.

    Line ends and tabs become blanks, every other control character a picture of itself.
    """
    # A cell is at least one character of at most a few, so a long text need not be cleaned whole.
    shown = text if width is None else text[: width * 4 + 64]
    clean = shown.translate(_ONE_LINE)
    return clean if width is None else cut(clean, width)


def block(text: str) -> str:
    """Text of unknown origin over several lines, harmless."""
    return text.translate(_MANY_LINES)


def editable(text: str) -> str:
    """Text of unknown origin for a field to edit it in: harmless, one character for each."""
    return _IN_PICTURES.sub(_PLACE, text.translate(_EDITED))


def cut(text: str, width: int) -> str:
    """`text` in at most `width` cells; `…` stands for what is missing."""
    if width <= 0:
        return ""
    if len(text) <= width and text.isascii():
        return text
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"


def fit(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """`text` in exactly `width` cells: cut with `…` or filled with blanks."""
    short = cut(text, width)
    blanks = " " * max(width - cell_len(short), 0)
    return blanks + short if align == "right" else short + blanks


def width_of(spans: Iterable[Span]) -> int:
    """Cells that a row takes."""
    return sum(cell_len(span.text) for span in spans)


def count(number: int) -> str:
    """`1,204`."""
    return f"{number:,}"


def money(dollars: float | None) -> str:
    """`$0.42`; a price that nobody knows is `unknown`, never zero."""
    return "unknown" if dollars is None else f"${dollars:,.2f}"


def size(number: float) -> str:
    """Bytes as `2.1 MB`."""
    for unit in ("B", "KB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def rate(per_second: float) -> str:
    """`18/s`, `0.4/s`, or by the minute when it is slower than that."""
    if per_second >= 10:
        return f"{per_second:,.0f}/s"
    if per_second >= 0.1:
        return f"{per_second:.1f}/s"
    return f"{per_second * 60:.1f}/min"


def bar(done: float, total: float | None, width: int) -> str:
    """`━━━━────`: the shapes differ too, not only the colours; all light while nobody knows the total."""
    filled = round(width * min(max(done / total, 0.0), 1.0)) if total else 0
    return "━" * filled + "─" * (width - filled)


def wrapped(text: str, width: int) -> list[str]:
    """Text of unknown origin as lines of at most `width` cells, cut between words."""
    from rich.console import Console
    from rich.text import Text

    if not text:
        return []
    width = max(width, 8)
    console = Console(width=width, color_system=None)
    return [line.plain.rstrip() for line in Text(plain(text)).wrap(console, width)]
