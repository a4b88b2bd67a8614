"""How a row is counted for the model that is trained: exactly with its own tokenizer where it
is known, otherwise as OpenAI counts.

`tokenizers` is an extra: with what it brings along it takes 38 MB on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from ftui.chatfile import text_of
from ftui.errors import InputError
from ftui.prepare import tokens
from ftui.prepare.chat_template import ChatTemplate
from ftui.prepare.pair import Message


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a trainer cuts a row that is too long.

    Attributes:
        message: which message is cut, from 0.
        character: how much of its text is still read; all behind it, and every later message, is not.
        tokens: of the whole row.
        lost: tokens that are not read.
    """

    message: int
    character: int
    tokens: int
    lost: int


class Tokenizer(Protocol):
    """Attributes:
    name: of the vocabulary, for a person.
    """

    name: str

    def count(self, messages: Sequence[Message], beside: Mapping[str, Any] | None = None) -> int:
        """Tokens of a row; `beside` is what stands beside its messages, such as `tools`."""

    def cut(self, messages: Sequence[Message], most: int, beside: Mapping[str, Any] | None = None) -> Cut | None:
        """Where a row is cut when at most `most` tokens are read; None when it fits."""


class OpenAI:
    """Counts as OpenAI's models do."""

    name = "o200k_base"

    def count(self, messages: Sequence[Message], beside: Mapping[str, Any] | None = None) -> int:
        return tokens.count_messages(messages) + tokens.count_beside(beside)

    def cut(self, messages: Sequence[Message], most: int, beside: Mapping[str, Any] | None = None) -> Cut | None:
        total = self.count(messages, beside)
        if total <= most:
            return None
        left = max(most - tokens.count_beside(beside), 0)
        place, character = 0, 0
        for place, message in enumerate(messages):
            whole = tokens.count_messages([message]) - tokens.EACH_CONVERSATION
            if whole > left or place == len(messages) - 1:
                text = text_of(message)
                around = whole - tokens.count(text)
                character = len(tokens.first(text, max(left - around, 0)))
                break
            left -= whole
        return Cut(place, character, total, total - most)


class OfModel:
    """Counts with a model's own tokenizer and chat template, as the engine does.

    Args:
        folder: of the model, with `tokenizer.json` and its chat template.

    Attributes:
        template: the model's own.

    Raises:
        InputError: the folder has no tokenizer that can be read.
    """

    def __init__(self, folder: Path) -> None:
        import tokenizers

        self.name = folder.name
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # The library raises plain exceptions.
            raise InputError(f"The tokenizer of {folder.name} cannot be read", str(error)[:200]) from error
        self.template = ChatTemplate(folder)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, messages: Sequence[Message], beside: Mapping[str, Any] | None = None) -> int:
        return len(self._encode(self.template.render(messages, beside)).ids)

    def starts(self, text: str) -> list[int]:
        """The character at which each token of a rendered chat begins."""
        return [start for start, _ in self._encode(text).offsets]

    def cut(self, messages: Sequence[Message], most: int, beside: Mapping[str, Any] | None = None) -> Cut | None:
        text = self.template.render(messages, beside)
        encoded = self._encode(text)
        total = len(encoded.ids)
        if total <= most:
            return None
        # The character of the rendered text at which the first token that is not read begins.
        end = encoded.offsets[most][0]
        place, character, start = 0, 0, 0
        for number, message in enumerate(messages):
            said = text_of(message).strip()
            at = text.find(said, start)
            if at < 0:
                continue
            if at > end:
                break
            lead = len(text_of(message)) - len(text_of(message).lstrip())
            place, character = number, min(end - at, len(said)) + lead
            start = at + len(said)
        return Cut(place, character, total, total - most)

    def _encode(self, text: str) -> Any:
        return self._tokenizer.encode(text, add_special_tokens=False)


def known(folder: Path | None) -> bool:
    """Whether rows can be counted exactly for the model in a folder."""
    return bool(folder and (folder / "tokenizer.json").is_file() and find_spec("tokenizers"))


def of(folder: Path | None) -> Tokenizer:
    """The tokenizer of the model in a folder; OpenAI's where there is none, or none that can be used."""
    return OfModel(folder) if folder is not None and known(folder) else OpenAI()
