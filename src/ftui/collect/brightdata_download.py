"""The rows of one job, whole or in parts, taken once each whatever breaks off."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ftui.collect.brightdata_api import Api, NoSnapshot, NotReady, Unavailable
from ftui.collect.brightdata_block import START, Block, Changed, Place
from ftui.collect.brightdata_http import LostAnswer, Told
from ftui.collect.brightdata_rows import blocks, events_of
from ftui.errors import NetworkError, ServiceError
from ftui.events import Batch, Entry, Event, Failure, Note, Progress

if TYPE_CHECKING:
    from ftui.collect.brightdata_settings import BrightData

ENDED_BADLY = frozenset({"failed", "error", "cancelled", "canceled"})
# In what stands where rows should be, and nothing else.
_STATUS_FIELDS = frozenset(
    {"status", "message", "error", "error_message", "code", "pending", "snapshot_id", "dataset_id", "collection_id"}
)
_MOST_CUTS = 5
_LAST_TRY = 2
_PROGRESS_SECONDS = 0.25
_NAMED_PARTS = 5


@dataclass
class Taken:
    """What has been taken so far; the ledger keeps it, the last entry counts.

    Attributes:
        part: the next part, 0 for a download that is not in parts.
        current: the part that `place` is in, None between two parts.
        missing: parts that could not be had.
        done, failed: rows in all; `part_done`, `part_failed`: of them in the current part.
        bytes: received, as sent.
    """

    part: int = 0
    current: int | None = None
    place: Place = START
    missing: list[int] = field(default_factory=list)
    done: int = 0
    failed: int = 0
    part_done: int = 0
    part_failed: int = 0
    bytes: int = 0

    def entry(self, job_id: str, *, at_once: bool = True) -> Entry:
        place = [self.place.at, self.place.rows, self.place.seal]
        return Entry({"job": job_id, **vars(self), "place": place, "missing": list(self.missing)}, at_once)

    @classmethod
    def of(cls, ledger: Sequence[Mapping[str, Any]], job_id: str) -> Taken:
        """What the ledger says of this job."""
        last = next((entry for entry in reversed(ledger) if entry.get("job") == job_id), None)
        if last is None:
            return cls()
        known = {name: value for name, value in last.items() if name != "job"}
        return cls(**known | {"place": Place(*last["place"]), "missing": list(last["missing"])})


@dataclass
class Download:
    """The rows of one job.

    Attributes:
        most_cost: US dollars that the job can come to, None where nothing is paid.
        total: records that were announced, None while nobody knows.
        taken: how far it is.
        give_up_at: the moment (monotonic clock) after which rows that are not there yet are no
            longer waited for; None to wait as long as it takes.
    """

    config: BrightData
    api: Api
    job_id: str
    taken: Taken
    most_cost: float | None = None
    total: int | None = None
    give_up_at: float | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    _told: float = 0.0
    _counted: int = 0

    @property
    def cost(self) -> float:
        """US dollars that the records so far cost."""
        return 0.0 if self.config.snapshot_id else round(self.taken.done * self.config.price, 6)

    def progress(self, text: str) -> Progress:
        taken, pays = self.taken, self.most_cost is not None
        self._count()
        return Progress(
            done=taken.done,
            total=self.total,
            unit="records",
            failed=taken.failed,
            bytes=taken.bytes,
            text=text,
            cost=self.cost if pays else None,
            cost_at_most=self.most_cost,
        )

    def _count(self) -> None:
        self.taken.bytes += self.api.bytes - self._counted
        self._counted = self.api.bytes

    async def run(self, batch_size: int = 0, parts: int = 0) -> AsyncGenerator[Event, None]:
        """Take the rows that were not taken before.

        Args:
            batch_size, parts: rows in each part, and how many parts there are; 0 for no parts.

        Raises:
            Told: there are none. NotReady: not within the time.
            ServiceError: parts of them are missing, all else has been taken.
        """
        if not parts:
            if self.taken.part == 0:
                async with aclosing(self._part(0, 0)) as events:
                    async for event in events:
                        yield event
                if self.total and not self.taken.done and not self.taken.failed:
                    raise NetworkError(
                        "Bright Data sent none of the records",
                        f"it told of {self.total:,}",
                        "Resume it later; nothing is paid twice",
                    )
                yield self._ended(0)
            return
        self.taken.part = max(self.taken.part, 1)
        while self.taken.part <= parts:
            async with aclosing(self._try_part(self.taken.part, parts, batch_size)) as events:
                async for event in events:
                    yield event
        for number in tuple(self.taken.missing):
            await asyncio.sleep(self.config.poll_seconds)
            async with aclosing(self._try_part(number, parts, batch_size)) as events:
                async for event in events:
                    yield event
        if missing := self.taken.missing:
            named = ", ".join(map(str, missing[:_NAMED_PARTS])) + (" …" if len(missing) > _NAMED_PARTS else "")
            raise ServiceError(
                f"{len(missing):,} of {parts:,} parts of the snapshot could not be had",
                f"part {named} of {batch_size:,} rows each; the others were taken",
                "Resume it later: only what is missing is fetched, and nothing is paid again",
            )

    async def _try_part(self, number: int, parts: int, batch_size: int) -> AsyncGenerator[Event, None]:
        """One part; where it cannot be had, the others go on."""
        try:
            async with aclosing(self._part(number, batch_size, f" part {number:,} of {parts:,}")) as events:
                async for event in events:
                    yield event
        except (NoSnapshot, Unavailable, NetworkError) as gone:
            error = gone.error if isinstance(gone, Told) else gone
            if isinstance(gone, NoSnapshot) and gone.for_good:
                raise
            yield Note(f"Part {number:,} of {parts:,} could not be had: {error.why}", "warn")
            if number not in self.taken.missing:
                self.taken.missing.append(number)
            yield self._ended(number)
        else:
            if number in self.taken.missing:
                self.taken.missing.remove(number)
            yield self._ended(number)

    def _ended(self, number: int) -> Entry:
        self.taken.part = max(self.taken.part, number + 1)
        self.taken.current, self.taken.place = None, START
        self.taken.part_done = self.taken.part_failed = 0
        return self.taken.entry(self.job_id)

    async def _part(self, number: int, batch_size: int, name: str = "") -> AsyncGenerator[Event, None]:
        """One part, or everything. A cut connection or a restart goes on behind the last block taken."""
        if self.taken.current != number:
            self.taken.current, self.taken.place = number, START
            self.taken.part_done = self.taken.part_failed = 0
        cuts = changes = 0
        while True:
            before = self.taken.place
            try:
                collector = self.config.is_collector
                async with self.api.download(
                    self.job_id, collector=collector, batch_size=batch_size, part=number
                ) as chunks:
                    async with aclosing(self.take(chunks, f"downloading{name}", last_try=cuts >= _LAST_TRY)) as events:
                        async for event in events:
                            yield event
                return
            except Changed:
                changes += 1
                if changes > _MOST_CUTS:
                    raise _breaks_off("the rows come otherwise each time") from None
                yield Note("The rows came otherwise than before: reading them from the start", "warn")
                self.taken.done -= self.taken.part_done
                self.taken.failed -= self.taken.part_failed
                self.taken.place, self.taken.part_done, self.taken.part_failed = START, 0, 0
            except NotReady as error:
                if self.give_up_at is not None and time.monotonic() > self.give_up_at:
                    raise
                yield self.progress(f"Bright Data: {error}")
                await asyncio.sleep(self.config.poll_seconds if error.wait is None else error.wait)
            except LostAnswer as error:
                cuts = cuts + 1 if self.taken.place == before else 1
                if cuts > _MOST_CUTS:
                    raise _breaks_off(str(error)) from error
                yield Note(f"The download broke off ({error}): fetching it again", "warn")
                await asyncio.sleep(self.config.poll_seconds)

    async def take(
        self, chunks: AsyncIterator[bytes], text: str, *, last_try: bool = False
    ) -> AsyncGenerator[Event, None]:
        """The rows of one body behind those taken before.

        Raises:
            NotReady, Told: it is no rows, but a word about them.
            LostAnswer, Changed: see `brightdata_rows`.
        """
        before = self.api.bytes
        async with aclosing(blocks(chunks, self.taken.place, last_try=last_try)) as found:
            async for block in found:
                first = self.taken.place.rows + 1
                if first == 1 and len(block.rows) == 1:
                    self._heed(block.rows[0])
                yield self._batch(block, first)
                # What would come again is of the part under way, which is asked for again as a whole.
                yield self.taken.entry(self.job_id, at_once=False)
                if time.monotonic() - self._told > _PROGRESS_SECONDS:
                    self._told = time.monotonic()
                    yield self.progress(text)
        if self.config.is_collector and self.api.bytes == before:
            # Seen of a collector that has just begun.
            raise NotReady("nothing is there yet", None)

    def _batch(self, block: Block, first: int) -> Batch:
        items = events_of(block.rows, first)
        failures = [item for item in items if isinstance(item, Failure)]
        self.reasons.update(failure.reason for failure in failures)
        taken = self.taken
        self._count()
        taken.place = block.place
        taken.failed += len(failures)
        taken.part_failed += len(failures)
        taken.done += len(items) - len(failures)
        taken.part_done += len(items) - len(failures)
        return Batch(items)

    def _heed(self, row: bytes | Failure) -> None:
        """A single row can be a word about the rows: they fail, or are not there yet."""
        import orjson

        if isinstance(row, Failure) or len(row) > 10_000:
            return
        try:
            body = orjson.loads(row)
        except ValueError:
            return
        if body is None:
            raise NotReady("nothing is there yet", None)
        if not isinstance(body, dict) or not body.keys() <= _STATUS_FIELDS or not {"status", "pending"} & body.keys():
            return
        status = str(body.get("status", "pending"))
        if status in ENDED_BADLY:
            raise Told(failed(status, self.api.message(body)))
        raise NotReady(self.api.message(body) if "message" in body else status, None)


def _breaks_off(why: str) -> NetworkError:
    return NetworkError(
        "The download breaks off again and again", why, "Resume it later; nothing is lost, and nothing is paid twice"
    )


def failed(status: str, why: str) -> ServiceError:
    """The error for a job that came to nothing."""
    return ServiceError(
        f"The collection at Bright Data ended as {status}", why, "Check the input, then start it again as a new job"
    )
