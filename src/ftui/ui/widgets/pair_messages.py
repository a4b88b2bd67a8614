"""The messages of a pair as rows: texts, tool calls, what was changed by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftui.chatfile import kind_of, other_parts, text_of
from ftui.store.pairs import Message, Pair
from ftui.ui.flow import Piece, flow
from ftui.ui.text import Row, Span, plain
from ftui.ui.widgets.pair_diff import word_diff

_ENOUGH = 400
"""Characters of a call that are looked at for a line of the list."""


def calls(message: Message) -> Iterator[tuple[str, str]]:
    """Name and arguments of each tool call of a message, as they are."""
    listed = message.get("tool_calls")
    functions = [call.get("function") if isinstance(call, Mapping) else None for call in listed or ()]
    for function in [*functions, message.get("function_call")]:
        if isinstance(function, Mapping):
            arguments = function.get("arguments", "")
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments, ensure_ascii=False)
            yield str(function.get("name", "")), arguments


def in_short(pair: Pair, role: str, empty: str, enough: int = _ENOUGH) -> str:
    """What the last message of a role says, for a line of the list: its text, or its tool calls.

    Args:
        enough: characters that are looked at.
    """
    message = next((message for message in reversed(pair.messages) if message["role"] == role), None)
    if message is None:
        return empty
    said = text_of(message)[:enough].strip() or text_of(message).strip()
    return said or " ".join(f"→ {name} {arguments[:_ENOUGH]}" for name, arguments in calls(message)) or empty


def message_rows(
    pair: Pair, width: int, *, system: bool = True, most: int | None = None, original: Sequence[Message] | None = None
) -> list[Row]:
    """The messages of a pair, each below the name of its role.

    Args:
        system: show the system message too.
        most: rows that are wanted; None for all.
        original: the messages before they were edited; what was changed is marked.
    """
    rows: list[Row] = []
    before = _before(pair.messages, original) if original is not None else [None] * len(pair.messages)
    for message, old in zip(pair.messages, before, strict=True):
        if message["role"] == "system" and not system and (old is None or text_of(old) == text_of(message)):
            continue
        left = None if most is None else max(most - len(rows) - 1, 0)
        rows.append(_head(message, width))
        rows += flow(_pieces(message, old, original is not None), width, left)
        rows.append(())
        if most is not None and len(rows) >= most:
            return rows[:most]
    for old in _gone(pair.messages, original):
        rows.append((Span(plain(old["role"], 20), "accent"), Span(" · removed", "dim")))
        rows += [*flow([(f"[-{text_of(old)}-]", "bad")], width, most), ()]
    return rows if most is None else rows[:most]


def _head(message: Message, width: int) -> Row:
    head = [Span(plain(str(message["role"]), width), "accent")]
    for key in ("name", "tool_call_id"):
        if message.get(key):
            head.append(Span(f" · {plain(str(message[key]), 30)}", "dim"))
    if message["role"] == "assistant" and message.get("weight") == 0:
        head.append(Span(" · not trained (weight 0)", "dim"))
    # What nobody can see here: an edit of the text leaves it as it is.
    head += [Span(f" · and {plain(kind_of(part), 20)}", "warn") for part in other_parts(message)]
    return tuple(head)


def _pieces(message: Message, old: Message | None, edited: bool) -> list[Piece]:
    text = text_of(message)
    pieces: list[Piece] = []
    if edited and old is None:
        pieces.append((f"{{+{text}+}}", "ok"))
    elif old is not None and text_of(old) != text:
        pieces += word_diff(text_of(old), text)
    elif text:
        pieces.append((text, ""))
    for name, arguments in calls(message):
        pieces += [("\n" if pieces else "", ""), ("→ ", "accent"), (name, "bold"), (f" {arguments}", "")]
    return pieces or [("(empty)", "dim")]


def _before(messages: Sequence[Message], original: Sequence[Message] | None) -> list[Any]:
    """For each message the one it was: the next of its role, None for one that was added."""
    left = list(original or ())
    found: list[Any] = []
    for message in messages:
        place = next((at for at, old in enumerate(left) if old["role"] == message["role"]), None)
        found.append(None if place is None else left.pop(place))
    return found


def _gone(messages: Sequence[Message], original: Sequence[Message] | None) -> list[Message]:
    """Messages that were there before and have no counterpart now."""
    taken = [id(old) for old in _before(messages, original) if old is not None]
    return [old for old in original or () if id(old) not in taken]
