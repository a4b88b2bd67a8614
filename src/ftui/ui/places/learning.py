"""The rule that is learnt from rejections, over a list that can be filtered: looked at, followed, kept or declined."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ftui.store.journal import Way
from ftui.store.pairs import Decision, Step
from ftui.ui.places.filtering import FilteringPlace
from ftui.ui.text import plain
from ftui.ui.widgets.pair_next import NextPending
from ftui.ui.widgets.pair_rules import RuleWork

_LONGEST = 30
"""Cells of a rule in the title."""


class LearningPlace(FilteringPlace):
    """A place that offers rules. Who inherits binds the key, and asks `learning_refusal`."""

    def __init__(self) -> None:
        super().__init__()
        self._rules = RuleWork(self, self._show_rule)
        self._fitting = NextPending(self, self._view, "fitting")
        self._following = ""
        """The rule that the pairs are counted for, to be rejected."""

    def on_mount(self) -> None:
        self.work.offer = self._rules.rows
        if self.app.refused is None:
            self._rules.begin()

    @property
    def _looking(self) -> bool:
        """Whether the list shows what the rule would reject."""
        offer, view = self._rules.offer, self._view
        shown = offer is not None and self._rules.state != "offered"
        return shown and offer is not None and (view.where, view.words) == ("pending", offer.rule.text)

    def _show_rule(self) -> None:
        self.work.look(self.app.store)
        self.app.look_again()

    def learning_refusal(self, action: str) -> str:
        """Why no rule can be looked at now; "" when one can, and for other actions."""
        return self._rules.why_none() if action == "learn" else ""

    def wording(self, action: str) -> str:
        """What `L` and `ctrl+d` do about the rule."""
        if action == "learn" and self._rules.offer is not None:
            return "rule into the recipe" if self._looking else "look at the rule"
        return "reject what the rule fits" if action == "reject_all" and self._looking else ""

    def _filter_words(self) -> str:
        offer = self._rules.offer
        if self._looking and offer is not None:
            return f"would be rejected by `{plain(offer.rule.text, _LONGEST)}`"
        return super()._filter_words()

    def _reloaded(self, identifier: int | None, *, stay: bool = False) -> None:
        super()._reloaded(identifier, stay=stay)
        if not self._looking:
            self._rules.aside()

    # Keys

    def action_learn(self) -> None:
        """Show what the rule would reject; where that is shown, put the rule into the recipe; look for one else."""
        if not self.can("learn"):
            return
        offer = self._rules.offer
        if offer is None:
            self.app.say("looking for a rule in what you decided")
            self._rules.ask(self._tell_looked)
            return
        if not self._looking:
            self._rules.state = "shown"
            self._view.where, self._view.words = "pending", offer.rule.text
            self._reload(first=True)
            self._show_rule()
            return
        with self.app.trying():
            self._rules.put_into_recipe(self.app.store)
            self.app.say(f"`{offer.rule.text}` is in the recipe · u undo · p follows it · R shows it")

    def _tell_looked(self) -> None:
        self.app.say(
            "a rule was found · L shows what it would reject"
            if self._rules.offer is not None
            else self._rules.nothing()
        )

    def _ask_all(self, decision: Decision) -> None:
        # The list may be left before they are counted.
        offer = self._rules.offer
        self._following = offer.rule.text if self._looking and offer and decision is Decision.REJECTED else ""
        super()._ask_all(decision)

    def _ask_counted(self, ids: range | array[int], decision: Decision, only: Decision | None) -> None:
        # How many they are stands in the title, and which ones in the list: nothing is left to ask.
        if ids and self._following:
            self._decide_all(ids, decision, only, "pending pairs", self._following)
        else:
            super()._ask_counted(ids, decision, only)

    def _decide(self, ids: Sequence[int], decision: Decision, what: str) -> int:
        changed = super()._decide(ids, decision, what)
        if decision is Decision.REJECTED:
            self._rules.rejected(changed)
        return changed

    def _show_changed(self, ids: Sequence[int] | None) -> None:
        super()._show_changed(ids)
        self._rules.wait()
        if self._looking:
            self._fitting.find(self.rows.cursor, self._count_left)

    def _count_left(self, index: int | None) -> None:
        """What the rule fits is decided, or is pending again."""
        if self._looking and self._rules.state == "shown" and index is None:
            self._rules.follow(self.app.store)
        elif self._looking and index is not None:
            self._rules.undone()

    def _replayed(self, step: Step, way: Way) -> None:
        if step.rule:
            self._rules.replayed(step, way, shown=self._looking)

    def _replay_other(self, way: Way, step: Step) -> str:
        """What was said to a rule is taken back or said again, in the recipe as well."""
        from ftui.prepare import proposals, saving

        if step.said == "recipe saved":
            saving.replay(self.app.store, step, way)
            return f"{step.label} · R shows it"
        proposals.replay(self.app.store, step, way)
        self._replayed(step, way)
        if self._looking:
            self._fitting.find(self.rows.cursor, self._count_left)
        if step.said == "in recipe":
            return f"`{step.rule}` is {'' if way == 'redo' else 'not '}in the recipe"
        return f"`{step.rule}` {'is not' if way == 'redo' else 'can be'} proposed again"

    def _show_all(self, identifier: int | None = None) -> None:
        """Who leaves what a rule would reject, and it is still pending, does not want the rule."""
        offer = self._rules.offer
        if self._looking and offer is not None:
            # While many are decided on, it may be for this rule: then it is not declined, however that ends.
            at_work = self._bulk.busy or self._counter.busy
            unwanted = self._rules.state == "shown" and self._view.ids and not at_work
            if unwanted and self._rules.decline(self.app.store):
                self.app.say(f"`{offer.rule.text}` is not proposed again · u undo · / filters by it")
            self._rules.leave()
        super()._show_all(identifier)
