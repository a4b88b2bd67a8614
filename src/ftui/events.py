"""What a task says while it runs.

A task is an async generator of these events. It knows neither the worker nor a
screen: the worker stores what it says, a test just iterates it.

A consumer makes a `Checkpoint` durable before it asks for the next event, and
commits an `Entry`. That is the whole contract of "written before it is sent": a
generator yields its intent, and is resumed only when the intent is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the task is. Replaces the one before it.

    Attributes:
        done: units finished.
        total: units expected, or None while nobody knows.
        unit: what is counted, plural ("pages", "records", "steps", "bytes").
        failed: units that failed, each reported by a `Failure` of its own.
        skipped: units left out on purpose (robots.txt).
        bytes: bytes received or sent so far.
        text: what is being done right now, for a person.
        cost: US dollars so far, None where nothing is paid.
        cost_at_most: US dollars that it can come to, None where nothing is paid.
    """

    done: int
    total: int | None = None
    unit: str = "steps"
    failed: int = 0
    skipped: int = 0
    bytes: int = 0
    text: str = ""
    cost: float | None = None
    cost_at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log of the task."""

    text: str
    level: Literal["info", "warn", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Failure:
    """One unit failed and the task goes on.

    Attributes:
        subject: what failed (a URL, `file.csv line 12`).
        reason: short and equal for equal causes, so that failures can be grouped.
        kind: "failed", or "skipped" for what was left out on purpose.
    """

    subject: str
    reason: str
    kind: Literal["failed", "skipped"] = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """One raw item from a source.

    Attributes:
        key: what makes it the same record next time (URL, row number, asin).
        url: where it came from, or "".
        title: for lists.
        data: the item itself, JSON values only.
        repeats: whether one run can bring other data under the same key, which then
            are a record of their own (one product from two shops).
    """

    key: str
    url: str
    title: str
    data: Mapping[str, Any]
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Several rows at once: where there are many, an event for each would cost more than the row."""

    items: Sequence[Record | Failure]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the task needs to go on after a crash; handed back to it as `state`."""

    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the task's ledger: a checkpoint in increments, for what grows too long to be said anew each time.

    It is committed together with all that was said before it; the lines are handed
    back in their order. Unlike a `Checkpoint` it may be lost to a power cut, not to a crash, unless a model writes.

    Attributes:
        data: the line, JSON values only.
        at_once: whether the next event is asked for only when it is committed. Otherwise
            that may take a moment: where little depends on it, few transactions are cheaper.
    """

    data: Mapping[str, Any]
    at_once: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """The last event of a task that succeeded."""

    data: Mapping[str, Any] = field(default_factory=dict)


Event = Progress | Note | Failure | Record | Batch | Checkpoint | Entry | Result
