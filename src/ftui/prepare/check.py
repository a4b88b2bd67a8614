"""What a provider would refuse, told before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftui import chatfile
from ftui.prepare.pair import Dropped, Message, Pair, beside, last_text

REFUSED = "refused by the file rules"


def row(messages: Sequence[Message], origin: Mapping[str, Any]) -> dict[str, Any]:
    """A pair as a row of the training file."""
    return {"messages": [dict(message) for message in messages], **beside(origin)}


def checked(pair: Pair) -> Pair | Dropped:
    """The pair, or under which rule of training files it falls."""
    problem = chatfile.row_problem(row(pair.messages, pair.origin))
    if not problem:
        return pair
    return pair.lost(REFUSED, f"{last_text(pair.messages, 'user')[:200]} · {problem}")
