"""What a recipe makes of some records, in lines: pairs with tokens and flags, what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftui.ui.flow import wrap
from ftui.ui.text import Row, Span, count, plain, plural

if TYPE_CHECKING:
    from ftui.prepare.pair import Pair
    from ftui.prepare.preview import Shown

_FACTS = 3
"""Facts of a record that are shown."""
_LINES = 5
"""Lines of an answer that are shown."""
_ASKS = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """A recipe followed over some records.

    Attributes:
        records: that the project has.
        sources: that the shown records are of.
        learnt: records from which was learnt what a site repeats, 0 for none.
    """

    shown: tuple[Shown, ...]
    records: int
    sources: int
    learnt: int

    @property
    def pairs(self) -> int:
        return sum(len(each.pairs) for each in self.shown)


def tried_rows(tried: Tried, width: int) -> list[Row]:
    """All of it in lines of at most `width` cells."""
    if not tried.records:
        return _dim("There are no records yet; 2 collects some.", width)
    if not tried.shown:
        return _dim("No record here is of the domain: 2, then t changes the tag of a source.", width)
    rows = _head(tried, width)
    for shown in tried.shown:
        rows.append(())
        rows += _of_record(shown, width)
    return rows


def _head(tried: Tried, width: int) -> list[Row]:
    number = sum(each.record is not None for each in tried.shown)
    tokens = sum(pair.tokens for each in tried.shown for pair in each.pairs)
    of = f"{count(number)} of {plural(tried.records, 'record')}"
    sources = f" from {plural(tried.sources, 'source')}" if tried.sources > 1 else ""
    rows = _dim(f"{plural(tried.pairs, 'pair')} of {of}{sources} · {plural(tokens, 'token')}", width)
    reasons = Counter(dropped.reason for each in tried.shown for dropped in each.dropped)
    if reasons:
        rows += _dim("left out: " + ", ".join(f"{count(n)} {reason}" for reason, n in reasons.most_common()), width)
    flags = Counter(flag for each in tried.shown for pair in each.pairs for flag in pair.flags)
    if flags:
        rows += _dim("flagged: " + ", ".join(f"{count(n)} {flag}" for flag, n in flags.most_common()), width)
    asked = sum(len(each.requests) for each in tried.shown)
    if asked:
        rows += _dim(f"a model would be asked {plural(asked, 'time')} about these", width)
    if 0 < tried.learnt < tried.records:
        rows += _dim(f"what a site repeats is learnt from {plural(tried.learnt, 'record')} here, later from all", width)
    return rows


def _of_record(shown: Shown, width: int) -> Iterator[Row]:
    name = "on many pages" if shown.record is None else shown.title or shown.url or f"record {shown.record}"
    yield (Span(plain(f"── {name}", width), "bold"),)
    facts: dict[str, list[Pair]] = {}
    for pair in shown.pairs:
        facts.setdefault(pair.fact, []).append(pair)
    for pairs in list(facts.values())[:_FACTS]:
        yield from _of_fact(pairs, width)
    if len(facts) > _FACTS:
        yield from _dim(f"and {plural(len(facts) - _FACTS, 'more fact')}", width)
    for dropped in shown.dropped:
        detail = f"  {dropped.detail}" if dropped.detail else ""
        for number, line in enumerate(wrap(f"{dropped.reason}{detail}", width - 2)[:_LINES]):
            yield (Span("  " if number else "- ", "dim"), Span(line, "dim"))
    for ask in shown.requests[:_ASKS]:
        yield (Span("~ ", "accent"), Span(plain(f"a model would be asked: {ask.kind}, {ask.subject}", width - 2)))
    if len(shown.requests) > _ASKS:
        yield from _dim(f"and {count(len(shown.requests) - _ASKS)} times more", width)


def _of_fact(pairs: Sequence[Pair], width: int) -> Iterator[Row]:
    from ftui.prepare.pair import last_text

    first = pairs[0]
    for line in wrap(last_text(first.messages, "user"), width)[:_LINES]:
        yield (Span(line, "accent"),)
    answer = [line for line in wrap(last_text(first.messages, "assistant"), width) if line.strip()]
    for line in answer[:_LINES]:
        yield (Span(line),)
    more = [plural(len(answer) - _LINES, "more line")] if len(answer) > _LINES else []
    more += [plural(first.tokens, "token")]
    more += [f"{plural(len(pairs) - 1, 'other wording')}"] if len(pairs) > 1 else []
    yield from _dim(" · ".join(more), width)
    for flag, reason in first.flags.items():
        yield (Span("! ", "warn"), Span(plain(f"{flag}: {reason}", width - 2)))


def _dim(text: str, width: int) -> list[Row]:
    return [(Span(line, "dim"),) for line in wrap(text, width)]
