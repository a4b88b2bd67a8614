"""A Bright Data dataset (`gd_…`): trigger a collection once, wait for it, stream its rows.

Paid for once: the intent is durable before the trigger is sent (the first checkpoint),
the snapshot's id right after it. Where the answer is lost, or the program ends between
the two, the list of snapshots is searched for the same dataset, time and input before
anything is triggered again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ftui.collect import fields, rows
from ftui.collect.brightdata_api import BASE_URL, Api, LostAnswer, NotReady
from ftui.errors import CredentialError, InputError, NetworkError, ServiceError
from ftui.events import Checkpoint, Event, Failure, Note, Progress, Record, Result

AMAZON_PRODUCTS = "gd_l7q7dkf244hwjntr0"
# US dollars, an estimate: the figure for most datasets in the constants of the
# vendor's own brightdata-sdk 2.5.2 (looked up 2026-11-22). An account can have another.
PRICE_PER_RECORD = 0.001

_ENDED_BADLY = frozenset({"failed", "error", "cancelled", "canceled"})
_LOOKS = 3
_CLOCK_TOLERANCE = 2.0
_ROWS_PER_CHECKPOINT = 1000
_ROWS_PER_PROGRESS = 100
_MOST_CUTS = 10


@dataclass(frozen=True)
class BrightData(fields.Settings):
    """What to collect.

    Attributes:
        dataset_id: `gd_…`.
        inputs: one object for each input, as the dataset wants it (`{"url": …}`, `{"category_url": …}`).
        discover_by: how inputs lead to records (`best_sellers_url`, `keyword`, …), "" when
            each input is a page of its own. A discovery needs a limit.
        limit_per_input: records for each input at most, 0 for no limit.
        limit_multiple_results: records in all at most, 0 for no limit.
        price_per_record: US dollars, for the cost that is shown before.
        poll_seconds: between two looks at a running collection.
        base_url: the service.
    """

    dataset_id: str = AMAZON_PRODUCTS
    inputs: tuple[Mapping[str, Any], ...] = ()
    discover_by: str = ""
    limit_per_input: int = 0
    limit_multiple_results: int = 0
    price_per_record: float = PRICE_PER_RECORD
    poll_seconds: float = 10.0
    base_url: str = BASE_URL

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
        for name in ("limit_per_input", "limit_multiple_results"):
            fields.whole(name, getattr(self, name), 0, 100_000_000)
        if self.discover_by and not self.limit_per_input and not self.limit_multiple_results:
            raise InputError(
                "A discovery without a limit is not started",
                "it finds and bills as many records as there are",
                "Set limit_per_input or limit_multiple_results",
            )
        self._set("price_per_record", fields.number("price_per_record", self.price_per_record, 0, 100))
        self._set("poll_seconds", fields.number("poll_seconds", self.poll_seconds, 0, 3600))
        self._set("base_url", fields.text("base_url", self.base_url).rstrip("/"))

    def query(self) -> dict[str, str]:
        """The parameters of the trigger."""
        query = {"dataset_id": self.dataset_id, "include_errors": "true"}
        if self.discover_by:
            query |= {"type": "discover_new", "discover_by": self.discover_by}
        for name in ("limit_per_input", "limit_multiple_results"):
            if limit := getattr(self, name):
                query[name] = str(limit)
        return query

    def most_records(self) -> int | None:
        """Records that can come at most; None where one input can give any number of them."""
        limits = [self.limit_multiple_results, self.limit_per_input * len(self.inputs)]
        if not self.discover_by and self.dataset_id == AMAZON_PRODUCTS:
            limits.append(len(self.inputs))
        return min((limit for limit in limits if limit), default=None)

    def cost_at_most(self) -> float | None:
        """US dollars that the job can cost; None where nothing bounds it."""
        most = self.most_records()
        return None if most is None else most * self.price_per_record

    def describe(self) -> str:
        """One line for lists."""
        how = f" by {self.discover_by}" if self.discover_by else ""
        most = self.most_records()
        bound = f", at most {most:,} records" if most is not None else ""
        inputs = "1 input" if len(self.inputs) == 1 else f"{len(self.inputs):,} inputs"
        return f"Bright Data {self.dataset_id}{how}, {inputs}{bound}"


def best_sellers(category_url: str, limit: int) -> BrightData:
    """The job that is offered first: the best sellers of one Amazon category."""
    return BrightData(
        inputs=({"category_url": category_url},), discover_by="best_sellers_url", limit_multiple_results=limit
    )


async def collect_dataset(
    config: BrightData, token: str, *, state: Mapping[str, Any] | None = None
) -> AsyncGenerator[Event, None]:
    """Run a job to its end and yield its rows.

    Args:
        token: the API key.
        state: the last checkpoint of a job that was cut off, to go on from there.

    Raises:
        CredentialError, InputError, ServiceError, NetworkError: see `do` of each.
    """
    if not token:
        raise CredentialError("There is no key for Bright Data", "none is set or saved", "Save one under 1 Connect")
    async with Api(token, config.base_url, config.poll_seconds) as api:
        job = _Job(config, api, dict(state or {}))
        for part in (job.obtain, job.wait, job.download):
            async with aclosing(part()) as events:
                async for event in events:
                    yield event


@dataclass
class _Job:
    """One job and what is known of it; `state` is what a checkpoint keeps."""

    config: BrightData
    api: Api
    state: dict[str, Any]
    total: int | None = None
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def snapshot(self) -> str:
        return str(self.state["snapshot_id"])

    def _checkpoint(self, **more: Any) -> Checkpoint:
        self.state |= more
        return Checkpoint(dict(self.state))

    def _progress(self, text: str) -> Progress:
        return Progress(
            done=self.state.get("done", 0),
            total=self.total,
            unit="records",
            failed=self.state.get("failed", 0),
            bytes=self.api.bytes,
            text=text,
        )

    async def obtain(self) -> AsyncGenerator[Event, None]:
        """Make sure that there is one snapshot, and only one."""
        if "snapshot_id" in self.state:
            return
        if "intent" not in self.state:
            # The list costs nothing, proves the key and gives the time at the service.
            _, now = await self.api.snapshots(self.config.dataset_id, limit=1)
            yield self._checkpoint(intent={"query": self.config.query(), "input": list(self.config.inputs), "at": now})
        else:
            yield Note("The job was cut off while it was started: looking for it at Bright Data", "warn")
            if found := await self._find():
                yield self._checkpoint(snapshot_id=found)
                return
        for _ in range(2):
            try:
                identifier = await self.api.trigger(self.config.query(), self.config.inputs)
            except LostAnswer as lost:
                yield Note(f"The answer to the trigger was lost ({lost}): looking for the job at Bright Data", "warn")
                identifier = await self._find()
            if identifier:
                yield self._checkpoint(snapshot_id=identifier)
                return
            yield Note("Bright Data has no such job: it was not started", "warn")
        raise NetworkError(
            "The job could not be started",
            "the answer was lost twice, and Bright Data lists no such job",
            "Look at brightdata.com/cp, then start it again",
        )

    async def _find(self) -> str:
        """The id of our own snapshot in the list of the service, or ""."""
        intent = self.state["intent"]
        earliest = float(intent["at"]) - _CLOCK_TOLERANCE
        day = datetime.fromtimestamp(earliest - 86_400, UTC).strftime("%Y-%m-%d")
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(self.config.poll_seconds)
            listed, _ = await self.api.snapshots(self.config.dataset_id, day)
            untold: list[str] = []
            for row in sorted((row for row in listed if _created(row) >= earliest and row.get("id")), key=_created):
                theirs = await self.api.input_of(str(row["id"]))
                if theirs is None:
                    untold.append(str(row["id"]))
                elif _same_input(intent["input"], theirs):
                    return str(row["id"])
            if len(untold) > 1:
                raise ServiceError(
                    "It is not clear which job at Bright Data is this one",
                    f"these were started at the same time: {', '.join(untold)}",
                    "Look at them at brightdata.com/cp; nothing was started again",
                )
            if untold:
                return untold[0]
        return ""

    async def wait(self) -> AsyncGenerator[Event, None]:
        """Until the service says that the snapshot is ready."""
        while not self.state.get("ready"):
            answer = await self.api.progress(self.snapshot)
            status = str(answer.get("status", "unknown"))
            if status in _ENDED_BADLY:
                raise ServiceError(
                    f"The collection at Bright Data ended as {status}",
                    str(answer.get("error_message") or answer.get("error") or answer.get("message") or self.snapshot),
                    "Check the input, then start it again as a new job",
                )
            if status == "ready":
                count = answer.get("records")
                self.total = count if isinstance(count, int) and count > 0 else None
                yield self._checkpoint(ready=True)
                return
            yield self._progress(f"Bright Data: {status}")
            await asyncio.sleep(self.config.poll_seconds)

    async def download(self) -> AsyncGenerator[Event, None]:
        """The rows. A cut connection or a restart goes on behind the last row taken."""
        cuts = 0
        while True:
            try:
                async with aclosing(self._rows()) as events:
                    async for event in events:
                        yield event
                break
            except NotReady as error:
                yield self._progress(f"Bright Data: {error}")
                await asyncio.sleep(self.config.poll_seconds if error.wait is None else error.wait)
            except LostAnswer as error:
                cuts += 1
                if cuts > _MOST_CUTS:
                    raise NetworkError(
                        "The download breaks off again and again",
                        str(error),
                        "Resume it later; nothing is lost, and nothing is paid twice",
                    ) from error
                yield Note(f"The download broke off ({error}): fetching it again", "warn")
                await asyncio.sleep(self.config.poll_seconds)
        done, failed = self.state.get("done", 0), self.state.get("failed", 0)
        yield self._progress("")
        yield self._checkpoint()
        if not done:
            most = ", most often: " + self.reasons.most_common(1)[0][0] if self.reasons else ""
            raise ServiceError(
                "The snapshot holds no records", f"{failed} rows with errors{most}", "Check the input and the failures"
            )
        yield Result({"done": done, "failed": failed, "bytes": self.api.bytes, "snapshot_id": self.snapshot})

    async def _rows(self) -> AsyncGenerator[Event, None]:
        """One download. Rows that were taken before are only compared with what came then."""
        taken, seal = self.state.get("rows", 0), self.state.get("seal", "")
        hasher, number = hashlib.blake2b(digest_size=16), 0
        keys: set[str] = set()
        async with aclosing(self.api.rows(self.snapshot)) as lines:
            async for line in lines:
                number += 1
                hasher.update(line + b"\n")
                event = _event(line, number, keys)
                if number <= taken:
                    if number == taken and hasher.hexdigest() != seal:
                        break
                    continue
                self.state |= {"rows": number, "seal": hasher.hexdigest()}
                counter = "failed" if isinstance(event, Failure) else "done"
                self.state[counter] = self.state.get(counter, 0) + 1
                if isinstance(event, Failure):
                    self.reasons[event.reason] += 1
                yield event
                if number % _ROWS_PER_CHECKPOINT == 0:
                    yield self._checkpoint()
                if number % _ROWS_PER_PROGRESS == 0:
                    yield self._progress("downloading")
        if taken and (number < taken or (number == taken and hasher.hexdigest() != seal)):
            # Not the rows of last time, so none of them may be passed over; keys keep them single.
            self.state |= {"rows": 0, "seal": "", "done": 0, "failed": 0}
            raise LostAnswer("the rows came in another order")


def _event(line: bytes, number: int, keys: set[str]) -> Record | Failure:
    """The event for one row; `keys` are those taken by the rows before it."""
    import orjson

    try:
        row = orjson.loads(line)
    except ValueError:
        return Failure(f"row {number:,}", "not valid JSON")
    key = rows.key_of(row) if isinstance(row, Mapping) else ""
    if not key or key in keys:
        # Two rows of one product (another shop, another seller) are two records.
        key = f"{key}#{rows.digest(line)}"
    keys.add(key)
    return rows.to_event(row, key, f"row {number:,}")


def _created(row: Mapping[str, Any]) -> float:
    """When a snapshot was asked for, Unix seconds; 0 when the list does not say."""
    try:
        moment = datetime.fromisoformat(str(row.get("created")))
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _same_input(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Any]) -> bool:
    """Whether each row asked for is there; the service may have added fields of its own."""
    rest = [row for row in theirs if isinstance(row, Mapping)]
    for row in ours:
        match = next((other for other in rest if row.items() <= other.items()), None)
        if match is None:
            return False
        rest.remove(match)
    return not rest
