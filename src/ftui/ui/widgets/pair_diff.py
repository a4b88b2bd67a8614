"""What was changed in a text, word by word: `[-lid-]{+cover+}`, by signs as well as by colour."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from ftui.ui.flow import Piece

_MOST = 800
"""Words between the first and the last change that are compared; of more, all are shown as changed."""
_STEP = 512
_WORDS = re.compile(r"\s+|[^\s\w]|\w+")


def word_diff(before: str, after: str) -> list[Piece]:
    """`after` with what was taken out in `[-…-]` and what was put in in `{+…+}`."""
    head = _alike(before, after)
    tail = _alike(before[head:], after[head:], from_end=True)
    old, new = (_WORDS.findall(text[head : len(text) - tail]) for text in (before, after))
    pieces: list[Piece] = [(after[:head], "")]
    if max(len(old), len(new)) > _MOST:
        pieces += _changed(old, new)
    else:
        for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            pieces += [("".join(new[c:d]), "")] if kind == "equal" else _changed(old[a:b], new[c:d])
    pieces.append((after[len(after) - tail :], ""))
    return [piece for piece in pieces if piece[0]]


def _alike(one: str, other: str, *, from_end: bool = False) -> int:
    """Characters that two texts begin or end with alike, up to the last end of a word in them."""
    if from_end:
        return _alike(one[::-1], other[::-1])
    same, most = 0, min(len(one), len(other))
    step = _STEP
    while step:
        while same + step <= most and one[same : same + step] == other[same : same + step]:
            same += step
        step //= 2
    while same and not (one[same - 1].isspace() or same == len(one) == len(other)):
        same -= 1
    return same


def carried(original: str, shown: str, edited: str) -> str:
    """An edited text with the characters of the original where it was not touched.

    Args:
        shown: the original as it was shown to be edited, one character for each.
    """
    if len(original) != len(shown):
        return edited
    found, at = "", 0
    for text, tone in word_diff(shown, edited):
        if tone == "ok":
            found += text[2:-2]
            continue
        stop = at + len(text) - (4 if tone else 0)
        found += "" if tone else original[at:stop]
        at = stop
    return found


def _changed(old: list[str], new: list[str]) -> list[Piece]:
    pieces: list[Piece] = []
    if old:
        pieces.append((f"[-{''.join(old)}-]", "bad"))
    if new:
        pieces.append((f"{{+{''.join(new)}+}}", "ok"))
    return pieces


def nearby(pieces: list[Piece], width: int) -> list[Piece]:
    """The changes with what stands next to them, what is far from any of them as `…`.

    Args:
        width: of a line, a third of which is shown on either side.
    """
    room = max(width // 3, 8)
    found: list[Piece] = []
    for place, (text, tone) in enumerate(pieces):
        before, after = room if place else 0, room if place < len(pieces) - 1 else 0
        if not tone and len(text) > before + after + 3:
            text = text[:before] + " … " + text[len(text) - after :]
        found.append((text.replace("\n", " ") if not tone else text, tone))
    return found
