"""Which accepted pairs are nearest to a text: where an answer may come from."""

from __future__ import annotations

import math
import re
from collections import Counter

from ftui.store import Store
from ftui.store.pairs import Pair

_WORD = re.compile(r"\w+")
MOST = 20_000
"""Pairs that are looked through; the question is answered while a person waits."""


def nearest(store: Store, text: str, count: int = 3) -> list[Pair]:
    """The `count` accepted pairs that share the most telling words with `text`, the nearest first.

    A word tells more the fewer pairs have it. Pairs that share nothing are left
    out, and of several phrasings of one fact only the nearest is given.
    """
    wanted = _words(text)
    shared: list[tuple[Pair, set[str], int]] = []
    spread: Counter[str] = Counter()
    seen = 0
    for pair in store.pairs.accepted():
        seen += 1
        words = _words(f"{pair.text('user')} {pair.text('assistant')}")
        spread.update(wanted & words)
        if wanted & words:
            shared.append((pair, wanted & words, len(words)))
        if seen >= MOST:
            break
    weight = {word: math.log((seen + 1) / spread[word]) for word in spread}
    # Divided by the length, a long text does not win by holding everything.
    scored = [(sum(weight[word] for word in words) / math.sqrt(size), pair) for pair, words, size in shared]
    scored.sort(key=lambda entry: -entry[0])
    result: dict[str, Pair] = {}
    for score, pair in scored:
        if score > 0:
            result.setdefault(pair.fact or pair.digest, pair)
    return list(result.values())[:count]


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.casefold()) if len(word) > 1}
