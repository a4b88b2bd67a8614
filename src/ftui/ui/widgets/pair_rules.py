"""A rule that was learnt from rejections: looked for beside the screen, offered in a line, shown, answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from textual.timer import Timer
from textual.widget import Widget

from ftui.store import Store
from ftui.store.journal import Step, Way
from ftui.store.judged import EVERY, LEAST
from ftui.ui import arrival
from ftui.ui.flow import wrap
from ftui.ui.reading import Reader
from ftui.ui.text import Row, Span, plural, width_of

if TYPE_CHECKING:
    from ftui.prepare.proposals import Looked, Offer

_REST = 1.0
"""Seconds without a decision before a rule is looked for: the search would slow down who decides fast."""


class RuleWork:
    """Looks for a rule after every so many rejections, and holds the one that is offered.

    Args:
        place: where pairs are decided on.
        show: called when there is something else to say.
    """

    def __init__(self, place: Widget, show: Callable[[], None]) -> None:
        self._place = place
        self._show = show
        self._reader = Reader(place, "rules")
        self._rejected: int | None = None
        self._due = LEAST
        self._timer: Timer | None = None
        self._stale = False
        """Whether anything was decided since the last look began."""
        self._asked: Callable[[], None] | None = None
        self.offer: Offer | None = None
        self.state: Literal["offered", "shown", "followed", "in recipe"] = "offered"
        self._decided = False
        """Whether nothing is pending that the offered rule fits."""
        self._none = False
        """Whether nothing was when its list was read, so that there is nothing to reject or to decline."""

    # Looking for one

    def begin(self) -> None:
        """Count what was rejected by hand up to now; look for a rule in it where that is enough."""

        def counted(rejected: int) -> None:
            self._rejected = rejected
            if rejected >= LEAST:
                self._look_soon()

        self._reader.read(lambda store: store.pairs.rejected_by_hand(), counted, rest=arrival.CALM_SECONDS)

    def rejected(self, number: int) -> None:
        """So many pairs were rejected by hand just now."""
        if self._rejected is None:
            # Nobody has counted yet: this ftui only read when it began, or the count failed.
            if not self._reader.busy:
                self.begin()
            return
        self._rejected += number
        if self._rejected >= self._due and self.state == "offered" and not self._reader.busy:
            self._look_soon()

    def pairs_changed(self) -> None:
        """Pairs came or went: what is offered may fit none any more."""
        if self.offer is not None and self.state == "offered" and not self._reader.busy:
            self.look()

    def wait(self) -> None:
        """Something was decided just now."""
        self._stale = True
        if self._timer is not None:
            self._timer.reset()

    def _look_soon(self) -> None:
        if self._timer is None:
            self._timer = self._place.set_timer(_REST, self.look)

    def look(self) -> None:
        """Look for a rule in all that was decided by hand."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._stale = False
        self._reader.read(_propose, self._found)

    def ask(self, then: Callable[[], None]) -> None:
        """Look now, as a person wants it, and call `then` when it is known what came of it."""
        self._asked = then
        self.look()

    def _found(self, looked: Looked) -> None:
        self._rejected = looked.rejected
        self._due = LEAST if looked.rejected < LEAST else looked.rejected + EVERY
        if self.state == "offered":
            self.offer = looked.offer
            self._show()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked()

    # What a person says to it

    def follow(self, store: Store) -> None:
        """All that the rule fits is decided."""
        if self.offer is not None:
            store.rules.follow(self.offer.rule.text)
            self.state, self._decided = "followed", True
            self._show()

    def put_into_recipe(self, store: Store) -> None:
        """The rule is in the recipe from now on.

        Raises:
            InputError: the recipe has no place for it.
        """
        from ftui.prepare import proposals

        if self.offer is not None:
            proposals.put_into_recipe(store, self.offer.rule.text)
            self.state = "in recipe"
            self._show()

    def decline(self, store: Store) -> bool:
        """The rule is not wanted; False where it is followed already."""
        from ftui.prepare import proposals

        return self.offer is not None and proposals.decline(store, self.offer.rule.text)

    def undone(self) -> None:
        """What the rule fits is pending again."""
        self._decided = False
        if self.state == "followed":
            self.state = "shown"
            self._show()

    def replayed(self, step: Step, way: Way, *, shown: bool) -> None:
        """What was said to a rule was undone or done again.

        Args:
            shown: whether the list shows what it fits.
        """
        if self.offer is None or self.offer.rule.text != step.rule:
            self.look()
        elif step.said == "followed" and shown:
            # Which rows are pending says the rest.
            return
        elif way == "redo" and shown and step.said == "in recipe":
            self.state = "in recipe"
            self._show()
        elif way == "redo":
            self.leave()
        else:
            self.state = "shown" if shown else "offered"
            self._show()

    def listed(self, number: int) -> None:
        """So many pairs are in the list of what the rule fits."""
        if self._none != (number == 0):
            self._none = number == 0
            self._show()

    def aside(self) -> None:
        """Other rows are shown: the rule waits to be looked at again, or is done with."""
        if self.state == "shown":
            self.state = "offered"
            self._show()
        elif self.state != "offered":
            self.leave()

    def leave(self) -> None:
        """It has been answered; look whether there is another one."""
        self.offer, self.state, self._decided = None, "offered", False
        self._show()
        self.look()

    # What is said

    def why_none(self) -> str:
        """Why no rule can be looked at, and none looked for, in one sentence; "" when one can."""
        if self.offer is not None:
            return ""
        if self._reader.busy:
            return "looking for a rule in what you rejected"
        return "" if self._stale or self._rejected is None else self.nothing()

    def nothing(self) -> str:
        """Why there is no rule, by what is known of the last look."""
        if self._rejected is None:
            return ""
        if self._rejected < LEAST:
            return f"{plural(LEAST - self._rejected, 'more rejection')} by hand, then ftui looks for a rule"
        more = plural(max(self._due - self._rejected, 1), "more rejection")
        return f"no rule is clear enough yet · ftui looks again after {more}"

    def rows(self, width: int) -> list[Row]:
        """The offer, or what can be done about the rows that it shows."""
        if self.offer is None:
            return []
        keys: list[tuple[str, str]]
        text = f"`{self.offer.rule.text}`"
        match self.state:
            case "offered":
                said, keys = self.offer.sentence, [("L", "look")]
            case "shown" if self._none:
                said = f"{text} fits no pending pair"
                keys = [("L", "puts the rule into the recipe"), ("esc", "shows all")]
            case "shown":
                said = f"{text} fits these"
                keys = [("ctrl+d", "rejects them all"), ("L", "puts the rule into the recipe"), ("esc", "declines it")]
            case "followed":
                said = f"what {text} fits is decided"
                keys = [("L", "puts the rule into the recipe"), ("esc", "shows all")]
            case _:
                rest = [] if self._decided else [("ctrl+d", "rejects these")]
                said, keys = f"{text} is in the recipe", [*rest, ("esc", "shows all")]
        lines = [
            [Span(" ! " if at == 0 else "   ", "accent"), Span(line)] for at, line in enumerate(wrap(said, width - 4))
        ]
        for key, does in keys:
            added = [Span("  "), Span(f"{key} ", "key"), Span(does, "dim")]
            if width_of(lines[-1]) + width_of(added) > width - 1:
                lines.append([Span("   ")])
                added = added[1:]
            lines[-1] += added
        return [tuple(line) for line in lines]


def _propose(store: Store) -> Looked:
    from ftui.prepare.proposals import propose

    return propose(store)
