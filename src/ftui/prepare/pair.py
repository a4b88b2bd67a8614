"""What preparing gives: pairs, and what did not become one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ftui.prepare.tokens import count_messages

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """One training example.

    Attributes:
        messages: `role` and `content` each; the last is the assistant's.
        fact: equal for all presentations of one fact.
        kind: "domain", or "general" for ordinary pairs that are mixed in.
        url: of the record, "" where it has none.
        source: id of the source of the record.
        record: id of the record.
        origin: `template`, `phrasing` (how the question came about: "site", "also",
            "wrapped", "noise"), `heading`, `passage` (what the answer was made from), and
            `held` when it is the phrasing kept for validation.
        flags: what a person should look at, with the reason of each in a few words.
        digest: SHA-256 of the messages.
    """

    messages: tuple[Message, ...]
    fact: str
    kind: Literal["domain", "general"]
    url: str
    source: int | None
    record: int | None
    origin: Mapping[str, Any]
    flags: Mapping[str, str] = field(default_factory=dict)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", digest(self.messages))

    @property
    def tokens(self) -> int:
        """Tokens of the whole conversation, as OpenAI counts them."""
        return count_messages(self.messages)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record, or a part of one, that did not become a pair.

    Attributes:
        record: id of the record.
        reason: short, one of a few, so that drops can be counted by it.
        detail: what exactly, for a person.
        scope: "record" when nothing of the record became a pair, else "part".
    """

    record: int | None
    url: str
    reason: str
    detail: str = ""
    scope: Literal["record", "part"] = "part"


def conversation(system: str, user: str, assistant: str) -> tuple[Message, ...]:
    """The messages of one question and its answer; no system message when `system` is ""."""
    head = ({"role": "system", "content": system},) if system else ()
    return (*head, {"role": "user", "content": user}, {"role": "assistant", "content": assistant})


def digest(messages: Iterable[Message]) -> str:
    """SHA-256 of messages, the same for the same roles and texts."""
    canonical = [[message["role"], message["content"]] for message in messages]
    return hashlib.sha256(json.dumps(canonical, ensure_ascii=True).encode()).hexdigest()
