"""Words and phrases of a pair, as a filter finds them again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from ftui.chatfile import text_of
from ftui.store.pair import Message

_MOST = 2000
"""Characters of a message that are looked at."""
_OPENING = 5
"""Words of a beginning that are one phrase."""
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+"
)
"""Scripts that write without spaces: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
_GRAMS = (2, 3, 4)


def phrases(messages: Iterable[Message], longest: int = 3) -> set[str]:
    """Words of the messages that a person or a model wrote, runs of at most `longest` words, and the beginnings.

    All in the form in which upper and lower case are the same. A run ends at a
    punctuation mark, and holds no quote: a filter finds each of them by `fold`.
    """
    found = set[str]()
    for message in messages:
        if message.get("role") == "system":
            continue
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text_of(message)[:_MOST]).casefold())
        runs = list(_runs(text))
        for run in runs:
            for length in range(1, longest + 1):
                found.update(" ".join(run[at : at + length]) for at in range(len(run) - length + 1))
        if longest > 1 and runs and len(runs[0]) > longest:
            found.update(" ".join(runs[0][:length]) for length in range(longest + 1, _OPENING + 1))
        for unspaced in _UNSPACED.findall(text):
            for length in _GRAMS[: longest + 1]:
                found.update(unspaced[at : at + length] for at in range(len(unspaced) - length + 1))
    return found


def _runs(text: str) -> Iterator[list[str]]:
    """Words that stand beside each other with nothing but a space between them."""
    run = list[str]()
    for piece in text.split():
        word = "" if _UNSPACED.search(piece) else _EDGES.sub("", piece)
        opened, closed = not piece.startswith(word), not piece.endswith(word)
        if run and (opened or not word):
            yield run
            run = []
        if word and '"' not in word and word.isprintable():
            run.append(word)
        if run and closed:
            yield run
            run = []
    if run:
        yield run
