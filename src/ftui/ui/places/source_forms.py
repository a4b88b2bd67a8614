"""What the form of each kind of source asks for, and the settings that come of what was typed."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.collect.datasets import Dataset, Form, InputField
from ftui.errors import InputError
from ftui.ui.screens.form import Field, Values

TAGS = (("domain, what the model should learn", "domain"), ("general, against forgetting", "general"))
_COMMON = (
    Field("name", "Name", hint="may be empty"),
    Field("tag", "For", "domain", choices=TAGS),
)
_UNKNOWN = Form("", (InputField("url", True, ""),))
_YES_NO = (("yes", "yes"), ("no", "no"))

CRAWL = (
    Field("start", "Start pages", hint="https://example.com/  blanks between several"),
    Field("sitemap", "Sitemap", hint="empty: as robots.txt says; none: no sitemap"),
    Field("follow_links", "Follow links", "yes", choices=_YES_NO),
    Field("include", "Only paths", hint="/support/*  blanks between several"),
    Field("exclude", "Not the paths", hint="*/print/*  blanks between several"),
    Field("max_depth", "Links from the start", hint="at most; 0: the start pages alone"),
    Field("max_pages", "Pages at most", "500"),
    Field("delay", "Seconds between two", hint="requests to one site; empty: as the site asks"),
    Field("unlocker", "Web Unlocker zone", hint="empty: fetched from here, free"),
    Field("country", "  its country", hint="two letters, may be empty"),
    Field("price_per_request", "  its price", hint="US dollars a request, by your plan"),
    *_COMMON,
)
FILES = (
    Field("paths", "Files or folders", hint="~/data/*.jsonl '~/my calls'"),
    *_COMMON,
)


def crawl_config(values: Values) -> dict[str, Any]:
    """The settings of a crawl.

    Raises:
        InputError: something that must be a number is none.
    """
    config: dict[str, Any] = {
        "start": values["start"].split(),
        "follow_links": values["follow_links"] == "yes",
        "max_pages": whole(values["max_pages"], "pages", 1),
    }
    for name in ("sitemap", "unlocker", "country"):
        if values[name]:
            config[name] = values[name]
    for name in ("include", "exclude"):
        if values[name]:
            config[name] = values[name].split()
    if values["max_depth"]:
        config["max_depth"] = whole(values["max_depth"], "links", 0)
    for name, what in (("delay", "seconds"), ("price_per_request", "dollars")):
        if values[name]:
            config[name] = amount(values[name], what)
    return config


def files_config(values: Values) -> dict[str, Any]:
    """The settings of a collection of files.

    Raises:
        InputError: a quote is open.
    """
    try:
        typed = shlex.split(values["paths"])
    except ValueError as error:
        raise InputError("The files cannot be read from this line", str(error), "Close the quotes") from error
    return {"paths": [os.path.expanduser(path) for path in typed]}


# Bright Data


def brightdata_fields(identifier: str, dataset: Dataset | None, form: Form | None, price: float) -> tuple[Field, ...]:
    """The form of a dataset in one of its ways, or of one of which only the id is known.

    Args:
        form: None where nobody knows what an input holds.
        price: US dollars a record, an estimate.
    """
    fields: list[Field] = []
    if form is None:
        fields.append(Field("field", "An input is called", "url", hint="the name of its field"))
        if identifier.startswith("gd_"):
            fields.append(Field("discover_by", "Discover by", hint="keyword, category_url …  empty: each is a page"))
    many = _many(form or _UNKNOWN)
    for number, field in enumerate((form or _UNKNOWN).fields):
        hint = field.hint
        if field in many:
            several = "blanks between several" if is_address(field.name) or form is None else "commas between several"
            hint = f"{hint}  {several}".strip()
        elif not field.required:
            hint = f"{hint}  may be empty".strip()
        label = "Inputs" if form is None else field.name
        fields.append(Field(f"input_{number}", label, hint=hint))
    fields.append(Field("file", "or a file of inputs", hint="JSON, JSONL or CSV, an input a row"))
    fields += _bounds(identifier, form, price)
    return (*fields, *_COMMON)


def _bounds(identifier: str, form: Form | None, price: float) -> list[Field]:
    """Limits and price."""
    fields = []
    if form is None or not form.single:
        each = form is None or bool(form.discover_by) or identifier.startswith("c_")
        label = "Records an input" if each else "Records in all"
        hint = "at most; empty: the dollars decide"
        if identifier.startswith("c_"):
            hint = "as far as you know it; bounds the cost"
        fields.append(Field("limit", label, "50", hint=hint))
    fields.append(Field("max_cost", "Dollars at most", hint="empty: as many as the records come to"))
    fields.append(Field("price_per_record", "Dollars a record", hint=f"{price:g}, an estimate; your plan may differ"))
    if identifier.startswith("gd_"):
        fields.append(Field("fields", "Only these fields", hint="title, final_price  empty: all"))
    return fields


def brightdata_config(
    identifier: str, form: Form | None, values: Values, rows: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The settings of a Bright Data source.

    Args:
        rows: the inputs of a file, added to those that were typed.

    Raises:
        InputError: something that must be a number is none, inputs do not go together.
    """
    way = form.discover_by if form else values.get("discover_by", "")
    config: dict[str, Any] = {
        "dataset_id": identifier,
        "inputs": [*_inputs(form, values), *map(dict, rows)],
        "discover_by": way,
    }
    if limit := values.get("limit"):
        each = bool(way) or identifier.startswith("c_")
        records = whole(limit, "records", 1)
        config |= {"limit_per_input": records} if each else {"limit": records * (len(config["inputs"]) or 1)}
        if form is not None and not each:
            config["limit"] = records
    for name in ("max_cost", "price_per_record"):
        if values.get(name):
            config[name] = amount(values[name], "dollars")
    if values.get("fields"):
        config["fields"] = [name.strip() for name in values["fields"].split(",") if name.strip()]
    return config


