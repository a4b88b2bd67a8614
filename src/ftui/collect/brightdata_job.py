"""One Bright Data job from its intent to its last row; see `brightdata` for the promise it keeps."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ftui.collect import rows
from ftui.collect.brightdata_api import Api, LostAnswer, NoSnapshot, NotReady
from ftui.errors import FtuiError, NetworkError, ServiceError
from ftui.events import Checkpoint, Event, Failure, Note, Progress, Record, Result

if TYPE_CHECKING:
    from ftui.collect.brightdata_settings import BrightData

_ENDED_BADLY = frozenset({"failed", "error", "cancelled", "canceled"})
_LOOKS = 3
_CLOCK_TOLERANCE = 2.0
_ROWS_PER_CHECKPOINT = 1000
_ROWS_PER_PROGRESS = 100
_MOST_CUTS = 10


@dataclass
class Job:
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

    def _forget(self) -> Checkpoint:
        """Nothing will come of this snapshot: started again, the job is a new one."""
        self.state.clear()
        return Checkpoint({})

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
        fresh = "intent" not in self.state
        if fresh:
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
                fresh = False
                identifier = await self._find()
            except FtuiError:
                if fresh:
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
            try:
                answer = await self.api.progress(self.snapshot)
            except NoSnapshot as gone:
                yield self._forget()
                raise gone.error from None
            status = str(answer.get("status", "unknown"))
            if status in _ENDED_BADLY:
                yield self._forget()
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
            except NoSnapshot as gone:
                yield self._forget()
                raise gone.error from None
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
        yield self._checkpoint() if done else self._forget()
        if not done:
            most = ", most often: " + self.reasons.most_common(1)[0][0] if self.reasons else ""
            raise ServiceError(
                "The snapshot holds no records", f"{failed} rows with errors{most}", "Check the input and the failures"
            )
        cost = round(done * self.config.price, 6)
        yield Result(
            {"done": done, "failed": failed, "bytes": self.api.bytes, "snapshot_id": self.snapshot, "cost": cost}
        )

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
