"""The open project, and where the person was in it. Knows nothing of widgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ftui import credentials, paths, settings
from ftui.errors import FtuiError, describe
from ftui.store import Store, create_project, list_projects
from ftui.store.seat import Seat, refusal
from ftui.ui import clock
from ftui.ui.text import plain

if TYPE_CHECKING:
    from rich.text import Text


class Session:
    """An open store with what `state.toml` remembers of its project.

    Attributes:
        place: the number of the place that was shown last, 0 at the first start.
        seen_at: when the project was last on the screen, seconds since the epoch, 0.0 for never.
    """

    def __init__(self, name: str) -> None:
        """Open `name`, made when there is no project of that name."""
        if name not in list_projects():
            create_project(name)
        self.store = Store(name, recover=False)
        remembered = settings.state().get("projects", {}).get(name, {})
        memory: Mapping[str, Any] = remembered if isinstance(remembered, dict) else {}
        place, seen = memory.get("place"), memory.get("seen_at")
        self.place = place if isinstance(place, int) and 1 <= place <= 6 else 0
        self.seen_at = float(seen) if isinstance(seen, int | float) else 0.0
        places = memory.get("places")
        self._places: dict[str, Any] = dict(places) if isinstance(places, dict) else {}
        self._stamp = self.store.stamp()
        self._recipe = self.store.recipe_stamp()
        self._seat = Seat(self.store.folder)

    def sit(self) -> bool:
        """Take the seat at the project where it is free; whether that is new. Without it nothing is written."""
        if self._seat.held:
            return False
        taken = self._seat.take()
        sitter = None if taken else self._seat.sitter()
        self.store.database.refused = (
            None if taken else refusal(sitter, clock.clock_time(sitter.since) if sitter else "")
        )
        return taken

    @property
    def refused(self) -> FtuiError | None:
        """Why this ftui only reads the project; None where it has the seat."""
        return self.store.database.refused

    def close(self) -> None:
        """Close the store, then let another ftui sit."""
        self.store.close()
        self._seat.leave()

    def first_place(self, demo: bool) -> int:
        """The number of the place to begin with: the last one, at the first start where something is to do."""
        return self.place or (2 if demo or self.store.sources.all() else 1)

    def memory(self, place: str) -> dict[str, Any]:
        """What a place asked to remember, {} when it is shown for the first time."""
        found = self._places.get(place, {})
        return found if isinstance(found, dict) else {}

    def save(self, place: int, places: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember the visible place and what each place wants to find again; who only reads is not remembered."""
        if self.refused is not None:
            return
        self._places |= {name: dict(memory) for name, memory in places.items()}
        projects = dict(settings.state().get("projects", {}))
        projects[self.store.name] = {"place": place, "places": self._places, "seen_at": clock.now()}
        settings.save_state(project=self.store.name, projects=projects)

    @contextmanager
    def no_news(self) -> Iterator[None]:
        """What the block writes with this store does not count for `changed`."""
        before = self.store.database.own_writes
        yield
        main, bulk, own = self._stamp
        self._stamp = (main, bulk, own + self.store.database.own_writes - before)

    def changed(self) -> bool:
        """Whether anybody has committed anything, or changed the recipe's file, since the last time this was asked."""
        before, self._stamp = self._stamp, self.store.stamp()
        recipe, self._recipe = self._recipe, self.store.recipe_stamp()
        return before != self._stamp or recipe != self._recipe


def write_down(error: BaseException) -> None:
    """Put an error that ftui did not foresee into the log, with where it came from."""
    import traceback

    text = credentials.hide("".join(traceback.format_exception(error)), credentials.known())
    with suppress(OSError), (paths.log_dir() / "ui.log").open("a", encoding="utf-8") as log:
        log.write(f"{clock.now():.0f} {text}\n")


def last_words(error: BaseException) -> Text:
    """What is left on the terminal when the app ends by an error: what, why, what to do."""
    from rich.text import Text

    said = describe(error)
    lines = [
        f"✗ {plain(said.what)}",
        f"  {plain(said.why)}" if said.why else "",
        f"→ {plain(said.do)}" if said.do else "",
    ]
    lines.append("  All that was decided is kept, and running work goes on. Start it again: ftui")
    return Text("\n".join(line for line in lines if line))


def last_project() -> str | None:
    """The project that was open last, or that changed last; None when there is none."""
    names = list_projects()
    last = settings.state().get("project")
    return last if last in names else next(iter(names), None)
