"""Records, fields and their values as rows of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from ftui.store.records import RecordLine
from ftui.store.survey import FieldSummary
from ftui.ui.flow import wrap
from ftui.ui.text import Row, Span, bar, count, fit, plain, plural, row, size
from ftui.units import percent

MOST_SHOWN = 100_000
"""Characters of a record that are laid out; a page of a book has two thousand."""

_SIZE = 9
_TEXTS = ("markdown", "text", "content", "body", "transcript", "description")
"""Fields whose text is what a reader wants first."""
_NAMES = 28
_BAR = 10
_BEGINNING: Row = (Span("… this is the beginning of it", "dim"),)


def record_head(width: int, digits: int) -> Row:
    """What the columns of `record_row` are."""
    titles, addresses = _record_columns(width, digits)
    text = fit("", digits) + "  " + fit("title", titles) + "  " + fit("address or key", addresses)
    return row((text + fit("size", _SIZE, "right"), "dim"))


def record_row(line: RecordLine | None, index: int, width: int, digits: int) -> Row:
    """Number, title, address or key, and size of a record in `width` cells; None is one that is gone."""
    titles, addresses = _record_columns(width, digits)
    number = fit(count(index + 1), digits, "right") + "  "
    if line is None:
        return row((number + "deleted meanwhile", "dim"))
    title = plain(line.title, titles) or "(no title)"
    where = line.url or line.key
    if line.url:
        where = _tail(line.url, addresses)
    return row(
        (number, "dim"),
        fit(title, titles),
        ("  " + fit(plain(where, addresses), addresses) + fit(size(line.size), _SIZE, "right"), "dim"),
    )


def _record_columns(width: int, digits: int) -> tuple[int, int]:
    """Cells of the title, and of the address."""
    room = width - digits - 4 - _SIZE
    titles = max(room * 11 // 20, 8)
    return titles, max(room - titles, 0)


def _tail(url: str, width: int) -> str:
    """An address without its scheme; too long a one without its host and query, which many share."""
    bare = (url.partition("://")[2] or url)[: width * 8 + 64]
    if len(bare) <= width:
        return bare
    path = bare.partition("?")[0]
    path = path[path.find("/") :] if "/" in path else bare
    return path if len(path) <= width else "…" + path[-max(width - 1, 1) :]


# One record


def record_text(record: Mapping[str, Any], characters: int, width: int) -> list[Row]:
    """A record to read: its title, where it is from, its text, then what else it holds.

    Args:
        characters: of the whole record, of which the beginning may be shown.
    """
    data = record["data"]
    rows: list[Row] = [row((line, "bold")) for line in wrap(str(record["title"] or "(no title)"), width)]
    rows += [row((line, "dim")) for line in wrap(str(record["url"] or record["key"]), width)]
    moment = datetime.fromtimestamp(record["time"], UTC).astimezone()
    rows += [row((f"{size(characters)}, stored {moment:%Y-%m-%d %H:%M}", "dim")), ()]
    fields = dict(data) if isinstance(data, Mapping) else {"": data}
    for name in ("title", "url"):
        if fields.get(name) == record[name]:
            del fields[name]  # it stands above
    left = MOST_SHOWN
    for name in _TEXTS:
        text = fields.get(name)
        if isinstance(text, str) and "\n" in text.strip():
            del fields[name]
            rows += [*_markdown(text[:left], width), ()]
            left = max(left - len(text), 0)
            break
    names = min(max((len(name) for name, _ in _flat(fields)), default=0), _NAMES)
    for name, value in _flat(fields):
        if not left:
            break
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        shown, left = text[:left], max(left - len(text), 0)
        rows += _field(name, shown, names, width)
    return rows if left else [*rows, (), _BEGINNING]


def record_raw(record: Mapping[str, Any], width: int) -> list[Row]:
    """A record as the JSON that is stored."""
    text = orjson.dumps(record["data"], option=orjson.OPT_INDENT_2).decode()
    rows: list[Row] = [row(line) for line in wrap(text[:MOST_SHOWN], width)]
    return rows if len(text) <= MOST_SHOWN else [*rows, (), _BEGINNING]


def _markdown(text: str, width: int) -> Iterator[Row]:
    """Markdown as it is, its headings lit."""
    for paragraph in text.strip("\n").split("\n"):
        heading = paragraph.lstrip("#").startswith(" ") and paragraph.startswith("#")
        for line in wrap(paragraph, width):
            yield row((line, "accent" if heading else ""))


def _flat(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Fields with those of objects within them as `outer.inner`; what is empty is left out."""
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        elif value not in (None, "", [], {}):
            yield before + str(name), value


