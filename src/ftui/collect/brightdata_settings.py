"""Settings of a Bright Data source: what is asked for, what it can cost, what bounds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ftui.collect import brightdata_checks as checks
from ftui.collect import datasets
from ftui.collect import fields as values
from ftui.errors import InputError, MoneyError
from ftui.units import plural

AMAZON_PRODUCTS = "gd_l7q7dkf244hwjntr0"
_MOST = 100_000_000
_FORMATS = ("json", "csv")


@dataclass(frozen=True)
class BrightData(values.Settings):
    """What to collect.

    Attributes:
        dataset_id: a dataset (`gd_…`) or a collector of your own (`c_…`).
        inputs: one object for each input, as the dataset wants it (`{"url": …}`, `{"category_url": …}`).
        discover_by: how inputs lead to records (`best_sellers_url`, `keyword`, …), "" when
            each input is a page of its own. A discovery needs a limit.
        limit: records in all at most, 0 for no limit.
        limit_per_input: records for each input at most, 0 for no limit. A discovery is held to
            it by the service; of a collector it is what you know of it, and only bounds the cost.
        price_per_record: US dollars, for the cost that is shown before; None for the estimate
            in the catalogue.
        poll_seconds: between two looks at a running collection.
        snapshot_id: an earlier job, of whoever started it, whose rows are taken; it has no
            inputs and costs nothing.
        sync: wait for the rows in the call itself, for up to 20 pages.
        fields: the fields to be given, () for all.
        input_format: how inputs are sent, "json" or "csv".
        parameters: further parameters of the trigger, see `brightdata_checks`.
        batch_size: rows in each part of a download, 0 to choose by its size.
        max_cost: US dollars that must not be passed, 0 for no such limit.
    """

    dataset_id: str = AMAZON_PRODUCTS
    inputs: tuple[Mapping[str, Any], ...] = ()
    discover_by: str = ""
    limit: int = 0
    limit_per_input: int = 0
    price_per_record: float | None = None
    poll_seconds: float = 10.0
    snapshot_id: str = ""
    sync: bool = False
    fields: tuple[str, ...] = ()
    input_format: str = "json"
    parameters: Mapping[str, str] = field(default_factory=dict)
    batch_size: int = 0
    max_cost: float = 0.0

    def __post_init__(self) -> None:
        self._set("dataset_id", checks.identifier(values.text("dataset_id", self.dataset_id)))
        self._set("snapshot_id", checks.job(values.text("snapshot_id", self.snapshot_id)))
        self._set("inputs", checks.inputs(self.inputs))
        self._set("discover_by", values.text("discover_by", self.discover_by))
        for name in ("limit", "limit_per_input", "batch_size"):
            values.whole(name, getattr(self, name), 0, _MOST)
        price = datasets.price_of(self.dataset_id) if self.price_per_record is None else self.price_per_record
        self._set("price_per_record", values.number("price_per_record", price, 0, 100))
        self._set("poll_seconds", values.number("poll_seconds", self.poll_seconds, 0, 3600))
        self._set("max_cost", values.number("max_cost", self.max_cost, 0, 1_000_000))
        values.flag("sync", self.sync)
        self._set("fields", values.texts("fields", self.fields))
        checks.output_fields(self.fields)
        self._set("input_format", values.text("input_format", self.input_format).lower())
        self._set("parameters", checks.parameters(self.parameters, collector=self.is_collector))
        self._check_together()

    def _check_together(self) -> None:
        if self.input_format not in _FORMATS:
            raise InputError("The setting 'input_format' cannot be used", "it is json or csv", "Give one of these")
        if 0 < self.batch_size < checks.FEWEST_ROWS_A_PART:
            raise InputError(
                "The setting 'batch_size' cannot be used", "a part holds 1,000 rows or more", "Give 1000 or more, or 0"
            )
        if self.snapshot_id and self.inputs:
            raise InputError(
                "An earlier job takes no inputs", "its rows are already there", "Give a snapshot or inputs, not both"
            )
        if not self.snapshot_id and not self.inputs:
            raise InputError("There is nothing to collect", "the job has no input", "Give at least one address")
        if self.input_format == "csv":
            checks.flat(self.inputs)
        if self.is_collector:
            self._check_collector()
        elif self.sync:
            self._check_sync()
        elif self.limit_per_input and not self.discover_by:
            raise InputError(
                "The setting 'limit_per_input' cannot be used", "only a discovery takes it", "Use 'limit' instead"
            )
        if self.discover_by and self.inputs and self._limit_sent() is None and not self.limit_per_input:
            raise InputError(
                "A discovery without a limit is not started",
                "it finds and bills as many records as there are",
                "Set a limit",
            )

    def _check_collector(self) -> None:
        for name in ("discover_by", "limit", "sync", "fields", "batch_size"):
            if getattr(self, name):
                raise InputError(f"The setting {name!r} cannot be used", "a collector does not take it", "Leave it out")
        if self.input_format != "json":
            raise InputError("A collector takes no CSV", "its inputs are sent as JSON", "Set input_format to json")

    def _check_sync(self) -> None:
        if len(self.inputs) > checks.MOST_SYNC_INPUTS:
            raise InputError(
                "Too many inputs for one call",
                f"{len(self.inputs):,} inputs, and it takes {checks.MOST_SYNC_INPUTS}",
                "Leave out 'sync'",
            )
        for name in ("discover_by", "limit", "limit_per_input", "parameters"):
            if getattr(self, name):
                raise InputError(
                    f"The setting {name!r} cannot be used", "the call that waits takes none", "Leave out 'sync'"
                )
        if self.input_format != "json":
            raise InputError("The call that waits takes no CSV", "its inputs are sent as JSON", "Leave out 'sync'")

    @property
    def is_collector(self) -> bool:
        """Whether it is a collector of one's own (`dca`), not a dataset."""
        return self.dataset_id.startswith("c_") or self.snapshot_id.startswith("j_")

    @property
    def price(self) -> float:
        """US dollars a record."""
        return float(self.price_per_record or 0.0)

    def query(self) -> dict[str, str]:
        """The parameters of the call that starts it."""
        if self.is_collector:
            return {"collector": self.dataset_id, "queue_next": "1", **self.parameters}
        query = {"dataset_id": self.dataset_id, "include_errors": "true"}
        if self.discover_by:
            query |= {"type": "discover_new", "discover_by": self.discover_by}
        if self.limit_per_input:
            query["limit_per_input"] = str(self.limit_per_input)
        if not self.sync and (limit := self._limit_sent()) is not None:
            query["limit_multiple_results"] = str(limit)
        if self.fields:
            query["custom_output_fields"] = "|".join(self.fields)
        return query | dict(self.parameters)

    def _limit_sent(self) -> int | None:
        """Records in all: the person's own limit, or what the limit of costs leaves."""
        limits = [self.limit] if self.limit else []
        if self.max_cost and self.price:
            # 0.3 / 0.1 is a little less than 3.
            limits.append(int(self.max_cost / self.price + 1e-9))
        return min(limits, default=None)

    def _single(self) -> bool:
        dataset = datasets.get(self.dataset_id)
        form = dataset.form(self.discover_by) if dataset else None
        return form is not None and form.single

    def most_records(self) -> int | None:
        """Records that can come at most; None where one input can give any number of them."""
        limits = [self.limit, self.limit_per_input * len(self.inputs)]
        if self._single():
            limits.append(len(self.inputs))
        return min((limit for limit in limits if limit), default=None)

    def cost_at_most(self, only: Sequence[str] = ()) -> float:
        """US dollars that the job can cost.

        Args:
            only: the subjects of failures, where only these are fetched again.

        Raises:
            MoneyError: nothing bounds it, or it could pass `max_cost`.
            InputError: none of `only` can be fetched again.
        """
        if only:
            from ftui.collect.brightdata_retry import again

            return again(self, only).settings.cost_at_most()
        if self.snapshot_id or not self.price:
            return 0.0
        most = self.most_records()
        sent = None if self.sync or self.is_collector else self._limit_sent()
        bounds = [bound for bound in (most, sent) if bound is not None]
        if not bounds:
            raise MoneyError(
                "What this job can cost is not known", "one input can bring any number of records", self._what_bounds()
            )
        # Pages that are asked for are all paid for; a discovery ends where the service is told to.
        needed = most if most is not None and (sent is None or self._single()) else min(bounds)
        if self.max_cost and (not needed or needed * self.price > self.max_cost + 1e-9):
            raise MoneyError(
                "The job could cost more than its limit",
                f"{plural(max(needed, 1), 'record')} at ${self.price:g} are more than ${self.max_cost:g}",
                "Give fewer inputs, or a higher limit",
            )
        return min(bounds) * self.price

    def _what_bounds(self) -> str:
        if self.is_collector:
            return "Say with 'limit_per_input' how many records one input brings at most"
        return "Leave out 'sync' and set a limit" if self.sync else "Set a limit"

    def check_inputs(self) -> None:
        """Whether the inputs have what the dataset needs, as far as its fields are known.

        Raises:
            InputError: one of them lacks a field.
        """
        checks.complete(self.dataset_id, self.discover_by, self.inputs)

    def with_inputs(self, rows: Sequence[Mapping[str, Any]], discover_by: str | None = None) -> BrightData:
        """The same settings for other inputs, in another way of discovery where one is named."""
        way = self.discover_by if discover_by is None else discover_by
        per_input = self.limit_per_input if way or self.is_collector else 0
        return replace(self, inputs=tuple(rows), discover_by=way, limit_per_input=per_input)

    def name(self) -> str:
        """What to call the source: its dataset, and how it is asked."""
        dataset = datasets.get(self.dataset_id)
        name = dataset.name if dataset else self.dataset_id
        if self.snapshot_id:
            return f"{name}, snapshot {self.snapshot_id}"
        return f"{name} by {self.discover_by}" if self.discover_by else name

    def describe(self) -> str:
        """One line for lists."""
        if self.snapshot_id:
            return f"Bright Data {self.name()}"
        most = self.most_records()
        bound = "" if most is None else ", at most 1 record" if most == 1 else f", at most {most:,} records"
        inputs = "1 input" if len(self.inputs) == 1 else f"{len(self.inputs):,} inputs"
        return f"Bright Data {self.name()}, {inputs}{bound}"


def config_for(
    inputs: Sequence[str],
    *,
    dataset: str | None = None,
    discover_by: str | None = None,
    field_name: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Settings from a few words, for the command line; without any, the best sellers of a category of Amazon.

    Args:
        discover_by: "none" where each input is a page of its own.
        field_name: what an input is called; by default the first field that the form needs.
        limit: records for each input at most.
    """
    chosen = dataset or AMAZON_PRODUCTS
    way = "" if discover_by == "none" else discover_by or ("best_sellers_url" if dataset is None else "")
    name = field_name or _field_of(chosen, way)
    # A collector takes no limit; what is known of it bounds the cost.
    each = bool(way) or chosen.startswith("c_")
    bound = {"limit_per_input": limit or 0} if each else {"limit": (limit or 0) * len(inputs)}
    return {"dataset_id": chosen, "inputs": [{name: value} for value in inputs], "discover_by": way, **bound}


def _field_of(dataset_id: str, discover_by: str) -> str:
    known = datasets.get(dataset_id)
    form = known.form(discover_by) if known else None
    if form is not None:
        return next((field.name for field in form.fields if field.required), form.fields[0].name)
    return "category_url" if discover_by == "category_url" else discover_by or "url"
