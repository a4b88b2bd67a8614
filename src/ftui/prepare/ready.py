"""Rows that are conversations already, in any of the shapes in which people keep them.

They are told by their fields: OpenAI's `messages` (with tools and `weight`), `prompt` and
`completion`, Alpaca's `instruction` and `output`, ShareGPT's `conversations`, and
`system`, `user` and `assistant`. What a row says is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui import chatfile
from ftui.prepare.pair import BESIDE_MESSAGES, Dropped, Message, Pair, digest, last_text, lost
from ftui.prepare.recipe import OWN, Recipe

TEMPLATE = "ready-made"
NOT_TEXT = "not only text"
"""Why a conversation with an image, or another part that is no text, is left out."""

_COMPLETIONS = ("completion", "response")
_SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function": "function",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation that was found.

    Attributes:
        shape: "openai", "prompt", "alpaca", "sharegpt" or "roles".
        messages: of the chat format.
        beside: what belongs beside them in a training file (`BESIDE_MESSAGES`).
    """

    shape: str
    messages: tuple[Message, ...]
    beside: Mapping[str, Any]


def recognise(data: Mapping[str, Any]) -> Row | str | None:
    """The conversation that a record is.

    Gives None for a record of another kind, and the reason in a few words for one that
    has the fields of a conversation and is none.
    """
    if _FIRST.isdisjoint(data):
        return None
    for shape, names, read in _SHAPES:
        if all(data.get(name) is not None for name in names):
            try:
                return Row(shape, tuple(read(data)), _beside(data))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                return str(error) if type(error) is ValueError else "it cannot be read as a conversation"
    return None


def make(record: Mapping[str, Any], recipe: Recipe, system: str) -> Pair | Dropped | None:
    """The pair of a record that is ready-made, or why there is none; None for other records.

    A template of one's own reads the fields itself: under it no record is ready-made.

    Args:
        system: put before a conversation that has no system message; "" for none.
    """
    if recipe.template == OWN:
        return None
    row = recognise(record["data"])
    return None if row is None else finished(record, row, system)


def unanswered(record: Mapping[str, Any]) -> Dropped | None:
    """Why a row of a conversation in which nobody answers is no pair; None for other records."""
    filled = {name: value for name, value in record["data"].items() if value not in (None, "", [])}
    question = next((filled[name] for name in _ASKED if isinstance(filled.get(name), str)), None)
    return lost(record, "no answer", question) if question and filled.keys() <= _OF_A_CHAT else None


def finished(record: Mapping[str, Any], row: Row | str, system: str) -> Pair | Dropped:
    """The pair of a conversation that was found in a record, or why there is none."""
    if isinstance(row, str):
        return lost(record, "not a conversation", row)
    if others := [part for message in row.messages for part in chatfile.other_parts(message)]:
        kinds = ", ".join(dict.fromkeys(chatfile.kind_of(part)[:40] for part in others))
        said = f"{last_text(row.messages, 'user')[:200]} · only text is trained on, and it holds {kinds}"
        return lost(record, NOT_TEXT, said)
    messages, flags = list(map(_with_line_ends, row.messages)), dict[str, str]()
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
        flags["trimmed"] = "what stands behind the last answer is left out"
    question = last_text(messages, "user")
    if not messages:
        return lost(record, "no answer", last_text(row.messages, "user"))
    if system and messages[0]["role"] not in ("system", "developer"):
        messages.insert(0, {"role": "system", "content": system})
    origin = {"template": TEMPLATE, "shape": row.shape, "phrasing": "site", "heading": question, **row.beside}
    origin["passage"] = last_text(messages, "assistant")
    fact = digest(messages, origin)[:16]
    url = str(record.get("url") or "")
    return Pair(tuple(messages), fact, "domain", url, record.get("source"), record.get("id"), origin, flags)


def _with_line_ends(message: Message) -> Message:
    """The message with the line ends that all other text has: a carriage return is seen nowhere and trained on."""
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [{**part, "text": _line_ends(part["text"])} for part in content]}
    return {**message, "content": _line_ends(content)} if isinstance(content, str) and "\r" in content else message


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _openai(data: Mapping[str, Any]) -> Iterator[Message]:
    for message in _list(data["messages"], "messages"):
        if not isinstance(message, Mapping):
            raise ValueError("a message is not an object")
        yield _message(message)


