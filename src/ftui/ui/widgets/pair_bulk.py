"""Steps over many pairs, made in a thread: how far one is, and how it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from threading import Event

from textual.widget import Widget

from ftui.store import Store
from ftui.store.journal import Way
from ftui.store.pairs import BulkProgress, Step
from ftui.ui import clock
from ftui.ui.reading import Reader
from ftui.ui.text import Row, Span, bar, count, plural, rate
from ftui.units import duration

_EVERY = 0.2
"""Seconds between two looks at how far it is."""
_BAR = 24

Steps = Callable[[Store], Iterator[BulkProgress]]
REPLAYED: dict[Way, tuple[str, str]] = {"undo": ("undone", "ctrl+r redo"), "redo": ("done again", "u undo")}
"""What was done, and the key that takes it back."""


class BulkWork:
    """One step at a time. Stopped, or left with the app, it comes to the end that its iterator gives it.

    Args:
        place: what the work belongs to.
        show: gets a line about how far it is, and None at the end.
    """

    def __init__(self, place: Widget, show: Callable[[Row | None], None]) -> None:
        self._place = place
        self._show = show
        self._reader = Reader(place, "bulk")
        self._stop = Event()
        self._begun = asyncio.Event()
        self.busy = False
        self.stoppable = True

    def start(
        self,
        verb: str,
        steps: Steps,
        then: Callable[[BulkProgress, bool], None],
        *,
        stoppable: bool = True,
        over: Callable[[bool], None] = lambda well: None,
    ) -> None:
        """Go through `steps` in a thread, then call `then` with how far they came and whether they were stopped.

        Args:
            stoppable: whether a stop changes anything; an undo comes to its end all the same.
            over: is called at the very end, with whether it went well.
        """
        self.busy, self.stoppable, self._stop, self._begun = True, stoppable, Event(), asyncio.Event()
        stop, began, stopped = self._stop, clock.now(), False

        def work(store: Store) -> BulkProgress | Exception:
            nonlocal stopped
            step, shown = BulkProgress(0, 0, 0), 0.0
            try:
                with contextlib.closing(steps(store)) as progress:  # type: ignore[type-var]
                    for step in progress:
                        if stop.is_set():
                            stopped = True
                            break
                        if time.monotonic() - shown >= _EVERY:
                            shown = time.monotonic()
                            self._place.call_later(self._tell, verb, step, began)
            except Exception as error:
                return error
            return step

        def done(last: BulkProgress | Exception) -> None:
            self.busy = False
            self._begun.set()
            self._show(None)
            if isinstance(last, Exception):
                over(False)
                raise last
            then(last, stopped)
            over(True)

        # Also where it could not begin, as with a store that cannot be opened.
        self._reader.read(work, done, failed=done)

    @property
    def beginning(self) -> bool:
        """Whether a step was started that is not in the journal yet."""
        return self.busy and not self._begun.is_set()

    async def begin(self, seconds: float) -> None:
        """Wait until it is in the journal, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._begun.wait()

    async def wait(self, seconds: float) -> None:
        """Wait for the end of the step that was started, at most so long: the next key may be about it."""
        await self._reader.wait(seconds)

    def stop(self) -> None:
        """End the step after the transaction that it is at."""
        self._stop.set()

    def _tell(self, verb: str, step: BulkProgress, began: float) -> None:
        if self.busy:
            self._begun.set()
            self._show(bulk_row(verb, step, clock.now() - began, self._place.size.width))


def replayed(way: Way, step: Step, last: BulkProgress, what: str) -> str:
    """What an undo or a redo did, in a sentence.

    Args:
        last: how far it came.
        what: names the pairs that changed.
    """
    if not last.changed and last.gone == step.size:
        taken, key = ("left to undo", "u") if way == "undo" else ("there to do again", "ctrl+r")
        why = "the recipe does not make it any more" if last.gone == 1 else "the recipe makes none of them any more"
        return f"nothing is {taken} of: {step.words} · {why} · {key} goes on"
    verb, back = REPLAYED[way]
    lost = f", {last.gone:,} {'is' if last.gone == 1 else 'are'} not made any more" if last.gone else ""
    return f"{verb}: {step.label} {what}{lost} · {back}"


def bulk_row(verb: str, step: BulkProgress, seconds: float, width: int) -> Row:
    """`▸ ━━━━────  accepting 400,000 of 1,000,000 pairs   150,000/s   4 s left`."""
    done = bar(step.done, step.total, min(_BAR, width // 4))
    spans = [Span(" ▸ ", "accent"), Span(f"{done}  ", "accent")]
    spans.append(Span(f"{verb} {count(step.done)} of {plural(step.total, 'pair')}"))
    if seconds >= 1 and step.done:
        speed = step.done / seconds
        spans.append(Span(f"   {rate(speed)}   {duration((step.total - step.done) / speed)} left", "dim"))
    return tuple(spans)
