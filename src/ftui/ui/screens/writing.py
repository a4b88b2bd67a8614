"""What a model that writes would cost, before it is asked anything."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from ftui.errors import MoneyError
from ftui.store import Store
from ftui.ui.place import Place
from ftui.ui.reading import Reader
from ftui.ui.text import Row, Span, count, plain, plural, row, wrapped
from ftui.ui.widgets.rows import Lines
from ftui.units import dollars

if TYPE_CHECKING:
    from ftui.prepare.recipe import Recipe
    from ftui.prepare.writing import Planned
    from ftui.ui.app import FtuiApp

_WIDTH = 68


def make_pairs(app: FtuiApp, place: Place, said: str) -> None:
    """Make pairs by the recipe; where it lets a model write, a person is asked first.

    Args:
        place: that is shown; it is read anew when the work has been asked for.
        said: what the bottom line says then.
    """
    from ftui import queue
    from ftui.prepare import project

    def start(at_most: float | None) -> None:
        if at_most is None:
            app.say("nothing was asked, nothing was made")
            return
        with app.trying():
            queue.prepare(app.store, at_most)
            app.say(said)
            place.refresh_view()

    def counted(found: Planned | MoneyError) -> None:
        if isinstance(found, MoneyError) or found.plan.requests:
            app.push_screen(WritingScreen(found), start)
        else:
            start(0.0)

    with app.trying():
        recipe = project.load(app.store)
        if recipe.asks:
            app.say("counting what a model would be asked …")
            Reader(place, "plan").read(partial(_planned, recipe), counted)
        else:
            start(0.0)


def _planned(recipe: Recipe, store: Store) -> Planned | MoneyError:
    from ftui.prepare import writing

    try:
        return writing.plan(store, recipe)
    except MoneyError as error:
        # Nobody knows the price: what is written already makes pairs all the same.
        return error


class WritingScreen(ModalScreen[float | None]):
    """Gives the US dollars that may be spent, 0 for nothing that costs; None when nothing is to be done.

    Args:
        planned: what would be asked, or why nobody can say what it costs.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "ask", "ask the model"),
        Binding("w", "written", "pairs of what is written"),
        Binding("n,escape,enter", "leave", "not now"),
    ]
    DEFAULT_CSS = "WritingScreen .dialog { padding: 0 2; }"

    def __init__(self, planned: Planned | MoneyError) -> None:
        super().__init__()
        self._planned = planned

    @property
    def _may(self) -> float | None:
        """What can be said yes to, None where there is nothing."""
        if isinstance(self._planned, MoneyError):
            return None
        may = min(self._planned.plan.cost_at_most, self._planned.left)
        return may if may or self._planned.free else None

    @property
    def _costs(self) -> bool:
        return isinstance(self._planned, MoneyError) or not self._planned.free

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "A model writes"
            yield Lines()

    def on_mount(self) -> None:
        found = _unknown(self._planned) if isinstance(self._planned, MoneyError) else _rows(self._planned)
        keys = [] if self._may is None else [Span("y ", "key"), Span("ask it     ")]
        keys += [Span("w ", "key"), Span("pairs of what is written     ")] if self._costs else []
        keys += [Span("n ", "key"), Span("not now", "dim")]
        self.query_one(Lines).show([(), *found, (), tuple(keys), ()])

    def action_ask(self) -> None:
        if self._may is not None:
            self.dismiss(self._may)

    def action_written(self) -> None:
        if self._costs:
            self.dismiss(0.0)

    def action_leave(self) -> None:
        self.dismiss(None)


def _rows(planned: Planned) -> list[Row]:
    plan = planned.plan
    about = f"{plural(plan.requests, 'request')} about {plural(plan.records, 'record')}"
    there = f" · {count(plan.there)} answered already" if plan.there else ""
    rows = [row(("Let a model write what the records do not say?", "bold")), ()]
    rows += [_field("Model" if not n else "", plain(name, _WIDTH - 12)) for n, name in enumerate(planned.models)]
    rows.append(_field("Asked", about + there))
    if planned.free:
        return [*rows, _field("Price", "nothing")]
    once, most = dollars(plan.cost), dollars(plan.cost_at_most, up=True)
    rows.append(_field("Price", f"{most} at most · {once} where nothing is asked twice"))
    rows.append(_field("Budget", f"{dollars(planned.left)} left"))
    if not planned.left:
        why = "! The budget is used up. Raise it: ftui projects budget DOLLARS"
        return [*rows, (), row((why, "warn"))]
    if planned.left < plan.cost_at_most:
        rows += [(), row(("! The budget may not reach: it asks as long as there is enough.", "warn"))]
    return [*rows, (), row(("What it writes is kept and never paid again.", "dim"))]


def _unknown(error: MoneyError) -> list[Row]:
    lines = wrapped(f"{error.why}. {error.do}", _WIDTH)
    return [row(("! ", "warn"), (plain(error.what), "bold")), (), *(row(line) for line in lines)]


def _field(name: str, value: str) -> Row:
    return row((f"{name:<9}", "dim"), value)
