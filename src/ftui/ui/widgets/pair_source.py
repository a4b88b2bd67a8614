"""Where a pair comes from, as rows: address, how it was made, its passage marked within its record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ftui.store.filters import Term, write
from ftui.store.pairs import Pair
from ftui.ui import passage as passages
from ftui.ui.flow import wrap
from ftui.ui.text import Row, Span, cut, plain
from ftui.units import percent

_AHEAD = 2
"""Lines with text shown before the used passage: its heading is among them."""
_MARK = 8
"""Characters of a fact's mark that are shown: enough to filter by it."""


def source_rows(
    pair: Pair,
    record: Mapping[str, Any] | None,
    fact_size: int,
    width: int,
    most: int | None = None,
    source: str = "",
    key: str = "",
) -> list[Row]:
    """Address, origin and the passage that the answer was made from, marked within its record.

    Args:
        record: as `store.records.get` gives it; None when it is gone or there was none.
        fact_size: how many phrasings the pair's fact has.
        most: rows that are wanted; None for all.
        source: the name of the pair's source.
        key: what its record is called there; "" where that is its address.
    """
    rows: list[Row] = [(Span(plain(address, width), "accent"),) for address in (pair.url or key,) if address]
    beside = [plain(words) for words in (source, key if pair.url else "") if words]
    origin = " · ".join([*beside, *_origin(pair, fact_size)])
    rows += [(Span(line, "dim"),) for line in wrap(origin, width, most)] if origin else []
    passage = str(pair.origin.get("passage") or "").strip()
    rows.append(())
    if record is not None:
        return rows + record_rows(record, width, most, passage)
    rows += _marked("▌ ", passage, width, most)
    if not pair.record and not passage:
        rows.append((Span(cut("It was not made from a record.", width), "dim"),))
    elif pair.record:
        rows += [(), gone_row(width)]
    return rows


def gone_row(width: int) -> Row:
    """Where a record would stand."""
    return (Span(cut("Its record is not here any more.", width), "dim"),)


def record_rows(record: Mapping[str, Any], width: int, most: int | None = None, passage: str = "") -> list[Row]:
    """Title and text of a record, of which a passage is marked; the arguments are as in `source_rows`."""
    rows: list[Row] = []
    if record["title"]:
        rows += [(Span(line, "bold"),) for line in wrap(str(record["title"]), width, most)]
    return rows + _text_rows(record["data"], passage, width, most)


def _origin(pair: Pair, fact_size: int) -> list[str]:
    """How the pair was made, in parts: template, phrasing, heading, and which fact has other phrasings too."""
    parts = [str(pair.origin[key]) for key in ("template", "phrasing", "heading") if pair.origin.get(key)]
    if not pair.url and pair.origin.get("phrasing") == "site":
        # The question is the source's own, and the source is no site.
        parts.remove("site")
    if fact_size > 1:
        parts.append(f"one of {fact_size:,} phrasings of {write([Term('fact', pair.fact[:_MARK])])}")
    return parts


def _text_rows(data: Any, passage: str, width: int, most: int | None) -> list[Row]:
    """A record's text; lines of the used passage carry a bar, and little of what stands before it is shown."""
    text = _text_of(data).strip()
    place = passages.find(text, passage)
    rows: list[Row] = []
    if place is None:
        if passage:
            words = "The record does not hold the passage in these words any more:"
            rows += [(Span(line, "dim"),) for line in wrap(words, width)]
            rows += [*_marked("▌ ", passage, width, most), ()]
        return rows + _beside(text, width, most)
    before, used, after = text[: place.start].rstrip(), text[place.start : place.stop], text[place.stop :]
    mark = "▌ "
    if place.alike < 1:
        mark = "≈ "
        share = "all words" if place.alike >= passages.ALL_WORDS else f"{percent(place.alike)} of the words"
        words = f"≈ closest passage of the record: it holds {share}"
        rows += [(Span(line, "dim"),) for line in wrap(words, width)]
    # Only the last lines are shown, so that only the last characters are looked at.
    ahead = [line for line in wrap(before[-width * _AHEAD * 4 :], width - 2) if line.strip()][-_AHEAD:]
    rows += [(Span(f"  {line}", "dim"),) for line in ahead]
    rows += _marked(mark, used, width, most)
    return rows + _beside(after.strip("\n"), width, most)


def _marked(mark: str, passage: str, width: int, most: int | None) -> list[Row]:
    # One tone for both: a change of tone in every line costs as much as the line.
    return [(Span(mark + line, "accent"),) for line in wrap(passage, width - 2, most)] if passage else []


def _beside(text: str, width: int, most: int | None) -> list[Row]:
    return [(Span(f"  {line}", "dim"),) for line in wrap(text, width - 2, most)] if text else []


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
