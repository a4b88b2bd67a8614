"""A pair as rows of text: one line of the list, its messages, where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from textual.content import Content

from ftui.store.pairs import Decision, Pair
from ftui.ui.text import Row, Span, Tone, block, cut, fit, plain

TOKENS = 6
"""Cells of the tokens column."""

DECISION_TONES: dict[Decision, Tone] = {Decision.PENDING: "dim", Decision.ACCEPTED: "ok", Decision.REJECTED: "bad"}

_SKIPPED = 3
"""Fields of a record whose values are longer than this many lines are cut in the source pane."""


def list_row(pair: Pair, width: int, digits: int) -> Row:
    """Symbol, number, question, answer and tokens in exactly `width` cells."""
    room = width - digits - TOKENS - 4
    question = max(room * 2 // 5, min(room, 12))
    answer = room - question - 2
    number = f" {name(pair, digits)} "
    asked = fit(plain(pair.text("user"), question), question)
    answered = fit(plain(pair.text("assistant").strip() or "(empty answer)", answer), answer)
    # Neighbours of one tone are one span: every change of tone costs some forty bytes.
    text, tokens = f"{asked}  {answered}", f"{pair.tokens:{TOKENS},} "
    if pair.decision is Decision.PENDING:
        return (Span(pair.decision.symbol + number, "dim"), Span(text), Span(tokens, "dim"))
    symbol = Span(pair.decision.symbol, DECISION_TONES[pair.decision])
    if pair.decision is Decision.REJECTED:
        return (symbol, Span(number + text + tokens, "dim"))
    return (symbol, Span(number + text), Span(tokens, "dim"))


def name(pair: Pair, digits: int) -> str:
    """A pair's number as it is shown everywhere: `003`."""
    return f"{pair.id:0{digits}}"


def wrap(text: str, width: int) -> list[str]:
    """Data as harmless lines of at most `width` cells."""
    return [line.plain for line in Content(block(text)).wrap(max(width, 8))]


def heading(pair: Pair, digits: int) -> Row:
    """Decision, number and what else is to know about a pair."""
    words = [name(pair, digits), pair.kind, f"{pair.tokens:,} tokens"]
    if pair.edited:
        words.append("edited")
    if pair.origin.get("held"):
        words.append("kept for validation")
    tone = DECISION_TONES[pair.decision]
    return (
        Span(f"{pair.decision.symbol} {pair.decision.name.lower()}", tone),
        Span("  " + " · ".join(words), "dim"),
    )


def message_rows(pair: Pair, width: int, *, system: bool = True) -> list[Row]:
    """The messages of a pair, each below the name of its role; the system message only when wanted."""
    rows: list[Row] = []
    for message in pair.messages:
        if message["role"] == "system" and not system:
            continue
        rows.append((Span(plain(message["role"], width), "accent"),))
        rows += [(Span(line),) for line in wrap(message["content"] or "(empty)", width)]
        rows.append(())
    return rows


def source_rows(pair: Pair, record: Mapping[str, Any] | None, fact_size: int, width: int) -> list[Row]:
    """Address, origin and the passage that the answer was made from, marked within its record.

    Args:
        record: as `store.records.get` gives it; None when it is gone or there was none.
        fact_size: how many phrasings the pair's fact has.
    """
    rows: list[Row] = []
    if pair.url:
        rows.append((Span(plain(pair.url, width), "accent"),))
    rows += [(Span(line, "dim"),) for line in wrap(_origin(pair, fact_size), width)]
    passage = str(pair.origin.get("passage") or "").strip()
    rows.append(())
    if record is None:
        rows += [(Span("▌ ", "accent"), Span(line)) for line in wrap(passage, width - 2)] if passage else []
        if not pair.record and not passage:
            rows.append((Span(cut("It was not made from a record.", width), "dim"),))
        elif pair.record:
            rows += [(), (Span(cut("Its record is not here any more.", width), "dim"),)]
        return rows
    if record["title"]:
        rows += [(Span(line, "bold"),) for line in wrap(str(record["title"]), width)]
    rows += _record_rows(record["data"], passage, width)
    return rows


def _origin(pair: Pair, fact_size: int) -> str:
    """How the pair was made, on a line: template, phrasing, heading, and how often its fact is asked."""
    parts = [str(pair.origin[key]) for key in ("template", "phrasing", "heading") if pair.origin.get(key)]
    if fact_size > 1:
        parts.append(f"one of {fact_size:,} phrasings")
    return " · ".join(parts)


def _record_rows(data: Any, passage: str, width: int) -> list[Row]:
    """A record's texts; lines of the used passage carry a bar."""
    text = _text_of(data)
    start = text.find(passage) if passage else -1
    if start < 0:
        rows: list[Row] = [(Span("▌ ", "accent"), Span(line)) for line in wrap(passage, width - 2)] if passage else []
        if rows and text:
            rows.append(())
        return rows + [(Span("  "), Span(line, "dim")) for line in wrap(text, width - 2)]
    before, after = text[:start].rstrip(), text[start + len(passage) :].lstrip("\n")
    used: list[Row] = [(Span("▌ ", "accent"), Span(line)) for line in wrap(passage, width - 2)]
    # What stands right before the passage matters most: its heading.
    ahead = wrap(before, width - 2)[-_SKIPPED:] if before else []
    behind = wrap(after, width - 2) if after else []
    return [
        *[(Span("  "), Span(line, "dim")) for line in ahead],
        *used,
        *[(Span("  "), Span(line, "dim")) for line in behind],
    ]


def _text_of(data: Any) -> str:
    """The text of a page, or the fields of any other record, a line each."""
    if isinstance(data, Mapping):
        if isinstance(data.get("text"), str):
            return str(data["text"])
        return "\n".join(f"{name}: {_value(value)}" for name, value in data.items() if value not in (None, "", [], {}))
    return _value(data)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
