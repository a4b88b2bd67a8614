"""One answer of the chat while it grows: tokens become text, stop words and limits are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from tokenizers.decoders import DecodeStream
from transformers.convert_slow_tokenizer import bytes_to_unicode

from ftui.engine.decode import Choice, Told

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_LETTERS = {letter: byte for byte, letter in bytes_to_unicode().items()}
_of_bytes: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
Say = Callable[[dict[str, Any]], None]


class Answer:
    """Says what is new of one answer and knows when it is over.

    Attributes:
        prompt: the tokens that it answers.
        choice: how its tokens are chosen.
        token: the last one; the model's next step begins with it.
        finish: "stop" or "length" once it is over.
        cancelled: nobody waits for it any more.
    """

    def __init__(
        self, request: dict[str, Any], prompt: list[int], room: int, tokenizer: Any, choice: Choice, say: Say
    ) -> None:
        self.id = str(request["id"])
        self.prompt = prompt
        self.choice = choice
        self.token = prompt[-1]
        self.finish: str | None = None
        self.cancelled = False
        self._stop: list[str] = request["stop"]
        self._limit = min(int(request["max_tokens"]), room - len(prompt))
        self._tokenizer = tokenizer
        self._stream = DecodeStream(skip_special_tokens=True)
        self._say = say
        self._count = 0
        # Text that may still turn out to be a stop word, and the tokens that came with it.
        self._held = ""
        self._probable: list[dict[str, Any]] = []

    def take(self, token: int, ends: set[int], told: Told | None) -> None:
        """Add the next token; `finish` is set once nothing more is wanted."""
        self.token = token
        self._count += 1
        if token in ends:
            self.finish = "stop"
        else:
            self._held += self._stream.step(self._tokenizer.backend_tokenizer, token) or ""
            if told is not None:
                self._probable.append(self._entry(token, told))
        found = [place for place in (self._held.find(stop) for stop in self._stop) if place >= 0]
        if found:
            self._held, self.finish = self._held[: min(found)], "stop"
            shown = len(self._held)
        elif self.finish is None and self._count >= self._limit:
            self.finish = "length"
        if not found:
            shown = len(self._held) if self.finish else self._certain()
        if shown:
            line: dict[str, Any] = {"id": self.id, "text": self._held[:shown]}
            if self._probable:
                line["logprobs"], self._probable = self._probable, []
            self._held = self._held[shown:]
            self._say(line)

    def close(self) -> None:
        """Say that the answer is over."""
        self._say(
            {
                "id": self.id,
                "done": self.finish or "stop",
                "prompt_tokens": len(self.prompt),
                "completion_tokens": self._count,
            }
        )

    def _certain(self) -> int:
        """How much of the text cannot become a stop word any more."""
        text = self._held
        for length in range(min(len(text), max(map(len, self._stop), default=0)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stop):
                return len(text) - length
        return len(text)

    def _entry(self, token: int, told: Told) -> dict[str, Any]:
        own, best = told
        return self._named(token, own) | {"top_logprobs": [self._named(*pair) for pair in best]}

    def _named(self, token: int, probability: float) -> dict[str, Any]:
        raw = token_bytes(self._tokenizer, token)
        # -9999 is the API's word for "hardly ever"; JSON has none for infinity.
        return {"token": raw.decode("utf-8", "replace"), "logprob": max(probability, -9999.0), "bytes": list(raw)}


def token_bytes(tokenizer: Any, token: int) -> bytes:
    """The bytes that a token stands for, also when they are but a part of a character."""
    piece = str(tokenizer.convert_ids_to_tokens(token))
    if token in tokenizer.all_special_ids:
        return piece.encode()
    if _written_in_bytes(tokenizer):
        # What was added to the vocabulary later stands there as it is.
        plain = any(letter not in _LETTERS for letter in piece)
        return piece.encode() if plain else bytes(_LETTERS[letter] for letter in piece)
    if found := _BYTE.fullmatch(piece):
        return bytes([int(found[1], 16)])
    return piece.replace("\u2581", " ").encode()


def _written_in_bytes(tokenizer: Any) -> bool:
    """Whether each letter of a piece stands for a byte, as GPT-2's; else a piece is text, as SentencePiece's."""
    if tokenizer not in _of_bytes:
        backend = tokenizer.backend_tokenizer
        # Both are chains of any length; what they are made of is told by their JSON alone.
        part = backend.decoder or backend.pre_tokenizer
        _of_bytes[tokenizer] = part is not None and b'"ByteLevel"' in part.__getstate__()
    return _of_bytes[tokenizer]
