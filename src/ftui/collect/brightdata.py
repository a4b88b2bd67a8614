"""A Bright Data dataset (`gd_…`): trigger a collection once, wait for it, stream its rows.

Paid for once: the intent is durable before the trigger is sent (the first checkpoint),
the snapshot's id right after it. Where the answer is lost, or the program ends between
the two, the list of snapshots is searched for the same dataset, time and input before
anything is triggered again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ftui.collect import fields
from ftui.collect.brightdata_api import BASE_URL, Api
from ftui.collect.brightdata_job import Job
from ftui.collect.past import NOTHING, Past
from ftui.errors import CredentialError, InputError, MoneyError
from ftui.events import Event

AMAZON_PRODUCTS = "gd_l7q7dkf244hwjntr0"
# US dollars, an estimate: the figure for most datasets in the constants of the
# vendor's own brightdata-sdk 2.5.2 (looked up 2026-11-22). An account can have another.
PRICE_PER_RECORD = 0.001


@dataclass(frozen=True)
class BrightData(fields.Settings):
    """What to collect.

    Attributes:
        dataset_id: `gd_…`.
        inputs: one object for each input, as the dataset wants it (`{"url": …}`, `{"category_url": …}`).
        discover_by: how inputs lead to records (`best_sellers_url`, `keyword`, …), "" when
            each input is a page of its own. A discovery needs a limit.
        limit: records in all at most, 0 for no limit.
        limit_per_input: records for each input at most (of a discovery), 0 for no limit.
        price_per_record: US dollars, for the cost that is shown before.
        poll_seconds: between two looks at a running collection.
    """

    dataset_id: str = AMAZON_PRODUCTS
    inputs: tuple[Mapping[str, Any], ...] = ()
    discover_by: str = ""
    limit: int = 0
    limit_per_input: int = 0
    price_per_record: float = PRICE_PER_RECORD
    poll_seconds: float = 10.0

    def __post_init__(self) -> None:
        self._set("dataset_id", fields.text("dataset_id", self.dataset_id))
        if not self.dataset_id.startswith("gd_"):
            raise InputError(
                f"{self.dataset_id!r} is not a dataset of Bright Data",
                "the id of one starts with gd_",
                "Correct the id",
            )
        if isinstance(self.inputs, str | Mapping) or not all(isinstance(row, Mapping) and row for row in self.inputs):
            raise InputError("The inputs cannot be used", "each has to be an object", 'Give a list like [{"url": …}]')
        self._set("inputs", tuple(dict(row) for row in self.inputs))
        if not self.inputs:
            raise InputError("There is nothing to collect", "the job has no input", "Give at least one address")
        self._set("discover_by", fields.text("discover_by", self.discover_by))
        for name in ("limit", "limit_per_input"):
            fields.whole(name, getattr(self, name), 0, 100_000_000)
        if self.limit_per_input and not self.discover_by:
            raise InputError(
                "The setting 'limit_per_input' cannot be used", "only a discovery takes it", "Use 'limit' instead"
            )
        if self.discover_by and not self.limit_per_input and not self.limit:
            raise InputError(
                "A discovery without a limit is not started",
                "it finds and bills as many records as there are",
                "Set a limit",
            )
        self._set("price_per_record", fields.number("price_per_record", self.price_per_record, 0, 100))
        self._set("poll_seconds", fields.number("poll_seconds", self.poll_seconds, 0, 3600))

    def query(self) -> dict[str, str]:
        """The parameters of the trigger."""
        query = {"dataset_id": self.dataset_id, "include_errors": "true"}
        if self.discover_by:
            query |= {"type": "discover_new", "discover_by": self.discover_by}
        if self.limit_per_input:
            query["limit_per_input"] = str(self.limit_per_input)
        if self.limit:
            query["limit_multiple_results"] = str(self.limit)
        return query

    def most_records(self) -> int | None:
        """Records that can come at most; None where one input can give any number of them."""
        limits = [self.limit, self.limit_per_input * len(self.inputs)]
        if not self.discover_by and self.dataset_id == AMAZON_PRODUCTS:
            limits.append(len(self.inputs))
        return min((limit for limit in limits if limit), default=None)

    def cost_at_most(self) -> float:
        """US dollars that the job can cost.

        Raises:
            MoneyError: nothing bounds it.
        """
        most = self.most_records()
        if most is None:
            raise MoneyError(
                "What this job can cost is not known", "one input can bring any number of records", "Set a limit"
            )
        return most * self.price_per_record

    def describe(self) -> str:
        """One line for lists."""
        how = f" by {self.discover_by}" if self.discover_by else ""
        most = self.most_records()
        bound = f", at most {most:,} records" if most is not None else ""
        inputs = "1 input" if len(self.inputs) == 1 else f"{len(self.inputs):,} inputs"
        return f"Bright Data {self.dataset_id}{how}, {inputs}{bound}"


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
        field_name: what an input is called; by default the field that `discover_by` goes with.
        limit: records for each input at most.
    """
    way = "" if discover_by == "none" else discover_by or ("best_sellers_url" if dataset is None else "")
    name = field_name or ("category_url" if way in ("best_sellers_url", "category_url") else way or "url")
    bound = {"limit_per_input": limit or 0} if way else {"limit": (limit or 0) * len(inputs)}
    return {
        "dataset_id": dataset or AMAZON_PRODUCTS,
        "inputs": [{name: value} for value in inputs],
        "discover_by": way,
        **bound,
    }


async def collect_dataset(
    config: BrightData, token: str, *, base_url: str = BASE_URL, past: Past = NOTHING
) -> AsyncGenerator[Event, None]:
    """Run a job to its end and yield its rows.

    Args:
        token: the API key.
        base_url: where the key is for; it is not part of the settings, which others may have written.
        past: of a job that was cut off, to go on from there.

    Raises:
        CredentialError, InputError, ServiceError, NetworkError: see `do` of each.
    """
    if not token:
        raise CredentialError("There is no key for Bright Data", "none is set or saved", "Save one under 1 Connect")
    async with Api(token, base_url, config.poll_seconds) as api:
        job = Job(config, api, dict(past.state))
        for part in (job.obtain, job.wait, job.download):
            async with aclosing(part()) as events:
                async for event in events:
                    yield event
