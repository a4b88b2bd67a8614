"""What a pair is: its data, its decision, and the text that words are looked for in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from ftui.chatfile import text_of
from ftui.errors import InputError
from ftui.store.folding import fold

Message = Mapping[str, Any]
"""A row of OpenAI's chat format: `role`, `content` (None beside `tool_calls`), perhaps `weight`."""


class Decision(IntEnum):
    PENDING = 0
    ACCEPTED = 1
    REJECTED = 2

    @property
    def symbol(self) -> str:
        return "·✓✗"[self]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A near-duplicate that another pair stands for.

    Attributes:
        similarity: 0 to 1.
        source: of its record.
        key: what the record is called in its source; "" where it is gone.
    """

    record: int | None
    url: str
    question: str
    similarity: float
    source: int | None = None
    key: str = ""

    @property
    def where(self) -> str:
        return place(self.url, self.key)


@dataclass(frozen=True, slots=True)
class Marks:
    """What may be wrong with a text: as in `NewPair`."""

    flags: Mapping[str, str]
    risk: float


@dataclass(frozen=True, slots=True)
class NewPair:
    """A pair as `prepare` makes it.

    Attributes:
        fact: equal for all phrasings of one fact.
        kind: "domain" or "general".
        origin: where it comes from: `template`, `phrasing`, `heading`, `passage`.
        digest: identifies the pair as it was made; a later edit does not change it.
        tokens: of the whole pair.
        flags: what may be wrong with it: a short name, and the reason in a few words.
        risk: 0 to 1, from the flags.
        stand_ins: the near-duplicates that it stands for, as far as they are named.
        stands_for: how many they are; `len(stand_ins)` when it is 0.
    """

    messages: Sequence[Message]
    digest: str
    source: int | None = None
    record: int | None = None
    url: str = ""
    fact: str = ""
    kind: str = "domain"
    origin: Mapping[str, Any] | None = None
    tokens: int = 0
    flags: Mapping[str, str] = field(default_factory=dict)
    risk: float = 0.0
    stand_ins: Sequence[StandIn] = ()
    stands_for: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """One training example with its decision. `messages` are as they will be trained.

    Attributes:
        kept: why the recipe no longer makes it, "" where that is not known; None for one that it makes.
    """

    id: int
    source: int | None
    record: int | None
    url: str
    fact: str
    kind: str
    messages: tuple[Message, ...]
    origin: Mapping[str, Any]
    digest: str
    tokens: int
    decision: Decision
    edited: bool
    risk: float = 0.0
    stands_for: int = 0
    flags: Mapping[str, str] = field(default_factory=dict)
    kept: str | None = None

    def text(self, role: str) -> str:
        """The last message of `role`, "" where there is none."""
        return next((text_of(m) for m in reversed(self.messages) if m["role"] == role), "")


@dataclass(frozen=True, slots=True)
class NewDropped:
    """What did not become a pair, as `prepare` tells it.

    Attributes:
        reason: short, one of a few, so that drops can be counted by it.
        detail: what exactly, for a person.
        text: what would have been in the pair, or a part of it.
        same: digest of the pair that stands for a duplicate.
        alike: how near to that one it is, 0 to 1; None where it says the very same.
    """

    record: int | None
    url: str
    reason: str
    detail: str = ""
    text: str = ""
    source: int | None = None
    same: str = ""
    alike: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The pair that stands for a duplicate, as it is now.

    Attributes:
        where: its address, or the file and row of its record.
    """

    pair: int
    where: str
    question: str


@dataclass(frozen=True, slots=True)
class Dropped(NewDropped):
    """A row of the view of what did not become a pair.

    Attributes:
        key: what its record is called in its source; "" where it is gone.
        standing: of a duplicate; None where its pair is gone.
    """

    id: int = 0
    key: str = ""
    standing: Standing | None = None


_ROW = re.compile(r":\d+$")
"""At the end of what the record of a row of a file is called."""


def place(url: str, key: str) -> str:
    """Where something comes from, for a person: the file and row of its record, or its address."""
    return key if "://" not in key and _ROW.search(key) else url or key


@dataclass(frozen=True, slots=True)
class Counts:
    total: int
    pending: int
    accepted: int
    rejected: int

    @property
    def decided(self) -> int:
        return self.accepted + self.rejected

    @property
    def accepted_share(self) -> float | None:
        """Of those that are decided, 0 to 1; None before the first decision."""
        return self.accepted / self.decided if self.decided else None


def search_text(messages: Sequence[Message]) -> str:
    """The folded text of all messages, those of tool calls included; no word or phrase reaches over two of them."""
    return "\n".join(fold(text) for message in messages for text in _texts(message) if text)


def _texts(message: Message) -> Iterator[str]:
    yield text_of(message)
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            yield f"{function.get('name', '')} {function.get('arguments', '')}"


def search_text_of_json(messages: str) -> str:
    """`search_text` of messages as the store keeps them."""
    return search_text(json.loads(messages))


def check_messages(messages: Sequence[Message]) -> None:
    """Refuse what no provider would take, before it is saved."""
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant" or not (text_of(last).strip() or last.get("tool_calls")):
        raise InputError("A pair ends with an answer", "the assistant's text is empty", "Write one, or reject the pair")
    if not any(m.get("role") == "user" and text_of(m).strip() for m in messages):
        raise InputError("A pair needs a question", "the user's text is empty", "Write one, or reject the pair")
