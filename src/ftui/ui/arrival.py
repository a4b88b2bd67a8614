"""How a person arrives: the theme, the first start, news of a project, the demo, a worker for what is open."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ftui import paths, settings
from ftui.errors import FtuiError
from ftui.store import Store
from ftui.ui import clock

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

PLAIN = "calm"
"""The theme where none was chosen."""
PAIRS = 3
"""The number of the place in which pairs are reviewed."""
MENDED = {
    "decision": "a step over many pairs had been cut off: it is taken back",
    "undo": "the undo of a step over many pairs had been cut off: it is finished",
    "redo": "the redo of a step over many pairs had been cut off: it is finished",
}
"""What is said after a crash, by what it was in."""
CALM_SECONDS = 0.5
"""Without a key, after which what is only needed later has its turn."""
AWAY_SECONDS = 60.0
"""Who comes back sooner is not told what happened."""


def dress(app: FtuiApp) -> tuple[str, FtuiError | None]:
    """Take over the keymap of `config.toml`; gives the theme to begin with, and what is wrong with the file.

    The theme is the one that was chosen last, in the app or in the file.
    """
    try:
        config = settings.config()
        app.set_keymap({str(key): str(value) for key, value in config.get("keymap", {}).items()})
    except FtuiError as error:
        return PLAIN, error
    named, chosen = str(config.get("theme", PLAIN)), settings.state().get("theme")
    if isinstance(chosen, dict) and chosen.get("instead_of") == named and chosen.get("name") in app.available_themes:
        return str(chosen["name"]), None
    return (named if named in app.available_themes else PLAIN), None


def keep_theme(theme: str) -> None:
    """Begin with a theme the next time, until `config.toml` names another one than now."""
    settings.save_state(theme={"name": theme, "instead_of": str(settings.config().get("theme", PLAIN))})


def warm(app: FtuiApp) -> None:
    """Import in a thread what the next keys will need; called when the first picture is there and no key comes."""
    modules = ["ftui.queue", "ftui.ui.screens.form"]
    # A third of all memory, and of no use to who reviews pairs for hours.
    modules.append("openai" if app.place is None or app.place.number != PAIRS else "ftui.ui.widgets.words_field")

    def load() -> None:
        for module in modules:
            importlib.import_module(module)

    app.run_worker(load, thread=True, group="warm", exit_on_error=False)


def first_start(app: FtuiApp) -> None:
    """There is no project yet: offer three ways to begin, and go the chosen one."""
    from ftui.ui.screens.first import FirstScreen

    def chosen(way: str | None) -> None:
        if way == "demo":
            app.demo = True
        app.open_project("lumora" if way == "demo" else "first")
        if way in ("key", "data"):
            app.go(1 if way == "key" else 2)

    app.push_screen(FirstScreen(), chosen)


def arrive(app: FtuiApp, store: Store, seen_at: float) -> None:
    """What follows the first picture of a project.

    Args:
        seen_at: when it was last on the screen, 0.0 for never.
    """
    app.title = f"ftui {store.name}"
    if seen_at and clock.now() - seen_at >= AWAY_SECONDS:
        from ftui import guide

        sentences = guide.away(store, seen_at)
        if sentences:
            app.say("while you were away: " + ", ".join(sentences))
    if app.refused is not None:
        return
    mend(app, store)
    keep_working(store)
    if app.demo:
        start_demo(app, store)


def mend(app: FtuiApp, store: Store) -> None:
    """Bring to its end what another ftui was killed in: a step over many pairs. Pairs does it itself, and shows it."""
    if (app.place is not None and app.place.number == PAIRS) or not (kind := store.pairs.cut_off):
        return

    def work() -> None:
        with Store(store.name, recover=False) as own:
            for _ in own.pairs.recovering():
                pass
        app.call_later(app.say, MENDED[kind])

    app.run_worker(work, thread=True, group="mend", exit_on_error=False)


def keep_working(store: Store) -> None:
    """Start a worker where tasks are open and none is there: one that was killed left them.

    Raises:
        BusyError: a worker on another machine holds the project.
    """
    if store.tasks.all(states=("queued", "running"), limit=1) and store.leases.live() is None:
        from ftui import worker

        worker.ensure(store)


def start_demo(app: FtuiApp, store: Store) -> None:
    """Queue what the demo begins with; one key confirms the downloads before that."""
    app.run_worker(_start_demo(app, store), group="demo", exclusive=True, exit_on_error=False)


async def _start_demo(app: FtuiApp, store: Store) -> None:
    from ftui.demo import loop
    from ftui.engine import install
    from ftui.ui.screens.install import ask_to_install

    def start() -> None:
        with app.trying():
            loop.start(store)
            app.say("the sample site is being collected, the engine comes beside it")

    with app.trying():
        latest = store.tasks.latest("install")
        if install.installed(paths.engine_home()) or (latest is not None and latest.open):
            loop.start(store)
        else:
            await ask_to_install(app, start, lambda: app.say("nothing was downloaded · ctrl+p then Demo starts it"))
