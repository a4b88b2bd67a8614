"""What can be asked for in every place: what `ctrl+p` offers, and the keys behind it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

from ftui.ui import arrival
from ftui.ui.widgets.header import PLACES

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp


def commands(app: FtuiApp, screen: Screen[object]) -> Iterator[SystemCommand]:
    """The places, what is asked for from anywhere, and what the keys of a place do on its screen."""
    from ftui.ui.screens.help import keys_of

    for number, (_, title, _) in enumerate(PLACES, 1):
        yield SystemCommand(title, f"Go to place {number}", lambda number=number: app.go(number))
    yield SystemCommand("Chat", "Open the chat pane", app.open_chat)
    yield SystemCommand("Make pairs", "By the recipe, from all records", lambda: prepare(app))
    yield SystemCommand("Projects", "Open or make a project", lambda: show_projects(app))
    yield SystemCommand("Keys", "All keys that work here", lambda: show_keys(app))
    if app.demo and app.place is not None:
        yield SystemCommand("Demo", "Start the demo", lambda: arrival.start_demo(app, app.store))
    yield SystemCommand("Theme", "Change the colours", app.action_change_theme)
    yield SystemCommand("Quit", "Close ftui; running work goes on", app.action_quit)
    for key in keys_of(screen):
        if app.place is not None and key.where == app.place.title:
            press = partial(app.call_next, app.simulate_key, key.press)
            yield SystemCommand(key.does.capitalize(), f"{key.name} in {key.where}", press)


def leave(app: FtuiApp) -> None:
    """End ftui; where something was typed that is not saved, ask first."""
    if not app.unsaved:
        app.exit()
        return
    from ftui.ui.screens.ask import AskScreen

    def answered(yes: bool | None) -> None:
        if yes:
            app.exit()

    if not isinstance(app.screen, AskScreen):
        app.push_screen(AskScreen("Quit without saving?", "What you typed here is lost.", "quit", "stay"), answered)


def prepare(app: FtuiApp) -> None:
    """Make pairs by the recipe, or say why not; there need be no project yet."""
    if app.place is None:
        return
    with app.trying():
        if app.refused is not None:
            raise app.refused
        from ftui.ui.screens.writing import make_pairs

        task = app.store.tasks.latest("prepare")
        if not app.store.records.count():
            app.say("there are no records to make pairs from · 2 collects some")
        elif task is not None and task.open:
            app.say("pairs are being made already · 3 shows them")
        else:
            make_pairs(app, app.place, "pairs are being made · 3 shows them")


def show_keys(app: FtuiApp) -> None:
    """List the keys that work here; the chosen one is pressed, a word is typed where it belongs."""
    from ftui.ui.screens.help import HelpScreen, Key

    async def press(key: Key | None) -> None:
        if key is not None and key.press:
            app.simulate_key(key.press)
        elif key is not None and app.place is not None:
            await app.place.type_word(key.name)

    app.push_screen(HelpScreen(app.screen), press)


def show_projects(app: FtuiApp) -> None:
    """Open or make a project."""
    from ftui.ui.screens.projects import ProjectsScreen

    def chosen(name: str | None) -> None:
        if name is not None:
            app.open_project(name)

    app.push_screen(ProjectsScreen(), chosen)
