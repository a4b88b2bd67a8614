"""What can be asked of Bright Data, checked before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ftui.collect import datasets
from ftui.errors import InputError

MOST_INPUT_BYTES = 1_000_000_000
MOST_SYNC_INPUTS = 20
FEWEST_ROWS_A_PART = 1000
# Query parameters of a trigger that have no setting of their own, by what is triggered.
_PARAMETERS = {
    "dataset": (
        "notify",
        "endpoint",
        "format",
        "uncompressed_webhook",
        "stream_max_lines",
        "download_fields",
    ),
    "collector": ("version", "name", "queue", "queue_next", "confirm_cancel", "no_downloads", "deadline"),
}
_OTHER_SETTINGS = {
    "dataset_id": "dataset_id",
    "collector": "dataset_id",
    "discover_by": "discover_by",
    "type": "discover_by",
    "limit_per_input": "limit_per_input",
    "limit_multiple_results": "limit",
    "custom_output_fields": "fields",
}
_ID = re.compile(r"(gd|c)_[A-Za-z0-9_]{1,100}")
_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,100}")


def identifier(value: str) -> str:
    """The id of a dataset or a collector.

    Raises:
        InputError: as all of these functions.
    """
    if not _ID.fullmatch(value):
        raise InputError(
            f"{value!r} is neither a dataset nor a collector of Bright Data",
            "the id of a dataset starts with gd_, that of a collector with c_",
            "Correct the id",
        )
    return value


def job(value: str) -> str:
    """The id of an earlier snapshot, or "". It becomes part of an address, so it holds nothing else."""
    if value and not _JOB.fullmatch(value):
        raise InputError(f"{value!r} is not the id of a snapshot", "one looks like s_m4x7enmven8djfqak", "Correct it")
    return value


def inputs(value: Any) -> tuple[dict[str, Any], ...]:
    """Inputs as plain JSON objects, each with something in it."""
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else None
    if rows is None or not all(isinstance(row, Mapping) and row for row in rows):
        raise InputError("The inputs cannot be used", "each has to be an object", 'Give a list like [{"url": …}]')
    plain = tuple(dict(row) for row in rows)
    try:
        size = len(json.dumps(plain, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        raise InputError(
            "The inputs cannot be sent", str(error), "Use texts, numbers, true, false and lists"
        ) from error
    if size > MOST_INPUT_BYTES:
        raise InputError(
            "The inputs are too large", f"{size:,} bytes, a job takes 1 GB", "Make several sources of them"
        )
    return plain


def flat(rows: Sequence[Mapping[str, Any]]) -> None:
    """Inputs that fit into a table: CSV has no lists and objects."""
    for number, row in enumerate(rows, 1):
        for name, value in row.items():
            if isinstance(value, Mapping | list | tuple):
                raise InputError(
                    f"Input {number:,} cannot be sent as CSV", f"{name!r} holds a list or an object", "Send it as JSON"
                )


def complete(dataset_id: str, discover_by: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inputs that have what the dataset needs, as far as its fields are known."""
    dataset = datasets.get(dataset_id)
    form = dataset.form(discover_by) if dataset else None
    if dataset is None or form is None:
        return
    for number, row in enumerate(rows, 1):
        if missing := form.missing(row):
            needs = ", ".join(field.name for field in form.fields if field.required) or f"one of {', '.join(missing)}"
            raise InputError(
                f"Input {number:,} lacks {missing[0]!r}",
                f"{dataset.name}{f' by {discover_by}' if discover_by else ''} needs {needs}",
                f"Give {missing[0]!r} in every input",
            )


def output_fields(names: Sequence[str]) -> None:
    """Names of fields to be given, also nested ones (`seller.name`)."""
    for name in names:
        if "|" in name or name.split() != [name]:
            raise InputError(f"{name!r} is not the name of a field", "it holds a space or |", "Give one by one")


def parameters(value: Any, *, collector: bool) -> dict[str, str]:
    """Further parameters of the trigger. Secrets are refused: a project file may be given to others."""
    if not isinstance(value, Mapping):
        raise InputError(
            "The parameters cannot be used", f"{value!r} is no table", 'Give one like {"notify": "https…"}'
        )
    known = _PARAMETERS["collector" if collector else "dataset"]
    plain: dict[str, str] = {}
    for name, given in value.items():
        if name == "auth_header":
            raise InputError(
                "The parameter 'auth_header' is not taken",
                "it is a secret, and would be kept in the project",
                "Let the receiver accept calls of Bright Data without it",
            )
        if name in _OTHER_SETTINGS and name not in known:
            raise InputError(
                f"The parameter {name!r} has a setting of its own",
                "both could differ",
                f"Use {_OTHER_SETTINGS[name]!r}",
            )
        if name not in known:
            raise InputError(
                f"The parameter {name!r} is not known", f"a trigger takes {', '.join(known)}", "Correct the name"
            )
        if not isinstance(given, str) or not given.strip():
            raise InputError(f"The parameter {name!r} cannot be used", f"{given!r} is not text", "Give a text")
        if name in ("notify", "endpoint"):
            _address(name, given)
        plain[name] = given.strip()
    return plain


def _address(name: str, value: str) -> None:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise InputError(f"The parameter {name!r} cannot be used", f"{value!r} is no web address", "Give one")
    if parts.username or parts.password:
        raise InputError(
            f"The parameter {name!r} holds a password", "it would be kept in the project", "Give the address without it"
        )
