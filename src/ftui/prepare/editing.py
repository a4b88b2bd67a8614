"""What is to know about a pair whose text a person has changed: its tokens, and its flags anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from ftui.chatfile import text_of
from ftui.prepare import flags, language, personal
from ftui.prepare.limit import Limit
from ftui.prepare.pair import Message, last_text
from ftui.prepare.pair import Pair as NewPair
from ftui.prepare.recipe import Cleaning
from ftui.store.pair import Marks, Pair

_OF_TEXT = frozenset(
    {"short", "long", "cut", "residue", "mojibake", "boilerplate", "repeated", "language", "personal", "template"}
)
"""Flags that follow from the text and the recipe alone. What was said of a text and its source stays."""
_MASK = re.compile("|".join(rf"\[{kind}\]" for kind in get_args(personal.Kind)))


def marks(pair: Pair, messages: Sequence[Message], settings: Cleaning, limit: Limit) -> tuple[int, Marks]:
    """The tokens and the marks of a pair with these messages in place of its own.

    Not for the thread of the screen: vocabularies are loaded, and a long text takes long.
    """
    kept = {name: reason for name, reason in pair.flags.items() if name not in _OF_TEXT}
    found = dict(_of_text(pair.kind, messages, settings))
    if pair.flags.get("personal", "").startswith("masked: ") and any(
        _MASK.search(text_of(message)) for message in messages
    ):
        found.setdefault("personal", pair.flags["personal"])
    if "cut" in pair.flags and last_text(messages, "assistant") == last_text(pair.messages, "assistant"):
        # How much the recipe has left out of this very answer.
        left_out = [part for part in pair.flags["cut"].split("; ") if part.endswith("left out")]
        found |= {"cut": left_out[0]} if left_out else {}
    kind: Literal["domain", "general"] = "general" if pair.kind == "general" else "domain"
    changed = NewPair(tuple(messages), pair.fact, kind, pair.url, pair.source, pair.record, pair.origin, kept | found)
    result = limit.pair(changed).flags
    return changed.tokens, Marks(result, flags.risk(result))


def _of_text(kind: str, messages: Sequence[Message], settings: Cleaning) -> Iterator[tuple[str, str]]:
    question, answer = last_text(messages, "user"), last_text(messages, "assistant")
    for name, reason in (*flags.of_answer(answer, settings), *flags.of_question(question)):
        if name != "short" or kind == "domain":
            yield name, reason
    if settings.languages and kind == "domain":
        text = answer if len(answer) >= 100 else f"{question} {answer}"
        judged = language.judge(text, settings.languages)
        if judged.doubt:
            yield "language", judged.doubt
    if settings.personal != "keep":
        found = [each for message in messages for each in personal.find(text_of(message), settings.region)]
        if found:
            yield "personal", personal.named(found)
