"""Only what failed, once more: which inputs the failures of an earlier run go back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ftui.collect import datasets
from ftui.errors import InputError

if TYPE_CHECKING:
    from ftui.collect.brightdata_settings import BrightData


@dataclass(frozen=True)
class Again:
    """A job of the failed ones.

    Attributes:
        settings: of this job; its cost is bounded by what is in it.
        left: how many of the failures lead to no input, and are not tried again.
    """

    settings: BrightData
    left: int


def again(settings: BrightData, subjects: Sequence[str]) -> Again:
    """The job that fetches some failures again.

    A failure that names an input is fetched by it. A discovery also fails at pages that it
    found itself; where none of the failures names an input, these pages are fetched as such.

    Raises:
        InputError: none of them can be fetched again.
    """
    wanted = {_plain(subject) for subject in subjects}
    found: set[str] = set()
    rows: list[Mapping[str, Any]] = []
    for row in settings.inputs:
        if named := wanted & _names(row):
            found |= named
            rows.append(row)
    if rows:
        return Again(settings.with_inputs(rows), len(wanted - found))
    pages = sorted(subject for subject in set(subjects) if _is_address(subject))
    dataset = datasets.get(settings.dataset_id)
    form = dataset.form("") if dataset else None
    by_address = form is not None and form.single and form.missing({"url": "x"}) == ()
    if settings.discover_by and pages and by_address:
        return Again(settings.with_inputs([{"url": page} for page in pages], ""), len(wanted) - len(pages))
    raise InputError(
        "None of the failures can be fetched again",
        "they name none of the inputs" if settings.inputs else "an earlier snapshot was taken, without inputs",
        "Collect from the source again, or make one with these inputs",
    )


def _names(row: Mapping[str, Any]) -> set[str]:
    """What a failure calls an input: one of its texts."""
    return {_plain(value) for value in row.values() if isinstance(value, str) and value.strip()}


def _plain(text: str) -> str:
    """Equal for what the service may give back a little changed, as a slash at the end."""
    return text.strip()[:500].rstrip("/")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
