"""A pair as rows of text: one line of the list, its messages, where it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.store.pairs import Decision, Dropped, Pair, StandIn, content
from ftui.ui.flow import wrap
from ftui.ui.text import Row, Span, Tone, cut, fit, plain, plural

TOKENS = 6
"""Cells of the tokens column."""

DECISION_TONES: dict[Decision, Tone] = {Decision.PENDING: "dim", Decision.ACCEPTED: "ok", Decision.REJECTED: "bad"}

_AHEAD = 4
"""Lines shown before the used passage: its heading is among them."""


def list_row(pair: Pair, width: int, digits: int) -> Row:
    """Symbol, number, question, answer and tokens in exactly `width` cells."""
    room = width - digits - TOKENS - 4
    question = max(room * 2 // 5, min(room, 12))
    answer = room - question - 2
    number = f"{'!' if pair.flags else ' '}{name(pair, digits)} "
    asked = fit(plain(pair.text("user"), question), question)
    answered = fit(plain(pair.text("assistant").strip() or "(empty answer)", answer), answer)
    # Neighbours of one tone are one span: every change of tone costs some forty bytes.
    text, tokens = f"{asked}  {answered}", f"{pair.tokens:{TOKENS},} "
    if pair.decision is Decision.PENDING:
        return (Span(pair.decision.symbol + number, "dim"), Span(text), Span(tokens, "dim"))
    symbol = Span(pair.decision.symbol, DECISION_TONES[pair.decision])
    if pair.decision is Decision.REJECTED:
        return (symbol, Span(number + text + tokens, "dim"))
    return (symbol, Span(number + text + tokens))


def name(pair: Pair, digits: int) -> str:
    """A pair's number as it is shown everywhere: `003`."""
    return f"{pair.id:0{digits}}"


def heading(pair: Pair, digits: int) -> Row:
    """Decision, number and what else is to know about a pair."""
    words = [name(pair, digits), f"{pair.tokens:,} tokens"]
    if pair.origin.get("held"):
        words.append("held out")
    if pair.kind != "domain":
        words.append(pair.kind)
    if pair.edited:
        words.append("edited")
    tone = DECISION_TONES[pair.decision]
    return (
        Span(f"{pair.decision.symbol} {pair.decision.name.lower()}", tone),
        Span("  " + " · ".join(words), "dim"),
    )


def flag_rows(pair: Pair, width: int) -> list[Row]:
    """What may be wrong with a pair, and why."""
    rows: list[Row] = []
    for flag, reason in pair.flags.items():
        first, *more = wrap(f"{flag}: {reason}" if reason else flag, width - 2)
        rows += [(Span("! ", "warn"), Span(first)), *((Span(f"  {line}"),) for line in more)]
    return rows


def stand_in_rows(pair: Pair, stand_ins: Sequence[StandIn], width: int) -> list[Row]:
    """The near-duplicates that a pair stands for, the most similar first."""
    number = max(pair.stands_for, len(stand_ins))
    if not number:
        return []
    rows: list[Row] = [(Span(cut(f"stands for {plural(number, 'near-duplicate')}", width), "accent"),)]
    rows += [
        (Span(f"{other.similarity * 100:3.0f} % ", "dim"), Span(plain(other.question, width - 6)))
        for other in stand_ins
    ]
    if number > len(stand_ins) > 0:
        rows.append((Span(f"      … {number - len(stand_ins):,} more", "dim"),))
    return [*rows, ()]


def dropped_row(dropped: Dropped, width: int) -> Row:
    """Reason and text of what did not become a pair, in exactly `width` cells."""
    reason = max(min(width // 4, 24), 8)
    text = plain(dropped.text or dropped.detail or dropped.url, width)
    return (
        Span("- ", "dim"),
        Span(fit(plain(dropped.reason, reason), reason), "dim"),
        Span(fit(f"  {text}", width - reason - 2)),
    )


def dropped_rows(dropped: Dropped, width: int) -> list[Row]:
    """All that is known of what did not become a pair."""
    rows: list[Row] = [(Span("- not a pair  ", "dim"), Span(plain(dropped.reason, width - 14)))]
    rows += [(Span(line, "dim"),) for line in wrap(dropped.detail, width)] if dropped.detail else []
    if dropped.text:
        rows += [(), (Span("text", "accent"),), *((Span(line),) for line in wrap(dropped.text, width))]
    if dropped.url:
        rows += [(), (Span("from", "accent"),), (Span(plain(dropped.url, width), "accent"),)]
    return rows


def message_rows(pair: Pair, width: int, *, system: bool = True) -> list[Row]:
    """The messages of a pair, each below the name of its role; the system message only when wanted."""
    rows: list[Row] = []
    for message in pair.messages:
        if message["role"] == "system" and not system:
            continue
        rows.append((Span(plain(message["role"], width), "accent"),))
        rows += [(Span(line),) for line in wrap(content(message) or "(empty)", width)]
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
        rows += _used(passage, width)
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
    """A record's text; lines of the used passage carry a bar, and little of what stands before it is shown."""
    text = _text_of(data).strip()
    words = r"\s+".join(map(re.escape, passage.split()))
    found = re.search(words, text) if words else None
    before, used, after = "", passage, text
    if found:
        before, used, after = text[: found.start()].rstrip(), found.group(), text[found.end() :].strip("\n")
    ahead = wrap(before, width - 2)[-_AHEAD:] if before else []
    rows: list[Row] = [(Span("  "), Span(line, "dim")) for line in ahead]
    rows += _used(used, width)
    if used and after and not found:
        rows.append(())
    return rows + [(Span("  "), Span(line, "dim")) for line in (wrap(after, width - 2) if after else ())]


def _used(passage: str, width: int) -> list[Row]:
    return [(Span("▌ ", "accent"), Span(line)) for line in wrap(passage, width - 2)] if passage else []


def _text_of(data: Any) -> str:
    """The text of a page, or the fields of any other record, a line each."""
    if isinstance(data, Mapping):
        for name in ("markdown", "text"):
            if isinstance(data.get(name), str):
                return str(data[name])
        return "\n".join(f"{name}: {_value(value)}" for name, value in data.items() if value not in (None, "", [], {}))
    return _value(data)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
