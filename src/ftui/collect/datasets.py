"""The datasets of Bright Data that are known by name: ids, what an input holds, ways of discovery.

The facts are in `datasets.json`, with where they are from. They are read when they are
first asked for. A dataset that is not among them can be used all the same, by its id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class InputField:
    """One field of an input.

    Attributes:
        name: as the service wants it, spaces and capitals included.
        required: an input without it is refused.
        hint: what to give, for a person; "" when the name says it.
    """

    name: str
    required: bool
    hint: str


@dataclass(frozen=True, slots=True)
class Form:
    """One way to ask a dataset.

    Attributes:
        discover_by: the way of discovery; "" when each input is a page, a place or a question itself.
        fields: what an input holds; where none is required, at least one has to be given.
        single: one input gives one record at most.
    """

    discover_by: str
    fields: tuple[InputField, ...]
    single: bool = False

    def missing(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The required fields that an input lacks; without any required, all of them if none is given."""
        required = [field.name for field in self.fields if field.required]
        if not required:
            given = any(row.get(field.name) not in (None, "") for field in self.fields)
            return () if given else tuple(field.name for field in self.fields)
        return tuple(name for name in required if row.get(name) in (None, ""))


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset.

    Attributes:
        id: `gd_…`.
        group: for a picker ("Shops", "Social media", …).
        price_per_record: US dollars, an estimate of the vendor's own package; None where it has
            none for this one, then `default_price()` holds.
        forms: how it can be asked; () where the vendor's packages name it and tell no inputs.
    """

    id: str
    name: str
    group: str
    price_per_record: float | None
    forms: tuple[Form, ...]

    def form(self, discover_by: str) -> Form | None:
        """The form of a way of discovery, None when it is not known."""
        return next((form for form in self.forms if form.discover_by == discover_by), None)


def all_datasets() -> Sequence[Dataset]:
    """Every known dataset: by group, and in it those whose inputs are known first, then by name."""
    return tuple(_known().values())


def get(dataset_id: str) -> Dataset | None:
    """The dataset of an id, None when it is not known."""
    return _known().get(dataset_id)


def search(words: str) -> Sequence[Dataset]:
    """Datasets in whose name, group or id every word occurs; those whose inputs are known first."""
    wanted = words.casefold().split()
    found = [
        dataset
        for dataset in all_datasets()
        if all(word in f"{dataset.name} {dataset.group} {dataset.id}".casefold() for word in wanted)
    ]
    return sorted(found, key=lambda dataset: not dataset.forms)


def price_of(dataset_id: str) -> float:
    """US dollars a record: an estimate, of the dataset or for most of them."""
    dataset = get(dataset_id)
    own = dataset.price_per_record if dataset else None
    return default_price() if own is None else own


def default_price() -> float:
    """US dollars a record where nothing better is known, an estimate."""
    return float(_facts()["default_price"])


@cache
def _facts() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(files("ftui.collect").joinpath("datasets.json").read_bytes())
    return data


@cache
def _known() -> dict[str, Dataset]:
    facts = _facts()
    hints = facts["hints"]
    datasets = [
        Dataset(
            id=row["id"],
            name=row["name"],
            group=row["group"],
            price_per_record=row.get("price"),
            forms=tuple(_form(form, hints) for form in row.get("forms", ())),
        )
        for row in facts["datasets"]
    ]
    groups = {group: place for place, group in enumerate(dict.fromkeys(dataset.group for dataset in datasets))}
    datasets.sort(key=lambda dataset: (groups[dataset.group], not dataset.forms))
    return {dataset.id: dataset for dataset in datasets}


def _form(row: Mapping[str, Any], hints: Mapping[str, str]) -> Form:
    return Form(
        discover_by=row.get("discover_by", ""),
        fields=tuple(
            InputField(field["name"], field.get("required", False), hints.get(field["name"], ""))
            for field in row["fields"]
        ),
        single=row.get("single", False),
    )
