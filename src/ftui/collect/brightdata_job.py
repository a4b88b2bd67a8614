"""One Bright Data job from its intent to its last row; see `brightdata` for the promise it keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ftui.collect.brightdata_api import SNAPSHOT_DAYS, Api, NoSnapshot, NotReady, Unavailable
from ftui.collect.brightdata_download import ENDED_BADLY, Download, Taken, failed
from ftui.collect.brightdata_http import LostAnswer, Told
from ftui.collect.brightdata_snapshot import same_input, when
from ftui.errors import FtuiError, MoneyError, NetworkError, ServiceError
from ftui.events import Checkpoint, Event, Note, Result
from ftui.units import duration, plural

if TYPE_CHECKING:
    from ftui.collect.brightdata_settings import BrightData

_CANCELLED = ("cancelled", "canceled")
_LOOKS = 3
_CLOCK_TOLERANCE = 2.0
# Larger ones come in parts, each of which can be had again by itself.
_ROWS_A_PART = 20_000
_WIND_UP_SECONDS = 60.0
# Less than a worker that is to end waits for its tasks.
_HEAR_OUT_SECONDS = 10.0


class Unclear(Exception):
    """It is not known whether a job was started, and nothing here can tell."""


@dataclass
class Job:
    """One job and what is known of it; `state` is what a checkpoint keeps.

    `state` holds `intent` once the job is about to be started, `snapshot_id` once it has an
    id, `ready` when its rows are there, `batch` and `parts` when they come in parts,
    `unclear` when only the person can say whether it was started, `named` when they have said
    under which id it runs.
    """

    config: BrightData
    api: Api
    state: dict[str, Any]
    ledger: Sequence[Mapping[str, Any]] = ()
    rows: Download = field(init=False)
    _answered: bool = False

    def __post_init__(self) -> None:
        try:
            most: float | None = self.config.cost_at_most() or None
        except MoneyError:
            most = None
        identifier = str(self.state.get("snapshot_id", ""))
        self.rows = Download(self.config, self.api, identifier, Taken.of(self.ledger, identifier), most)
        self.rows.total = self.state.get("records")

    def _checkpoint(self, **more: Any) -> Checkpoint:
        self.state |= more
        if "snapshot_id" in more:
            self.state.pop("unclear", None)
            if "intent" in self.state:
                # Only what has no id is looked for by its inputs; a task is read several times a second.
                self.state["intent"] = {name: self.state["intent"][name] for name in ("query", "at")}
            self.rows.job_id = str(more["snapshot_id"])
            self.rows.taken = Taken.of(self.ledger, self.rows.job_id)
        return Checkpoint(dict(self.state))

    def _forget(self) -> Checkpoint:
        """Nothing will come of this job: started again, it is a new one."""
        self.state.clear()
        return Checkpoint({})

    def _gone(self) -> Checkpoint:
        """There is no such job. Where a person has named it, theirs may be another one that runs."""
        if "named" not in self.state:
            return self._forget()
        kept = {name: self.state[name] for name in ("intent", "started") if name in self.state}
        self.state = kept | {"unclear": True}
        return Checkpoint(dict(self.state))

    async def run(self) -> AsyncGenerator[Event, None]:
        """The whole job, from wherever it was cut off."""
        for step in (self._obtain, self._wait, self._download):
            async with aclosing(step()) as events:
                async for event in events:
                    yield event

    async def _obtain(self) -> AsyncGenerator[Event, None]:
        """Make sure that there is one job, and only one."""
        if "snapshot_id" in self.state or "answered" in self.state:
            return
        if self.config.snapshot_id:
            yield self._checkpoint(snapshot_id=self.config.snapshot_id, started=time.time())
            return
        fresh = "intent" not in self.state
        if fresh:
            self.config.check_inputs()
            # Raises where nothing bounds the cost, or it could pass its limit.
            self.config.cost_at_most()
            now = time.time()
            if not self.config.is_collector:
                # The list costs nothing, proves the key and gives the time at the service.
                _, now = await self.api.snapshots(self.config.dataset_id, limit=1)
            intent = {"query": self.config.query(), "input": [dict(row) for row in self.config.inputs], "at": now}
            yield self._checkpoint(intent=intent, started=time.time())
        try:
            async with aclosing(self._start(fresh)) as events:
                async for event in events:
                    yield event
        except Unclear as unclear:
            yield self._checkpoint(unclear=True)
            raise ServiceError(
                "It is not known whether the job was started",
                str(unclear),
                "Look at brightdata.com/cp; then give its id, or start it again. Nothing was started twice",
            ) from unclear

    async def _start(self, fresh: bool) -> AsyncGenerator[Event, None]:
        if not fresh:
            yield Note("The job was cut off while it was started: looking for it at Bright Data", "warn")
            if found := await self._find():
                yield self._checkpoint(snapshot_id=found)
                return
        for _ in range(2):
            identifier = ""
            try:
                if self.config.sync:
                    async with aclosing(self._scrape()) as events:
                        async for event in events:
                            yield event
                    return
                identifier = await self._trigger()
            except Told as nothing:
                yield self._forget()
                raise nothing.error from None
            except (LostAnswer, NotReady) as lost:
                yield Note(f"The answer to the trigger was lost ({lost}): looking for the job at Bright Data", "warn")
                fresh = False
                identifier = await self._find()
            except FtuiError:
                if fresh and not self._answered:
                    # A clear no to the only call: nothing was started.
                    yield self._forget()
                raise
            if identifier:
                yield self._checkpoint(snapshot_id=identifier)
                return
            yield Note("Bright Data has no such job: it was not started", "warn")
        raise NetworkError(
            "The job could not be started",
            "the answer was lost twice, and Bright Data lists no such job",
            "Look at brightdata.com/cp, then start it again",
        )

    async def _trigger(self) -> str:
        """The call that spends. Stopped in this moment, it is still heard out: its answer names what is to be ended."""
        intent = self.state["intent"]
        call = asyncio.ensure_future(self.api.trigger(intent["query"], intent["input"], self.config.input_format))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait({call}, timeout=_HEAR_OUT_SECONDS)
            if not call.done():
                raise
            return call.result()
        finally:
            call.cancel()

    async def _scrape(self) -> AsyncGenerator[Event, None]:
        """The call that waits for its rows, and hands over to a snapshot where it takes too long."""
        yield self.rows.progress("Bright Data: waiting for the rows")
        self.rows.taken = Taken()
        intent = self.state["intent"]
        async with self.api.scrape(intent["query"], intent["input"]) as answer:
            if isinstance(answer, str):
                yield self._checkpoint(snapshot_id=answer)
                yield Note(f"It takes Bright Data longer than a minute: going on with snapshot {answer}")
                return
            self._answered = True
            async with aclosing(self.rows.take(answer, "downloading")) as events:
                async for event in events:
                    yield event
        taken = self.rows.taken
        yield self._checkpoint(answered={"done": taken.done, "failed": taken.failed})

    async def _find(self) -> str:
        """The id of our own job in the list of the service, or "".

        Raises:
            Unclear: there is no list, or it does not tell which one is ours.
        """
        if self.config.is_collector:
            raise Unclear("the answer was lost, and Bright Data has no list of the jobs of a collector")
        intent = self.state["intent"]
        earliest = float(intent["at"]) - _CLOCK_TOLERANCE
        day = datetime.fromtimestamp(earliest - 86_400, UTC).strftime("%Y-%m-%d")
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(self.config.poll_seconds)
            listed, _ = await self.api.snapshots(self.config.dataset_id, since=day)
            untold: list[str] = []
            for snapshot in sorted((one for one in listed if when(one) >= earliest), key=when):
                theirs = await self.api.input_of(snapshot.id)
                if theirs is None:
                    untold.append(snapshot.id)
                elif same_input(intent["input"], theirs):
                    return snapshot.id
            if len(untold) > 1:
                raise Unclear(f"these were started at the same time: {', '.join(untold)}")
            if untold:
                return untold[0]
        if self.config.sync:
            raise Unclear("the answer was lost, and Bright Data does not list every call that waits for its rows")
        return ""

    async def _wait(self) -> AsyncGenerator[Event, None]:
        """Until the service says that the rows are there. Of a collector only the download tells."""
        if self.config.is_collector or "answered" in self.state:
            return
        unseen = 0
        while not self.state.get("ready"):
            try:
                answer = await self.api.progress(self.rows.job_id)
            except NoSnapshot as gone:
                unseen += 1
                if unseen < _LOOKS and "intent" in self.state and not gone.for_good:
                    # What has just been started is not everywhere yet, and it is paid for.
                    await asyncio.sleep(self.config.poll_seconds)
                    continue
                yield self._gone()
                raise gone.error from None
            status = str(answer.get("status", "unknown"))
            records = answer.get("records")
            if status == "ready" or status in _CANCELLED:
                if status in _CANCELLED:
                    yield Note("The job was cancelled at Bright Data: taking what had arrived", "warn")
                self.rows.total = records if isinstance(records, int) and records > 0 else None
                yield self._checkpoint(ready=True, records=self.rows.total)
                return
            if status in ENDED_BADLY:
                yield self._forget()
                words = (answer.get("error_message"), answer.get("error"), answer.get("message"), self.rows.job_id)
                raise failed(status, self.api.message({"error": str(next(word for word in words if word))}))
            yield self.rows.progress(self._waiting(status, records))
            await asyncio.sleep(self.config.poll_seconds)

    def _waiting(self, status: str, records: Any) -> str:
        parts = [f"Bright Data: {status}"]
        if isinstance(records, int) and records > 0:
            parts.append(f"{plural(records, 'record')} so far")
        if "started" in self.state:
            parts.append(f"for {duration(time.time() - float(self.state['started']))}")
        return ", ".join([*parts, f"next look in {duration(self.config.poll_seconds)}"])

    async def _download(self) -> AsyncGenerator[Event, None]:
        """The rows and the end of the job."""
        taken = self.rows.taken
        if "answered" in self.state:
            taken.done, taken.failed = self.state["answered"]["done"], self.state["answered"]["failed"]
        else:
            if "parts" not in self.state:
                yield await self._divide()
            async with aclosing(self._take()) as events:
                async for event in events:
                    yield event
        yield self.rows.progress("")
        if self.rows.total and taken.done + taken.failed < self.rows.total:
            came = taken.done + taken.failed
            yield Note(f"Bright Data told of {self.rows.total:,} records, {came:,} came", "warn")
        if not taken.done:
            yield self._forget()
            most = ", most often: " + self.rows.reasons.most_common(1)[0][0] if self.rows.reasons else ""
            raise ServiceError(
                "The snapshot holds no records",
                f"{taken.failed:,} rows with errors{most}",
                "Check the input and the failures",
            )
        yield self._result()

    async def _take(self) -> AsyncGenerator[Event, None]:
        """The rows. A job is given up only where it is sure that nothing will come of it: it is paid for."""
        for look in range(_LOOKS):
            try:
                async with aclosing(self.rows.run(self.state["batch"], self.state["parts"])) as events:
                    async for event in events:
                        yield event
                return
            except Unavailable as failing:
                raise failing.error from None
            except Told as gone:
                may_come = isinstance(gone, NoSnapshot) and not (gone.for_good or gone.is_empty)
                if may_come and look < _LOOKS - 1:
                    await asyncio.sleep(self.config.poll_seconds)
                    continue
                yield self._gone() if may_come else self._forget()
                raise gone.error from None

    async def _divide(self) -> Checkpoint:
        """Whether the rows come in parts: then what breaks off costs little, and what is missing has a name."""
        rows = self.config.batch_size or _ROWS_A_PART
        may_be_large = self.rows.total is None or self.rows.total > 2 * rows or bool(self.config.batch_size)
        parts = 0
        if may_be_large and not self.config.is_collector:
            parts = await self.api.parts(self.rows.job_id, rows)
        return self._checkpoint(batch=rows, parts=parts if parts > 1 else 0)

    def _result(self) -> Result:
        taken = self.rows.taken
        return Result(
            {
                "done": taken.done,
                "failed": taken.failed,
                "bytes": taken.bytes,
                "snapshot_id": self.rows.job_id,
                "cost": self.rows.cost,
            }
        )

    async def wind_up(self) -> AsyncGenerator[Event, None]:
        """After a person stopped it: cancel it at the service, and take what has arrived."""
        started = "intent" in self.state or "snapshot_id" in self.state
        if not started or self.config.snapshot_id or "answered" in self.state:
            # Nothing runs from here: an earlier snapshot is not ours to cancel.
            return
        if "snapshot_id" not in self.state:
            try:
                found = await self._find()
            except Unclear as unclear:
                yield self._checkpoint(unclear=True)
                yield Note(f"It is not known whether the job was started: {unclear}", "warn")
                return
            if not found:
                yield Note("Bright Data lists no such job: it was not started")
                return
            yield self._checkpoint(snapshot_id=found)
        if self.state.get("ready"):
            yield Note(
                f"The rest of the rows stays at Bright Data for {SNAPSHOT_DAYS} days; resume to take it, at no cost"
            )
            yield self._result()
            return
        if self.config.is_collector:
            yield Note("The job of a collector is stopped at brightdata.com/cp; taking what is there", "warn")
            self.rows.give_up_at = time.monotonic()
        else:
            told = await self.api.cancel(self.rows.job_id)
            yield Note(f"Cancelled at Bright Data{f' ({told})' if told else ''}: taking what has arrived")
            self.rows.give_up_at = time.monotonic() + _WIND_UP_SECONDS
        # Taken as a whole, also by whoever goes on with it.
        yield self._checkpoint(batch=0, parts=0)
        try:
            async with aclosing(self.rows.run()) as events:
                async for event in events:
                    yield event
        except (Told, NotReady) as nothing:
            why = nothing.error.why if isinstance(nothing, Told) else str(nothing)
            yield Note(f"No more rows can be had of it now: {why}", "warn")
        yield self._result()
