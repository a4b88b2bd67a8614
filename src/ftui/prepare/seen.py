"""Exactly what a model gets to read of a pair, what of it is trained, and where it is cut."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from ftui.chatfile import text_of
from ftui.prepare.chat_template import ChatTemplate
from ftui.prepare.pair import Message
from ftui.prepare.tokenizer import OfModel, OpenAI, known

Range = tuple[int, int]
"""From the first character to the one behind the last."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Attributes:
    text: of the whole row.
    trained: where the text is that is trained on; the rest is only read. In order.
    special: where special tokens stand in the text, or what only says whose turn it is.
    end: the character at which it is cut; the length of the text when it is not.
    tokens: of the whole row.
    read: tokens up to the cut.
    learned: tokens up to the cut that are trained on; None where they are not counted.
    exact: whether template and tokens are those of the model.
    note: what a person should know about it, "" for nothing.
    """

    text: str
    trained: tuple[Range, ...]
    special: tuple[Range, ...]
    end: int
    tokens: int
    read: int
    learned: int | None
    exact: bool
    note: str = ""

    @property
    def lost(self) -> int:
        """Tokens that are cut off."""
        return self.tokens - self.read


def see(messages: Sequence[Message], beside: Mapping[str, Any] | None, folder: Path | None, most: int | None) -> Seen:
    """A row as the model in a folder gets it; as it is sent, where the template is a provider's own.

    Not for the thread of the screen: a tokenizer is loaded, and a long row takes long.

    Args:
        beside: what stands beside the messages, such as `tools`.
        folder: of the model; None where only the provider has it.
        most: tokens at which a row is cut; None where nobody knows.

    Raises:
        InputError: the model's files cannot be read, or its template refuses the row.
    """
    if folder is None:
        return _as_sent(messages, beside, most)
    if known(folder):
        return _exact(messages, beside, _model(folder), most)
    return _estimated(messages, beside, ChatTemplate(folder), most)


def _exact(messages: Sequence[Message], beside: Mapping[str, Any] | None, model: OfModel, most: int | None) -> Seen:
    text = model.template.render(messages, beside)
    trained = _trained(messages, beside, model.template, text)
    starts = model.starts(text)
    read = len(starts) if most is None else min(len(starts), most)
    learned = sum(bisect_left(starts, high, 0, read) - bisect_left(starts, low, 0, read) for low, high in trained)
    end = starts[read] if read < len(starts) else len(text)
    return Seen(text, trained, _special(model.template, text), end, len(starts), read, learned, exact=True)


def _estimated(
    messages: Sequence[Message], beside: Mapping[str, Any] | None, template: ChatTemplate, most: int | None
) -> Seen:
    """The template is the model's; without its tokenizer, tokens are counted as OpenAI counts them."""
    text = template.render(messages, beside)
    trained = _trained(messages, beside, template, text)
    total, end = _count(messages, beside, most, text, [text_of(message) for message in messages])
    note = "tokens are estimated: pip install 'ftui[tokenizers]' counts them with the model's own vocabulary"
    read = total if most is None else min(total, most)
    return Seen(text, trained, _special(template, text), end, total, read, None, exact=False, note=note)


def _as_sent(messages: Sequence[Message], beside: Mapping[str, Any] | None, most: int | None) -> Seen:
    text, contents = "", []
    trained, special = list[Range](), list[Range]()
    for key, value in (beside or {}).items():
        special.append((len(text), len(text) + len(key) + 1))
        text += f"{key}: {json.dumps(value, ensure_ascii=False)}\n"
    for message in messages:
        start = len(text)
        text += "".join(f"{key}: {message[key]}\n" for key in ("role", "name", "tool_call_id") if message.get(key))
        special.append((start, len(text)))
        content, start = text_of(message), len(text)
        contents.append(content)
        text += f"{content}\n" if content else ""
        for key in ("tool_calls", "function_call"):
            if message.get(key):
                text += f"{key}: {json.dumps(message[key], ensure_ascii=False)}\n"
        if message["role"] == "assistant" and message.get("weight") != 0:
            trained.append((start, len(text)))
    total, end = _count(messages, beside, most, text, contents)
    note = "as it is sent: how the model reads it, its template, is the provider's own"
    read = total if most is None else min(total, most)
    return Seen(text, tuple(trained), tuple(special), end, total, read, None, exact=False, note=note)


def _count(
    messages: Sequence[Message], beside: Mapping[str, Any] | None, most: int | None, text: str, contents: Sequence[str]
) -> tuple[int, int]:
    """Tokens as OpenAI counts them, and the character of the text at which it is cut."""
    counter = OpenAI()
    cut = counter.cut(messages, most, beside) if most is not None else None
    if cut is None:
        return counter.count(messages, beside), len(text)
    at = 0
    for number, content in enumerate(contents[: cut.message + 1]):
        found = text.find(content, at)
        at = found if found >= 0 else at
        at += len(content) if number < cut.message else min(cut.character, len(content))
    return cut.tokens, at


def _trained(
    messages: Sequence[Message], beside: Mapping[str, Any] | None, template: ChatTemplate, text: str
) -> tuple[Range, ...]:
    """What the trainer puts labels on: what the assistant says, where its weight is not 0."""
    found = []
    for place, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("weight") == 0:
            continue
        before = template.render(messages[:place], beside, ask=True) if place else template.opening
        after = template.render(messages[: place + 1], beside)
        # Some templates render an answer otherwise once another turn follows it.
        if text.startswith(before) and text.startswith(after):
            found.append((len(before), len(after)))
    return tuple(found)


def _special(template: ChatTemplate, text: str) -> tuple[Range, ...]:
    return tuple(found.span() for found in template.special.finditer(text) if found.group())


@lru_cache(maxsize=2)
def _model(folder: Path) -> OfModel:
    return OfModel(folder)


def pieces(seen: Seen) -> Iterator[tuple[str, bool, bool, bool]]:
    """The text in its order: (text, whether it is trained, whether it is special, whether it is read at all)."""
    edges = {0, seen.end, len(seen.text)}
    for low, high in (*seen.trained, *seen.special):
        edges |= {low, high}
    ordered = sorted(edges)
    trained, special = _Within(seen.trained), _Within(seen.special)
    for start, stop in pairwise(ordered):
        yield seen.text[start:stop], trained.holds(start), special.holds(start), start < seen.end


class _Within:
    """Whether a character lies in one of some ranges; asked for in rising order."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._left = list(reversed(ranges))

    def holds(self, place: int) -> bool:
        while self._left and self._left[-1][1] <= place:
            self._left.pop()
        return bool(self._left) and self._left[-1][0] <= place
