"""A pair as rows of text: one line of the list, its state, what may be wrong with it, what it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.cells import cell_len

from ftui.store.pairs import Decision, Dropped, Pair, StandIn
from ftui.ui.flow import wrap
from ftui.ui.text import Row, Span, Tone, cut, fit, plain, plural
from ftui.ui.widgets.pair_messages import in_short
from ftui.units import percent

TOKENS = 6
"""Cells of the tokens column."""
REASON = 26
"""Cells of the reason of what was dropped, where there is room: nearly all are shorter."""
WIDE, WIDER = 84, 104
"""From how many cells on a row names its flags, and its source as well."""
_BESIDE = 16
_WHERE = 20
"""Cells of the place of another pair: of a long address the end."""
_ENOUGH = 1_000
"""Characters of a question that are looked at for a line."""
_APART = 8
"""Cells of a question that have to be its own, so that it is known from those around it."""
_NAMED = 5
"""Pairs that are named by their number."""
_SOURCE = re.compile(r"source (\d{1,18})")
"""What stands in the place of an address where passages were left out of a source without addresses."""

DECISION_TONES: dict[Decision, Tone] = {Decision.PENDING: "dim", Decision.ACCEPTED: "ok", Decision.REJECTED: "bad"}


@dataclass(frozen=True, slots=True)
class Extra:
    """What rows show besides, where there is room for it.

    Attributes:
        sources: names by id; empty where all pairs are of one.
        flags: whether any pair has one.
    """

    sources: Mapping[int, str] = field(default_factory=dict)
    flags: bool = False


def list_row(pair: Pair, width: int, digits: int, extra: Extra | None = None, lead: int = 0) -> Row:
    """Symbol, number, question, answer and tokens in exactly `width` cells; in a wide list what else there is.

    Args:
        lead: characters of the question that the rows around it begin with as well; left out where
            nothing else of it would be seen.
    """
    beside = ""
    if extra and extra.sources and width >= WIDER:
        beside = "  " + fit(plain(extra.sources.get(pair.source or 0, ""), _BESIDE), _BESIDE)
    if extra and extra.flags and width >= WIDE:
        beside += "  " + fit(plain(", ".join(pair.flags), _BESIDE), _BESIDE)
    room = width - digits - TOKENS - 4 - cell_len(beside)
    question = max(room * 2 // 5, min(room, 12))
    answer = room - question - 2
    number = f"{'!' if pair.flags else ' '}{name(pair, digits)} "
    asked = in_short(pair, "user", "", lead + _ENOUGH)
    if lead > question - _APART:
        asked = _apart(asked, lead, question)
    asked = fit(plain(asked, question), question)
    answered = fit(plain(in_short(pair, "assistant", "(empty answer)"), answer), answer)
    # Neighbours of one tone are one span: every change of tone costs some forty bytes.
    text, tokens = f"{asked}  {answered}", f"{beside}{token_count(pair.tokens)} "
    if pair.decision is Decision.PENDING:
        return (Span(pair.decision.symbol + number, "dim"), Span(text + tokens))
    symbol = Span(pair.decision.symbol, DECISION_TONES[pair.decision])
    if pair.decision is Decision.REJECTED:
        return (symbol, Span(number + text + tokens, "dim"))
    return (symbol, Span(number + text + tokens))


def _apart(text: str, lead: int, room: int) -> str:
    """A text from its `lead`th character on, with a few words before that, or as many as there is room for."""
    start = max(min(lead - room // 3, len(text) - room + 2), 0)
    while start < lead and not text[start - 1].isspace():
        start += 1
    return f"… {text[start:]}"


def token_count(tokens: int) -> str:
    """A number in the cells of its column: `98,304`, `  220k`."""
    for number, unit in ((tokens, ""), (tokens // 1_000, "k"), (tokens // 1_000_000, "M")):
        words = f"{number:,}{unit}"
        if len(words) <= TOKENS:
            break
    return f"{words:>{TOKENS}}"


class KeptRows:
    """`list_row`, worked out once for as long as nothing about the pair is another."""

    MOST: ClassVar[int] = 256

    def __init__(self) -> None:
        self._kept: dict[int, tuple[tuple[Pair, Extra], tuple[int, int, int], Row]] = {}

    def row(self, pair: Pair, width: int, digits: int, extra: Extra, lead: int = 0) -> Row:
        """As `list_row`."""
        kept = self._kept.get(pair.id)
        if kept is not None and kept[0][0] is pair and kept[0][1] is extra and kept[1] == (width, digits, lead):
            return kept[2]
        if len(self._kept) >= self.MOST:
            self._kept.clear()
        row = list_row(pair, width, digits, extra, lead)
        self._kept[pair.id] = (pair, extra), (width, digits, lead), row
        return row


def name(pair: Pair, digits: int) -> str:
    """A pair's number as it is shown everywhere: `003`."""
    return f"{pair.id:0{digits}}"


def heading(pair: Pair, digits: int, cost: str = "") -> Row:
    """Decision, number and what else is to know about a pair.

    Args:
        cost: what training on it costs, in a few words.
    """
    words = [name(pair, digits), plural(pair.tokens, "token") + (f", {cost}" if cost else "")]
    if pair.origin.get("held"):
        words.append("held out")
    if pair.kind != "domain":
        words.append(pair.kind)
    if pair.edited:
        words.append("edited")
    tone = DECISION_TONES[pair.decision]
    return (
        Span(f"{pair.decision.symbol} {pair.decision.name.lower()}", tone),
        Span(" " + " · ".join(words), "dim"),
    )


