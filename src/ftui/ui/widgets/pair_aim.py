"""What the review is for: how many accepted pairs are wanted, and what training on them costs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.widget import Widget

from ftui.errors import SettingsError
from ftui.settings import read_toml, section
from ftui.store import Store
from ftui.store.pairs import Counts
from ftui.ui import arrival
from ftui.ui.reading import Reader
from ftui.ui.text import money

Words = str | tuple[str, str]
"""Something to say: as it is, or in a long and in a short form."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Attributes:
    wanted: accepted pairs that the recipe asks for (`[review] target`); 0 for all that are good.
    per_token: dollars that a token costs, all passes together, at most; None where nobody knows.
    where: "on this machine", "at OpenAI"; "" while that is not known.
    """

    wanted: int = 0
    per_token: float | None = None
    where: str = ""

    def missing(self, counts: Counts) -> int:
        """Pairs that are still to be accepted."""
        return max(self.wanted - counts.accepted, 0)

    def minutes(self, counts: Counts, per_minute: float | None) -> float | None:
        """How long it takes at this pace to what is wanted; None where it is not reached, or there is no pace."""
        if not per_minute or not counts.pending:
            return None
        if not self.wanted:
            return counts.pending / per_minute
        share = counts.accepted_share or 0.0
        decisions = self.missing(counts) / share if share else math.inf
        return decisions / per_minute if decisions <= counts.pending else None

    def cost(self, tokens: int) -> str:
        """What training on so many tokens costs; "" while that is not known."""
        if not self.where or self.per_token is None:
            return ""
        dollars = self.per_token * tokens
        return money(dollars) if not dollars else f"{money(max(dollars, 0.01))} at most"


class Standing:
    """The aim of a project, read in a thread, and what it says of the pairs as they are now.

    Args:
        place: where pairs are decided on.
        show: called when another aim is known.
    """

    def __init__(self, place: Widget, show: Callable[[], None]) -> None:
        self._show = show
        self._reader = Reader(place, "aim")
        self._of: object = None
        self.aim = Aim()

    def look(self, store: Store) -> None:
        """Read the aim again where the recipe or the provider of the latest job is another one."""
        of = (store.jobs.newest(), store.recipe_stamp())
        if of != self._of:
            self._of = of
            self._reader.read(aim_of, self._found, rest=arrival.CALM_SECONDS)

    def _found(self, aim: Aim) -> None:
        if aim != self.aim:
            self.aim = aim
            self._show()

    def cost(self, store: Store, counts: Counts) -> str:
        """What training on the accepted pairs costs; "" where nothing is known."""
        if not counts.accepted:
            return ""
        # Where nothing costs, their tokens need not be asked for at every key.
        return self.aim.cost(store.pairs.accepted_size()[1] if self.aim.per_token else 0)

    def sentence(self, store: Store, per_minute: float | None, width: int) -> str:
        """What is left, in `width` cells; "" where nothing is known."""
        counts = store.pairs.counts()
        return sentence(counts, self.aim, per_minute, self.cost(store, counts), width)


def aim_of(store: Store) -> Aim:
    """The aim of a project. For a thread: it loads what knows providers and prices."""
    from ftui.train import target

    wanted = 0
    with contextlib.suppress(SettingsError, OSError):
        found = section(read_toml(store.recipe_path), "review").get("target", 0)
        # A recipe that cannot be followed says so where it is used.
        wanted = found if type(found) is int and found > 0 else 0
    goal = target.of(store)
    cost = goal.cost(1_000_000)
    where = "on this machine" if goal.provider.kind == "engine" else f"at {goal.provider.title}"
    return Aim(wanted, None if cost is None else cost / 1e6, where)


def sentence(counts: Counts, aim: Aim, per_minute: float | None, cost: str, width: int = 120) -> str:
    """What is left, how long it takes and what it costs, as the next step; "" where there is no aim and no pace.

    Args:
        width: cells that it has; parts at the end are said in short, or left out.
    """
    missing, minutes = aim.missing(counts), aim.minutes(counts, per_minute)
    if not counts.pending or (not aim.wanted and minutes is None):
        return ""
    if aim.wanted and not missing:
        said: list[Words] = [f"{counts.accepted:,} of {aim.wanted:,} accepted", "4 then n trains"]
    elif aim.wanted:
        said = [f"{missing:,} more to accept of {aim.wanted:,}"]
        if missing > counts.pending:
            said.append(f"only {counts.pending:,} pending")
    else:
        said = [f"{counts.pending:,} pending"]
    if minutes is not None and (missing or not aim.wanted):
        said.append((f"{about(minutes)} at this pace", about(minutes)))
    if cost:
        said.append((f"training costs {cost} {aim.where}", f"training costs {cost}"))
    return in_room(said, width)


def in_room(words: Sequence[Words], room: int) -> str:
    """These with ` · ` between them, most important first: what does not fit in its short form is left out.

    The first one is always there.
    """
    forms = [(each, each) if isinstance(each, str) else each for each in words]
    said = [short for _, short in forms[:1]]
    left = room - sum(map(cell_len, said))
    for _, short in forms[1:]:
        needed = cell_len(short) + 3
        if needed > left:
            break
        said.append(short)
        left -= needed
    for number, (long, short) in enumerate(forms[: len(said)]):
        more = cell_len(long) - cell_len(short)
        if more > left:
            break
        said[number], left = long, left - more
    return " · ".join(said)


def about(minutes: float) -> str:
    """`about 11 min`, `about 2 h 10 min`: the further away, the rounder."""
    if minutes < 60:
        return f"about {max(round(minutes), 1)} min"
    if minutes < 10 * 60:
        whole = round(minutes / 5) * 5
        return f"about {whole // 60} h {whole % 60:02} min"
    return f"about {round(minutes / 60):,} h"
