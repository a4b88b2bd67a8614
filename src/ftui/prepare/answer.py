"""What a model answered, checked: JSON of the form that was asked for, whatever stands around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ftui.prepare.asking import Ask, Kind
from ftui.prepare.clean import clean
from ftui.prepare.sentences import cut

_LONGEST = 8000
"""Characters of one text of an answer."""
_LONGEST_ANSWER = 500_000
_TRIES = 500
_OPEN = re.compile(r"[{\[]")
_LISTS: Mapping[Kind, str] = {"questions": "pairs", "wordings": "wordings"}


class Unusable(Exception):
    """An answer of which nothing can be used; says why, so that the model can be told."""


def read(text: str, ask: Ask, *, whole: bool = True) -> list[dict[str, Any]]:
    """The items of an answer, cleaned: what is wrong with one item does not cost the others.

    An item is `question`, `also`, `answer`, `quote` for "questions"; `number`, `also` for
    "wordings"; `answer` for "replay"; `summary` or `plain` for the other two.

    Args:
        whole: False for one that was cut off.

    Raises:
        Unusable: there is no JSON in it, or nothing of what was asked for.
    """
    if not ask.schema:
        said = clean(text[:_LONGEST])
        if not (said := said if whole else cut(said, len(said))):
            raise Unusable("it says nothing")
        return [{"answer": said}]
    values = list(_objects(text[:_LONGEST_ANSWER]))
    # Of an answer that was cut off, what is whole is as good as ever.
    items = [item for value in values for item in _items(value, ask)]
    if not items:
        form = f"its JSON does not have the form {json.dumps(_form(ask.kind))}"
        raise Unusable(form if values else "there is no JSON in it")
    return items


def _objects(text: str) -> Iterator[Any]:
    """All JSON objects and lists in a text, the outermost ones that are whole."""
    decoder, at, tries = json.JSONDecoder(), 0, 0
    while tries < _TRIES and (match := _OPEN.search(text, at)) is not None:
        tries += 1
        try:
            value, at = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            at = match.end()
            continue
        yield value


def _items(value: Any, ask: Ask) -> list[dict[str, Any]]:
    name = _LISTS.get(ask.kind, "")
    if isinstance(value, Mapping):
        value = value.get(name, [value])
    if not isinstance(value, list):
        return []
    items = (_item(each, ask) for each in value if isinstance(each, Mapping))
    return [item for item in items if item]


def _item(value: Mapping[str, Any], ask: Ask) -> dict[str, Any] | None:
    match ask.kind:
        case "questions":
            question, answer, quote = (_text(value.get(name)) for name in ("question", "answer", "quote"))
            item = {"question": " ".join(question.split()), "also": _texts(value), "answer": answer, "quote": quote}
            return item if question and answer else None
        case "wordings":
            number, also = value.get("number"), _texts(value)
            good = isinstance(number, int) and 1 <= number <= len(ask.questions)
            return {"number": number, "also": also} if good and also else None
        case _:
            text = _text(value.get(ask.kind))
            return {ask.kind: text} if text else None


def _text(value: Any) -> str:
    text = clean(value) if isinstance(value, str) else ""
    return text if len(text) <= _LONGEST else ""


def _texts(value: Mapping[str, Any]) -> list[str]:
    also = value.get("also")
    texts = [" ".join(_text(each).split()) for each in also] if isinstance(also, list) else []
    return list(dict.fromkeys(text for text in texts if text))


def _form(kind: Kind) -> Any:
    match kind:
        case "questions":
            return {"pairs": [{"question": "", "also": [], "answer": "", "quote": ""}]}
        case "wordings":
            return {"wordings": [{"number": 1, "also": []}]}
        case _:
            return {kind: ""}