def flag_rows(pair: Pair, width: int) -> list[Row]:
    """What may be wrong with a pair, and why."""
    rows: list[Row] = []
    for flag, reason in pair.flags.items():
        first, *more = wrap(f"{flag}: {reason}" if reason else flag, width - 2)
        rows += [(Span("! ", "warn"), Span(first)), *((Span(f"  {line}"),) for line in more)]
    return rows


def kept_rows(pair: Pair, width: int) -> list[Row]:
    """That the recipe no longer makes a pair, and why."""
    if pair.kept is None:
        return []
    said = "kept from before: the recipe no longer makes it" + (f" ({pair.kept})" if pair.kept else "")
    first, *more = wrap(said, width - 2)
    return [(Span("· ", "dim"), Span(first)), *((Span(f"  {line}"),) for line in more)]


def stand_in_rows(pair: Pair, stand_ins: Sequence[StandIn], width: int) -> list[Row]:
    """The duplicates that a pair stands for, the most similar first."""
    number = max(pair.stands_for, len(stand_ins))
    if not number:
        return []
    rows: list[Row] = [(Span(cut(f"stands for {plural(number, 'duplicate')}", width), "accent"),)]
    question = plain(pair.text("user")[:_ENOUGH])
    for other in stand_ins:
        where = ending(plain(other.where), max(width // 3, _WHERE)) + " · " if other.where else ""
        said = telling(plain(other.question[:_ENOUGH]), question, width - 6 - cell_len(where))
        rows.append((Span(f"{percent(other.similarity):>5} {where}", "dim"), Span(said)))
    if number > len(stand_ins) > 0:
        rows.append((Span(f"      … {number - len(stand_ins):,} more", "dim"),))
    return [*rows, ()]


def dropped_row(dropped: Dropped, width: int) -> Row:
    """Reason and text of what did not become a pair, in exactly `width` cells."""
    reason = max(min(width * 3 // 8, REASON), 8)
    text = _short(dropped, width - reason - 4) if dropped.standing else plain(_said(dropped), width)
    return (
        Span("- ", "dim"),
        Span(fit(plain(dropped.reason, reason), reason), "dim"),
        Span(fit(f"  {text}", width - reason - 2)),
    )


def _said(dropped: Dropped) -> str:
    """What a row says: words of the record, or where it is, where it has none."""
    return dropped.text or dropped.detail or dropped.url or dropped.key


def _short(dropped: Dropped, width: int) -> str:
    """`96% of 012 · shop.jsonl:291 · …the end where they differ`: which pair stands for a duplicate."""
    found = dropped.standing
    if found is None:
        return plain(_said(dropped), width)
    head = f"{_relation(dropped)} {found.pair:03} · "
    head += f"{ending(plain(found.where), _WHERE)} · " if found.where else ""
    said, other = plain((dropped.text or dropped.detail)[:_ENOUGH]), plain(found.question[:_ENOUGH])
    return head + telling(said, other, max(width - cell_len(head), 1))


def _relation(dropped: Dropped) -> str:
    return "same as" if dropped.alike is None else f"{percent(dropped.alike)} of"


def ending(text: str, width: int) -> str:
    """A text in at most `width` cells, of a longer one the end."""
    if cell_len(text) <= width:
        return text
    rest = text[-max(width - 1, 1) :]
    while cell_len(rest) > width - 1 and len(rest) > 1:
        rest = rest[1:]
    return f"…{rest}"


def telling(text: str, other: str, width: int) -> str:
    """A text in at most `width` cells; of a longer one what another text, which begins alike, does not have."""
    if cell_len(text) <= width:
        return text
    if text == other:
        return ending(text, width)
    # From the word on in which they differ first.
    alike = next((at for at, (one, two) in enumerate(zip(text, other, strict=False)) if one != two), len(other))
    rest = text[text.rfind(" ", 0, alike) + 1 :]
    if len(rest) == len(text):
        return cut(text, width)
    return ending(text, width) if cell_len(rest) < width else cut(f"…{rest}", width)


def source_of(url: str) -> int:
    """The number of the source that stands in the place of an address, 0 for none."""
    found = _SOURCE.fullmatch(url)
    return int(found[1]) if found else 0


def dropped_rows(
    dropped: Dropped,
    width: int,
    most: int | None = None,
    source: str = "",
    key: str = "",
    kept: Sequence[int] = (),
) -> list[Row]:
    """All that is known of what did not become a pair; at most so many rows of its text.

    Args:
        source, key: as in `source_rows`.
        kept: pairs of its record that stay from before.
    """
    url = "" if source and source_of(dropped.url) else dropped.url
    known = [address for address in (url, key) if address][:1]
    beside = " · ".join(plain(words) for words in (source, key if url else "") if words)
    rows: list[Row] = [(Span("- not a pair  ", "dim"), Span(plain(dropped.reason, width - 14)))]
    text, detail = dropped.text, dropped.detail
    if (found := dropped.standing) is not None:
        text, detail = text or detail, f"{_relation(dropped)} pair {found.pair:03}"
        detail += f" · {found.where}" if found.where else ""
        detail += f": {found.question}" if found.question != text else ""
    rows += [(Span(line, "dim"),) for line in wrap(detail, width, most)] if detail else []
    if kept:
        said = f"kept from before: {'pair' if len(kept) == 1 else 'pairs'} {', '.join(map(str, kept[:_NAMED]))}"
        rows.append((Span(cut(said + (" …" if len(kept) > _NAMED else ""), width), "dim"),))
    if text:
        rows += [(), (Span("text", "accent"),), *((Span(line),) for line in wrap(text, width, most))]
    if known or beside:
        rows += [(), (Span("from", "accent"),), *((Span(plain(address, width), "accent"),) for address in known)]
        rows += [(Span(line, "dim"),) for line in wrap(beside, width)] if beside else []
    return rows
