"""Where the questions of neighbouring rows begin to differ, so that a list can show what tells them apart."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from ftui.store.pairs import Dropped, Pair
from ftui.ui.widgets.pair_messages import in_short

_ENOUGH = 2_000
"""Characters of a question that are looked at."""
_LEAST = 16
"""Characters of a common beginning that is worth leaving out."""
_NEAR = (-1, 1, -2, 2, -3, 3)
"""Rows are compared with these: several pairs of one record, each by its own template, stand together."""


class Leads:
    """The common beginnings of the rows of one page, each worked out once."""

    def __init__(self, ids: Sequence[int], page: Mapping[int, Pair] | Mapping[int, Dropped]) -> None:
        self._ids = ids
        self._page = page
        self._asked: dict[int, str] = {}
        self._found: dict[int, int] = {}

    def of(self, index: int) -> int:
        """Characters of the question at `index` that one near it begins with as well, up to the word that differs."""
        if index not in self._found:
            near = (index + step for step in _NEAR if 0 <= index + step < len(self._ids))
            text = self._text(index)
            self._found[index] = max((_common(text, self._text(other)) for other in near), default=0)
        return self._found[index]

    def _text(self, index: int) -> str:
        if index not in self._asked:
            pair = self._page.get(self._ids[index])
            self._asked[index] = in_short(pair, "user", "", _ENOUGH) if isinstance(pair, Pair) else ""
        return self._asked[index]


def _common(text: str, other: str) -> int:
    """How many characters two texts begin with in common, up to a word; 0 where that is little, or all of one."""
    if text[:_LEAST] != other[:_LEAST] or text == other:
        return 0
    shorter = min(len(text), len(other))
    # The first length at which they are not the same any more.
    same = bisect_left(range(shorter), True, key=lambda length: text[: length + 1] != other[: length + 1])
    if same == len(text):
        return 0
    while same and not text[same - 1].isspace():
        same -= 1
    return same if same >= _LEAST else 0
