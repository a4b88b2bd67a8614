"""Rows that are longer than what a model reads at once: flagged, with the place of the cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ftui.chatfile import text_of
from ftui.errors import InputError
from ftui.prepare import tokenizer
from ftui.prepare.pair import Message, Pair, beside
from ftui.prepare.tokenizer import Cut, OpenAI, Tokenizer
from ftui.units import plural

_AROUND = 512
"""Tokens that a chat template puts around a row at most."""
_WORDS, _LONGEST_WORD = 6, 40


@dataclass(frozen=True, slots=True)
class Limit:
    """Attributes:
    most: tokens at which a trainer cuts a row; 0 for no limit.
    folder: of the model that is trained; without one, or without a tokenizer in it, tokens are
        counted as OpenAI counts them.
    estimate: whether that count is not the model's own.
    """

    most: int
    folder: Path | None = None
    estimate: bool = False

    def pair(self, pair: Pair) -> Pair:
        """The pair, with the flag "cut" where it is too long, and "template" where the model's template refuses it."""
        others = beside(pair.origin)
        if not self.most or _tokens_at_most(pair.messages, others) + _AROUND <= self.most:
            return pair
        counter = _tokenizer(self.folder)
        try:
            cut = counter.cut(pair.messages, self.most, others)
        except InputError as error:
            return replace(pair, flags={**pair.flags, "template": error.why[:100]})
        if cut is None:
            return pair
        own = isinstance(counter, OpenAI) and self.estimate
        reason = _reason(cut, pair.messages) + (", as OpenAI counts" if own else "")
        # It may have been cut once already, at the longest answer that the recipe wants.
        before = pair.flags.get("cut", "")
        return replace(pair, flags={**pair.flags, "cut": f"{before}; {reason}" if before else reason})


def _reason(cut: Cut, messages: Sequence[Message]) -> str:
    texts = [text_of(message) for message in messages[cut.message :]]
    rest = " ".join([texts[0][cut.character :], *texts[1:]]).split()
    words = " ".join(word[:_LONGEST_WORD] for word in rest[:_WORDS])
    last = f"the last {cut.lost:,} of {plural(cut.tokens, 'token')}"
    return f"{last}, from “{words}{'…' if len(rest) > _WORDS else ''}”" if words else last


def _tokens_at_most(messages: Sequence[Message], others: Mapping[str, Any]) -> int:
    """More tokens than a row can have: no tokenizer makes two of a byte. Counting them takes far longer."""
    # A template may set out a schema over many lines.
    total = 8 * len(str(others)) if others else 0
    for message in messages:
        text = text_of(message)
        total += len(text) if text.isascii() else 4 * len(text)
        if len(message) > 2:
            total += sum(4 * len(str(value)) for key, value in message.items() if key not in ("role", "content"))
    return total


@lru_cache(maxsize=2)
def _tokenizer(folder: Path | None) -> Tokenizer:
    return tokenizer.of(folder)
