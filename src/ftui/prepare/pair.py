"""What preparing gives: pairs, and what did not become one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from json.encoder import encode_basestring_ascii as _quoted
from operator import attrgetter
from typing import Any, Literal

from ftui.chatfile import text_of
from ftui.prepare.tokens import count_beside, count_messages

Message = Mapping[str, Any]
"""A message of the chat format: `role` and `content`, and where they apply `tool_calls`,
`tool_call_id`, `name` and `weight`. `content` may be None beside tool calls."""

BESIDE_MESSAGES = ("tools", "parallel_tool_calls", "functions")
"""What a row of a training file may hold beside its messages; kept in `Pair.origin`."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A fact that is not trained on because a near-duplicate of it is.

    Attributes:
        record: id of its record.
        question: its own question.
        similarity: of the two, 0 to 1; 1 where nothing but its place is different.
        source: id of the source of its record.
    """

    record: int | None
    url: str
    question: str
    similarity: float
    source: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """One training example.

    Attributes:
        messages: of the chat format; the last is the assistant's.
        fact: equal for all presentations of one fact.
        kind: "domain", or "general" for ordinary pairs that are mixed in.
        url: of the record, "" where it has none.
        source: id of the source of the record.
        record: id of the record.
        origin: `template`, `phrasing` (how the question came about: "site", "also",
            "wrapped", "noise"), `heading`, `passage` (what the answer was made from),
            `held` when it is the phrasing kept for validation, and what a ready-made row
            has beside its messages (`BESIDE_MESSAGES`).
        flags: name of what a person should look at -> the reason in a few words.
        stands_for: near-duplicates of its fact that were left out for it.
        stand_ins: the first of those, by name.
        counted: `tokens`, once they were asked for.
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
    stands_for: int = 0
    stand_ins: tuple[StandIn, ...] = ()
    counted: int | None = field(default=None, compare=False, repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", digest(self.messages, self.origin))

    def __reduce__(self) -> tuple[Any, ...]:
        # A dataclass with slots asks for its own fields each time it is pickled: six times as slow.
        return _again, _VALUES(self)

    def lost(self, reason: str, detail: str = "") -> Dropped:
        """What is said where this does not become a pair after all."""
        return Dropped(self.record, self.url, reason, detail, source=self.source)

    @property
    def tokens(self) -> int:
        """Tokens of all that is sent, what stands beside the messages included, as OpenAI counts them."""
        if self.counted is None:
            self.know_tokens(count_messages(self.messages) + count_beside(beside(self.origin)))
        return self.counted or 0

    def know_tokens(self, tokens: int) -> None:
        """Take over what another process has counted."""
        object.__setattr__(self, "counted", tokens)


_NAMES = tuple(each.name for each in fields(Pair))
_VALUES = attrgetter(*_NAMES)
_PUT = [getattr(Pair, name).__set__ for name in _NAMES]


def _again(*values: Any) -> Pair:
    """A pair as it was pickled."""
    pair = object.__new__(Pair)
    for put, value in zip(_PUT, values, strict=True):
        put(pair, value)
    return pair


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record, or a part of one, that did not become a pair.

    Attributes:
        record: id of the record.
        reason: short, one of a few, so that drops can be counted by it.
        detail: what exactly, for a person.
        scope: "record" when nothing of the record became a pair, else "part".
        source: id of the source of the record; None for a passage of many records.
        text: what would have been asked, where the detail is about something else.
        same: digest of the pair that stands for it, of a duplicate.
        alike: how near to that pair it is, 0 to 1; None where it says the very same.
    """

    record: int | None
    url: str
    reason: str
    detail: str = ""
    scope: Literal["record", "part"] = "part"
    source: int | None = None
    text: str = ""
    same: str = ""
    alike: float | None = None


def lost(record: Mapping[str, Any], reason: str, detail: str = "") -> Dropped:
    """A record of which this is no pair."""
    return Dropped(record.get("id"), str(record.get("url") or ""), reason, detail, source=record.get("source"))


def conversation(system: str, user: str, assistant: str) -> tuple[Message, ...]:
    """The messages of one question and its answer; no system message when `system` is ""."""
    head = ({"role": "system", "content": system},) if system else ()
    return (*head, {"role": "user", "content": user}, {"role": "assistant", "content": assistant})


def beside(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What a row of the training file holds beside its messages."""
    return {key: origin[key] for key in BESIDE_MESSAGES if key in origin}


def last_text(messages: Iterable[Message], role: str) -> str:
    """The text of the last message of `role`, "" where there is none."""
    for each in reversed(tuple(messages)):
        if each.get("role") == role:
            return text_of(each)
    return ""


def digest(messages: Iterable[Message], origin: Mapping[str, Any] | None = None) -> str:
    """SHA-256 of messages and of what stands beside them, the same for the same content."""
    messages = tuple(messages)
    others = beside(origin) if origin else None
    if not others and all(map(_is_plain, messages)):
        # As the encoder writes it, in a third of the time.
        said = [f"[{_quoted(each['role'])}, {_quoted(each['content'])}]" for each in messages]
        return hashlib.sha256(f"[{', '.join(said)}]".encode()).hexdigest()
    canonical: list[Any] = []
    for message in messages:
        entry = [message["role"], message.get("content")]
        if len(message) > 2:
            entry.append({key: value for key, value in message.items() if key not in ("role", "content")})
        canonical.append(entry)
    if others:
        canonical.append(others)
    return hashlib.sha256(json.dumps(canonical, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def _is_plain(message: Message) -> bool:
    return len(message) == 2 and isinstance(message["role"], str) and isinstance(message.get("content"), str)