def _field(name: str, text: str, names: int, width: int) -> Iterator[Row]:
    """`name   text`, the text beside the name, or below it where there is little room."""
    label = fit(plain(name), names) + "  "
    room = width - len(label)
    if room < 24:
        yield row((plain(name, width), "dim"))
        yield from (row("  " + line) for line in wrap(text, width - 2))
        return
    for number, line in enumerate(wrap(text, room)):
        yield row((label if number == 0 else " " * len(label), "dim"), line)


# Fields


def field_head(width: int) -> Row:
    """What the columns of `field_row` are."""
    names, rest = _field_columns(width)
    text = fit("field", names) + "  " + fit("filled", _BAR + 6) + "  " + fit("kind", 8) + fit("values", 8, "right")
    return row((text + "  " + fit("most frequent", rest), "dim"))


def field_row(field: FieldSummary, read: int, width: int) -> Row:
    """Name, how many records have it, what it holds, how many values, the most frequent one."""
    names, rest = _field_columns(width)
    kinds = "+".join(field.kinds) or "-"
    many = f"{count(field.distinct)}{'+' if field.distinct >= 1000 else ''}"
    first = plain(field.values[0][0], rest) if field.values else ""
    return row(
        fit(plain(field.name), names) + "  ",
        (bar(field.filled, read, _BAR), "accent"),
        fit(percent(field.filled, read), 6, "right"),
        ("  " + fit(kinds, 8) + fit(many, 8, "right") + "  " + first, "dim"),
    )


def _field_columns(width: int) -> tuple[int, int]:
    """Cells of the name, and of the most frequent value."""
    room = width - _BAR - 6 - 2 - 16 - 4
    names = min(max(room // 2, 10), 24)
    return names, max(room - names, 0)


def value_row(value: str, number: int, filled: int, width: int) -> Row:
    """A value and how many records have it."""
    text = max(width - 17, 8)
    share = percent(number, filled) if filled else ""
    return row(fit(plain(value, text), text), (fit(count(number), 9, "right") + fit(share, 8, "right"), "dim"))


def field_about(field: FieldSummary, read: int) -> Sequence[Row]:
    """What is known of a field beside its values."""
    many = f"{count(field.distinct)}{' or more' if field.distinct >= 1000 else ''}"
    lines = [row(f"in {count(field.filled)} of {plural(read, 'record')}")]
    lines.append(row((f"{' or '.join(field.kinds) or 'always empty'} · {many} different values", "dim")))
    return [*lines, ()]


def records_title(total: int, found: int | None, words: str) -> str:
    """`records 312`, or `12 of 312 records · “kettle”` where only those with some words are listed."""
    if found is None:
        return f"records {count(total)}"
    return f"{count(found)} of {plural(total, 'record')} · “{plain(words, 24)}”"


def failed_title(failed: int, skipped: int) -> str:
    """`failed 4, left out 11`."""
    return f"failed {count(failed)}" + (f", left out {count(skipped)}" if skipped else "")


def nothing_rows(words: str) -> list[Row]:
    """What a list without records says."""
    if not words:
        return [row(), row(" No record has come yet.")]
    return [row(), row(f" No record has {plain(words)}"), row(" ", ("esc", "key"), " shows all")]


def view_row(views: Sequence[tuple[str, str]], shown: str, said: str) -> Row:
    """The views one can go to, the one that is shown lit, and what else is to say.

    Args:
        views: name and title of each.
    """
    spans: list[Span] = []
    for name, title in views:
        here = name == shown
        spans += [Span("▸ " if here else "  ", "accent"), Span(title, "bold" if here else "dim"), Span("  ")]
    return (*spans, Span(plain(said), "dim"))