def _message(message: Mapping[str, Any]) -> Message:
    """A message with what the chat format knows; data sets fill what they lack with null."""
    role = message.get("role")
    if not isinstance(role, str):
        raise ValueError("a message has no role")
    known = chatfile.MESSAGE_KEYS.get(role, chatfile.PLAIN_KEYS)
    kept = {key: value for key, value in message.items() if key in known and value is not None}
    calls = kept.pop("tool_calls", None)
    if calls:
        kept["tool_calls"] = [_call(call, position) for position, call in enumerate(_list(calls, "tool_calls"), 1)]
    return {"role": role, "content": kept.pop("content", None), **{k: v for k, v in kept.items() if k != "role"}}


def _call(call: Any, position: int) -> Mapping[str, Any]:
    """A call of a tool as the chat format has it: with an id, and its arguments as text."""
    if not isinstance(call, Mapping):
        raise ValueError("a call of a tool is not an object")
    function = call.get("function", call)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ValueError("a call of a tool has no name")
    arguments = function.get("arguments", {})
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    identifier = str(call.get("id") or f"call_{position}")
    return {"id": identifier, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _prompt(data: Mapping[str, Any]) -> Iterator[Message]:
    completion = next(data[name] for name in _COMPLETIONS if data.get(name) is not None)
    system = data.get("system")
    if isinstance(system, str) and system.strip():
        yield _said("system", system)
    for role, value in (("user", data["prompt"]), ("assistant", completion)):
        if isinstance(value, str):
            yield _said(role, value)
        else:
            yield from _openai({"messages": value})


def _alpaca(data: Mapping[str, Any]) -> Iterator[Message]:
    system, given = data.get("system"), data.get("input")
    if isinstance(system, str) and system.strip():
        yield _said("system", system)
    for turn in _list(data.get("history") or [], "history"):
        question, answer = _list(turn, "history")
        yield from (_said("user", question), _said("assistant", answer))
    instruction = data["instruction"]
    if isinstance(given, str) and given.strip():
        instruction = f"{instruction}\n\n{given}"
    yield from (_said("user", instruction), _said("assistant", data["output"]))


def _sharegpt(data: Mapping[str, Any]) -> Iterator[Message]:
    turns = _list(data["conversations"], "conversations")
    system = data.get("system")
    if isinstance(system, str) and system.strip():
        yield _said("system", system)
    calls = list[str]()
    number = 0
    for turn in turns:
        if not isinstance(turn, Mapping):
            raise ValueError("a turn is not an object")
        speaker, value = turn.get("from", turn.get("role")), turn.get("value", turn.get("content"))
        role = _SHAREGPT_ROLES.get(str(speaker).lower())
        if role is None:
            raise ValueError(f"nobody knows who {str(speaker)[:40]!r} is")
        message = {"role": role, "content": value}
        if speaker == "function_call":
            given = _parsed(value, "a call of a tool")
            made = [
                _call(each, number + place)
                for place, each in enumerate(given if isinstance(given, list) else [given], 1)
            ]
            number += len(made)
            calls = [each["id"] for each in made]
            message = {"role": "assistant", "content": None, "tool_calls": made}
        elif role == "tool":
            message["tool_call_id"] = calls.pop(0) if calls else "call_0"
        if turn.get("weight") in (0, 1) and role == "assistant":
            message["weight"] = int(turn["weight"])
        yield message


def _roles(data: Mapping[str, Any]) -> Iterator[Message]:
    if isinstance(data.get("system"), str) and data["system"].strip():
        yield _said("system", data["system"])
    yield from (_said("user", data["user"]), _said("assistant", data["assistant"]))


def _said(role: str, text: Any) -> Message:
    if not isinstance(text, str):
        raise ValueError(f"what the {role} says is not text")
    return {"role": role, "content": text}


def _beside(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {key: _parsed(data[key], key) for key in BESIDE_MESSAGES if data.get(key) not in (None, "", [])}
    return {key: value for key, value in found.items() if value}


def _list(value: Any, name: str) -> Sequence[Any]:
    value = _parsed(value, name)
    if not isinstance(value, list):
        raise ValueError(f"{name} is not a list")
    return value


def _parsed(value: Any, name: str) -> Any:
    """Cells of tables hold JSON as text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"{name} cannot be read as JSON") from error
    return value


_SHAPES = (
    ("openai", ("messages",), _openai),
    ("sharegpt", ("conversations",), _sharegpt),
    ("alpaca", ("instruction", "output"), _alpaca),
    *(("prompt", ("prompt", name), _prompt) for name in _COMPLETIONS),
    ("roles", ("user", "assistant"), _roles),
)
# Most records have none of these, which is told sooner than by asking for all of them.
_FIRST = frozenset(names[0] for _, names, _ in _SHAPES)
_ASKED = ("prompt", "instruction", "question", "user")
_OF_A_CHAT = {*_ASKED, "system", "input", "history", "id", *BESIDE_MESSAGES}
