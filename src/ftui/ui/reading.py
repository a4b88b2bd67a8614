"""Long work with the store, mostly reads, in a thread beside the screen's."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from textual.widget import Widget
from textual.worker import Worker

from ftui.store import Store

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

T = TypeVar("T")


class Reader:
    """Reads one thing at a time; a new read ends the one before, and so does the end of the widget.

    Args:
        widget: what the reads are for.
        group: names them among the widget's other workers.
    """

    def __init__(self, widget: Widget, group: str) -> None:
        self._widget = widget
        self._group = group
        self._worker: Worker[None] | None = None
        self._over = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether something is being read."""
        return self._worker is not None and not self._worker.is_finished

    def read(
        self,
        what: Callable[[Store], T],
        then: Callable[[T], None],
        rest: float = 0.0,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Call `what` in a thread with a store of its own, then `then` with what it gave.

        Args:
            rest: seconds without another read before this one begins: for what follows a key held down.
            failed: gets what went wrong; without it, the bottom line says so.
        """
        # Not the coroutine itself: a read that ends before it began would leave one that nobody awaits.
        self._over = over = asyncio.Event()
        work = partial(self._read, what, then, rest, failed, over)
        self._worker = self._widget.run_worker(work, group=self._group, exclusive=True, exit_on_error=False)

    async def wait(self, seconds: float) -> None:
        """Wait until what is being read has been shown, at most so long: the next key may be about it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    def stop(self) -> None:
        """End what is being read; its `then` is not called."""
        if self._worker is not None:
            self._worker.cancel()

    async def _read(
        self,
        what: Callable[[Store], T],
        then: Callable[[T], None],
        rest: float,
        failed: Callable[[Exception], None] | None,
        over: asyncio.Event,
    ) -> None:
        try:
            await self._run(what, then, rest, failed)
        finally:
            over.set()

    async def _run(
        self,
        what: Callable[[Store], T],
        then: Callable[[T], None],
        rest: float,
        failed: Callable[[Exception], None] | None,
    ) -> None:
        app: FtuiApp = self._widget.app  # type: ignore[assignment]
        if rest:
            await asyncio.sleep(rest)
        attempt = _Attempt(app.store, what)
        try:
            found = await asyncio.to_thread(attempt.run)
        except asyncio.CancelledError:
            attempt.end()
            raise
        except Exception as error:
            with app.trying():
                if failed is None:
                    raise
                failed(error)
            return
        with app.trying():
            then(found)


class _Attempt(Generic[T]):
    """One read in its thread, which another thread can end."""

    def __init__(self, opened: Store, what: Callable[[Store], T]) -> None:
        self._opened = opened
        self._what = what
        self._store: Store | None = None
        self._ended = False

    def run(self) -> T:
        with self._opened.beside() as store:
            self._store = store
            if self._ended:
                raise InterruptedError
            return self._what(store)

    def end(self) -> None:
        self._ended = True
        if self._store is not None:
            # It may be at its end just now, with the connection closed.
            with contextlib.suppress(sqlite3.Error):
                self._store.database.interrupt()
