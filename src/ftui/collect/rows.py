"""Rows of structured data: is it content or an error, what is it called, what is its key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ftui.events import Failure, Record

# Most specific first: a review carries the asin of its product, and many reviews share one.
_IDENTITIES = ("review_id", "comment_id", "post_id", "asin", "url", "id")
_TITLES = ("title", "name", "headline", "question", "product_name", "job_title", "url")
# What a row that failed at Bright Data holds besides its error.
_AROUND_AN_ERROR = frozenset(
    {"timestamp", "input", "discovery_input", "error", "error_code", "warning", "warning_code", "input_asin", "url"}
)
_LONGEST_TITLE = 200


def to_event(row: Any, key: str, subject: str) -> Record | Failure:
    """The event for one row.

    Args:
        row: any JSON value; only an object with content is a record.
        key: the key of the record.
        subject: how a failure names the row, unless it names its own input.
    """
    if not isinstance(row, dict | Mapping):  # A dict is told at once, a Mapping by looking through its classes.
        return Failure(subject, "not an object")
    reason = error_of(row)
    if reason:
        return Failure(_input_of(row) or subject, reason)
    if not row:
        return Failure(subject, "empty row")
    url = row.get("url")
    return Record(key=key, url=url if isinstance(url, str) else "", title=title_of(row), data=row)


def error_of(row: Mapping[str, Any]) -> str:
    """The code of a row that is an error and holds nothing else; "" for content."""
    error = row.get("error_code") or row.get("error")
    if not error:
        return ""
    filled = {name for name, value in row.items() if value not in (None, "", [], {})}
    if filled - _AROUND_AN_ERROR:
        return ""
    return str(error)[:80]


def key_of(row: Mapping[str, Any]) -> str:
    """What makes this the same record next time; "" when the row has no identity of its own."""
    # Asked of every row of a snapshot: most rows lack most of the names, and a text needs no conversion.
    for name in _IDENTITIES:
        value = row.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            key = value.strip()
        elif isinstance(value, int) and not isinstance(value, bool):
            key = str(value)
        else:
            continue
        if key:
            return key
    return ""


def title_of(row: Mapping[str, Any]) -> str:
    """One line for lists."""
    for name in _TITLES:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())[:_LONGEST_TITLE]
    return ""


def digest(data: bytes) -> str:
    """16 hexadecimal digits that stand for some bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _input_of(row: Mapping[str, Any]) -> str:
    """The input that a failed row answers, as a person would name it."""
    given = row.get("input")
    if isinstance(given, Mapping):
        for value in given.values():
            if isinstance(value, str) and value.strip():
                return value.strip()[:500]
    url = row.get("url")
    return url if isinstance(url, str) else ""