def _inputs(form: Form | None, values: Values) -> list[dict[str, Any]]:
    """What was typed as inputs: a field with several values makes several, the others are the same in each."""
    used = form or Form("", (InputField(values.get("field") or "url", True, ""),))
    columns: dict[str, list[Any]] = {}
    for number, field in enumerate(used.fields):
        text = values.get(f"input_{number}", "")
        if text:
            columns[field.name] = _several(field.name, text) if field in _many(used) else [_typed(field, text)]
    longest = max((len(column) for column in columns.values()), default=0)
    for name, column in columns.items():
        if len(column) not in (1, longest):
            raise InputError(
                "The inputs do not go together",
                f"{longest:,} of one field and {len(column):,} of {name}",
                "Give as many of each, or one for all",
            )
    return [
        {name: column[0 if len(column) == 1 else number] for name, column in columns.items()}
        for number in range(longest)
    ]


def _many(form: Form) -> tuple[InputField, ...]:
    """The fields of which several can be typed: those that an input needs."""
    return tuple(field for field in form.fields if field.required) or form.fields[:1]


def is_address(name: str) -> bool:
    """Whether a field of an input holds the address of a page."""
    return "url" in name.lower()


def _several(name: str, text: str) -> list[str]:
    words = [word.rstrip(",") for word in text.split()]
    if is_address(name) or all("://" in word for word in words):
        return [word for word in words if word]
    return [part.strip() for part in text.split(",") if part.strip()]


def _typed(field: InputField, text: str) -> Any:
    """A text as the kind of value that the field is said to hold."""
    if "how many" in field.hint or "so many days" in field.hint:
        return whole(text, f"{field.name}", 0)
    if text in ("true", "false"):
        return text == "true"
    return [part.strip() for part in text.split(",")] if "as a list" in field.hint else text


# Numbers


def whole(text: str, what: str, least: int) -> int:
    """A whole number out of a text.

    Raises:
        InputError: it is none, or less than `least`.
    """
    digits = text.replace(",", "").strip()
    if not digits.isascii() or not digits.isdigit() or int(digits) < least:
        raise InputError(
            f"{text!r} is not a number of {what}", f"it has to be a whole number from {least} on", "For example 50"
        )
    return int(digits)


def amount(text: str, what: str) -> float:
    """A number out of a text, with or without `$`.

    Raises:
        InputError: it is none.
    """
    if not re.fullmatch(r"\$?\s*(\d+\.?\d*|\.\d+)", text.strip()):
        raise InputError(f"{text!r} is not a number of {what}", "it has to be a number from 0 on", "For example 0.5")
    return float(text.strip().lstrip("$"))
