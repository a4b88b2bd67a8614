"""What `r` does to a source: go on, retry what failed, collect again, or ask what became of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ftui.store import Store
from ftui.store.records import Source
from ftui.store.tasks import Task
from ftui.ui.places.progress import Reasons

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

WORDS = {
    "collect": "r collects it",
    "go on": "r goes on",
    "what became of it": "r asks what became of it",
    "retry failed": "r retries what failed",
    "collect again": "r tries again",
}
"""Each meaning of `r` as the footer names it, and as a sentence says it."""
COLLECTED, GOES_ON, RETRIED = "{} is being collected", "{} goes on", "what failed in {} is being collected again"
"""What is said of a source whose collection has begun."""


def over(app: FtuiApp, name: str) -> None:
    """The collection of a source has ended: what was said of its beginning is not so any more."""
    for said in (COLLECTED, GOES_ON, RETRIED):
        app.unsay(said.format(name))


def meaning(store: Store, source: Source, task: Task | None, reasons: Reasons) -> str:
    """What `r` does now, in the words of the footer.

    Args:
        task: the last collection of the source, which is not open.
        reasons: what failed in it.
    """
    if task is None:
        return "collect"
    if task.checkpoint.get("unclear"):
        return "what became of it"
    if not task.open and store.tasks.goes_on(task):
        return "go on"
    # A row that cannot be read stays as it is: files are read again as a whole. A retry
    # that broke off before it tried anything still has all of it to try.
    failed = reasons.failed if task.state == "done" else "failed_of" in task.args
    if failed and source.kind != "files":
        return "retry failed"
    return "collect again"


def act(app: FtuiApp, source: Source, task: Task | None, what: str) -> None:
    """Do what `meaning` says; what costs money is asked for before."""
    from ftui import queue

    store = app.store
    if what == "what became of it" and task is not None:
        _ask_what_became(app, source, task)
    elif what == "go on":
        # It was paid for, or reserved, when it began.
        _say_after(app, lambda: queue.collect_again(store, source.id), GOES_ON.format(source.name))
    elif what == "retry failed" and task is not None:
        retry(app, source, task)
    else:
        collect_again(app, source)


def retry(app: FtuiApp, source: Source, task: Task) -> None:
    """Collect only what failed in the last collection."""
    from ftui import queue
    from ftui.ui.places import new_source

    def go_on() -> None:
        said = RETRIED.format(source.name)
        _say_after(app, lambda: queue.retry_failed(app.store, source.id), said)

    with app.trying():
        _, failed = queue.failed_in(app.store, task)
        new_source.confirm_cost(app, source.kind, source.config, go_on, failed)


def collect_again(app: FtuiApp, source: Source) -> None:
    """Collect all of it again."""
    from ftui import queue
    from ftui.ui.places import new_source

    def go_on() -> None:
        _say_after(app, lambda: queue.collect_again(app.store, source.id), COLLECTED.format(source.name))

    new_source.confirm_cost(app, source.kind, source.config, go_on)


def _say_after(app: FtuiApp, do: Callable[[], object], said: str) -> None:
    with app.trying():
        do()
        app.say(said)


def _ask_what_became(app: FtuiApp, source: Source, task: Task) -> None:
    """A job was sent off, the answer was lost, and nothing here can tell what came of it: a person has to."""
    from ftui import queue
    from ftui.ui.screens.choose import Choice, ChooseScreen
    from ftui.ui.screens.form import Field, FormScreen, Values
    from ftui.ui.text import row, wrapped

    async def save(values: Values) -> None:
        # Nothing typed must not mean that nothing was started.
        queue.answer_trigger(app.store, source.id, values["job"])

    def chosen(way: str | None) -> None:
        if way == "started":
            form = FormScreen(
                "It was started", [Field("job", "Its id", hint="s_… or j_…")], save, save_label="take it up"
            )
            app.push_screen(form, lambda values: app.say(f"{source.name} goes on") if values else None)
        elif way == "not started":
            said = COLLECTED.format(source.name)
            _say_after(app, lambda: queue.answer_trigger(app.store, source.id, None), said)

    why = task.error.why if task.error else ""
    lead = [
        row(("It is not known whether this job was started.", "bold")),
        *map(row, wrapped(why, 66)),
        row(("brightdata.com/cp shows what runs there:", "dim")),
    ]
    choices = (
        Choice("i", "it was started", "you give its id, nothing is paid twice", "started"),
        Choice("s", "it was not started", "start it", "not started"),
    )
    app.push_screen(ChooseScreen(source.name, choices, lead), chosen)
