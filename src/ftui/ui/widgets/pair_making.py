"""The keys of a place in which pairs are made: make, pause, stop, try again, the recipe."""

from __future__ import annotations

from ftui.ui import reading_only
from ftui.ui.place import Place
from ftui.ui.widgets.pair_work import PairWork, going_on
from ftui.ui.widgets.recipe_watch import RecipeWatch

_MAKING = "making pairs by the recipe"
PUT_AWAY = "the report is put away · i shows it again"


class MakingPlace(Place):
    """A place with a `PairWork` in it. Who inherits binds the keys, and asks `making_refusal`."""

    def __init__(self) -> None:
        super().__init__()
        self.work = PairWork()
        """What is said about making pairs."""
        self._said = ""
        """What the last key has said of a preparation that goes on."""
        self._recipe = RecipeWatch(self, self._recipe_changed)

    def _recipe_changed(self) -> None:
        self.work.recipe = self._recipe.problem
        self.work.look(self.app.store)

    def look_at_work(self) -> None:
        """Show how far making pairs is; a key's words about it go with it."""
        self.work.look(self.app.store)
        if not self.work.working:
            for said in filter(None, (self._said, _MAKING)):
                self.app.unsay(said)
            self._said = ""

    def _say(self, text: str) -> None:
        self._said = text
        self.app.say(text)

    def making_refusal(self, action: str) -> str:
        """Why prepare, pause, stop or retry cannot work now; "" when they can, and for other actions."""
        work = self.work
        if action == "prepare":
            if work.working:
                return "pairs are being made already"
            if (problem := self._recipe.problem) is not None:
                return f"{problem.what} · R opens it"
            records = self.app.store.records.count()
            return "" if records else "there are no records to make pairs from · 2 collects some"
        if action == "stop" and not work.working:
            return "nothing is running here that could be stopped"
        if action == "pause" and not work.working:
            return "nothing is running here that could be paused"
        if action == "report" and (work.latest is None or work.working):
            return "pairs are being made" if work.working else "no pairs have been made yet"
        if action == "retry" and (work.latest is None or work.latest.state != "failed"):
            return "nothing has failed here"
        return ""

    def action_prepare(self) -> None:
        if not self.can("prepare"):
            return
        from ftui.ui.screens.writing import make_pairs

        make_pairs(self.app, self, _MAKING)

    def action_retry(self) -> None:
        task = self.work.latest
        if not self.can("retry") or task is None:
            return
        from ftui import queue

        with self.app.trying():
            queue.resume(self.app.store, task.id)
            self.refresh_view()

    def action_report(self) -> None:
        """Show again what the latest preparation gave, or put it away."""
        if not self.can("report"):
            return
        if self.work.dismiss():
            self.app.say(PUT_AWAY)
        else:
            self.app.unsay(PUT_AWAY)
            self.work.report()

    def action_stop(self) -> None:
        task = self.work.latest
        if not self.can("stop") or task is None:
            return
        from ftui import queue

        with self.app.trying():
            queue.stop(self.app.store, task.id)
            self._say(f"stopping · what is there stays, p {going_on(task, 'goes on', 'begins again')}")

    def action_pause(self) -> None:
        task = self.work.latest
        if not self.can("pause") or task is None:
            return
        from ftui import queue

        with self.app.trying():
            if task.pausing:
                queue.resume(self.app.store, task.id)
                self._say(f"making pairs {going_on(task, 'goes on', 'begins again')}")
            else:
                queue.pause(self.app.store, task.id)
                self._say(f"making pairs pauses · z {going_on(task, 'goes on', 'begins again')}")
            self.refresh_view()

    def action_recipe(self) -> None:
        from ftui.ui.screens.recipe import RecipeScreen

        with self.app.trying():
            self.app.push_screen(RecipeScreen(self.app.store, reading_only.why(self.app)), self._recipe_left)

    def _recipe_left(self, run: bool | None) -> None:
        if run:
            self._recipe.saved()
            self.action_prepare()
