"""What a stream of events said, sorted by kind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from ftui.events import Batch, Checkpoint, Entry, Event, Failure, Note, Progress, Record, Result


@dataclass
class Said:
    """Everything that one run yielded, up to its end or its error."""

    records: dict[str, Record] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    order: list[Event] = field(default_factory=list)

    def take(self, event: Event) -> None:
        self.order.append(event)
        match event:
            case Record():
                # The store takes JSON in UTF-8, so must every record.
                json.dumps(dict(event.data), ensure_ascii=False, allow_nan=False).encode()
                self.records[event.key] = event
            case Batch():
                for item in event.items:
                    self.take(item)
            case Failure():
                self.failures.append(event)
            case Note():
                self.notes.append(event.text)
            case Progress():
                self.progress.append(event)
            case Checkpoint():
                self.states.append(json.loads(json.dumps(event.state)))
            case Entry():
                self.ledger.append(json.loads(json.dumps(event.data)))
            case Result():
                self.results.append(dict(event.data))

    @property
    def reasons(self) -> dict[str, str]:
        """Reason by subject."""
        return {failure.subject: failure.reason for failure in self.failures}


async def listen(events: AsyncIterator[Event], into: Said | None = None) -> Said:
    """Iterate to the end; pass `into` to see what came before an error."""
    said = into or Said()
    async for event in events:
        said.take(event)
    return said
