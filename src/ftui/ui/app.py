"""The app: one screen with the header, the visible place, the chat pane and two bottom lines.

It stays thin. Places and the chat pane are imported and made on the first
visit, so that the first picture is there at once; all long work is the worker's.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.screen import Screen

from ftui import paths, settings
from ftui.errors import FtuiError, describe
from ftui.store import Store
from ftui.ui import clock
from ftui.ui.messages import Said, StoreChanged
from ftui.ui.place import Place
from ftui.ui.session import Session, last_project, write_down
from ftui.ui.themes import THEMES
from ftui.ui.widgets.footer import BottomLine, Footer
from ftui.ui.widgets.header import PLACES, Header

if TYPE_CHECKING:
    from ftui.ui.widgets.chat import ChatPane

SAID_SECONDS = 8.0
REMEMBER_SECONDS = 10.0
AWAY_SECONDS = 60.0
SLOW_STEP = 0.03
"""Seconds that finding the next step may take at every change of the store."""


class FtuiApp(App[None]):
    """ftui on a terminal.

    Args:
        project: the project to open, made when there is none of that name;
            None goes on where the person was.
        demo: lead through the loop on the sample site.
    """

    TITLE = "ftui"
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    BINDINGS: ClassVar[list[BindingType]] = [
        *[
            Binding(str(n), f"go({n})", title, show=False, id=f"app.{name}")
            for n, (name, title, _) in enumerate(PLACES, 1)
        ],
        Binding("c", "chat", "chat", id="app.chat"),
        Binding("question_mark", "help", "keys", key_display="?", id="app.help"),
        Binding("o", "projects", "project", show=False, id="app.projects"),
        Binding("escape", "leave", "back", show=False, id="app.back"),
        Binding("ctrl+q", "quit", "quit", show=False, priority=True, id="app.quit"),
    ]

    def __init__(self, project: str | None = None, demo: bool = False) -> None:
        super().__init__()
        self.demo = demo
        self.drafts: dict[str, dict[str, str]] = {}
        """What was typed into forms that were left, by their titles."""
        self._wanted = project
        self._session: Session | None = None
        self._places: dict[int, Place] = {}
        self._number = 0
        self._chat: ChatPane | None = None
        self._said_at = self._step_due = 0.0
        self._trouble: FtuiError | None = None
        for theme in THEMES:
            self.register_theme(theme)
        self._theme_wanted = self._chosen_theme()
        # Before the first picture: a theme that is set later paints everything a second time.
        self.set_reactive(App.theme, "calm")
        self.stylesheet.set_variables(self.get_css_variables())

    # What places call

    @property
    def store(self) -> Store:
        """The open project. There is always one when a place is shown."""
        if self._session is None:
            raise RuntimeError("no project is open")
        return self._session.store

    @property
    def place(self) -> Place | None:
        """The visible place."""
        return self._places.get(self._number)

    def say(self, text: str) -> None:
        """What the last key did, on the bottom line: `rejected · u undo`."""
        self._said_at = clock.now()
        self._bottom.say(text)
        self.look_again()

    def fail(self, error: FtuiError) -> None:
        """Show what, why and do of an error; nothing that was typed is lost."""
        self._said_at = clock.now()
        self._bottom.fail(error)

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Show what goes wrong in the block at the bottom instead of ending the app."""
        try:
            yield
        except FtuiError as error:
            self.fail(error)
        except Exception as error:
            write_down(error)
            self.fail(describe(error))

    def go(self, number: int) -> None:
        """Show a place by its number, 1 to 6."""
        self.call_next(self._go, number)

    def open_chat(self) -> None:
        """Open the chat pane, or go to it, and put the focus in its text field."""
        self.call_next(self._open_chat)

    def open_project(self, name: str) -> None:
        """Close the open project and open `name`, made when there is none."""
        self.call_next(self._open_project, name)

    def focus_place(self) -> None:
        """Give the focus to the visible place."""
        if self.place is not None:
            self.place.focus_first()

    # Life

    def compose(self) -> ComposeResult:
        yield Header()
        with Horizontal(id="body"):
            with Container(id="places"):
                # The first place comes with the first layout: mounting it later would cost a second one.
                yield from self._first_places()
        yield BottomLine()
        yield Footer()

    def _first_places(self) -> Iterator[Place]:
        try:
            name = self._wanted or last_project()
            if name:
                self._session = Session(name)
                self._number = self._first_number(self._session)
                yield self._make_place(self._number)
        except Exception as error:
            self._trouble = describe(error)

    def on_mount(self) -> None:
        if self._trouble is not None:
            self.fail(self._trouble)
        if self._theme_wanted != self.theme:
            self.theme = self._theme_wanted
        if self._session is not None:
            self._show_place(self._number, new=True)
            self.call_after_refresh(self._arrive)
        elif self._trouble is None:
            self._show_first()
        slow = bool(os.environ.get("SSH_CONNECTION"))
        self.set_interval(0.5 if slow else 0.1, self._look)
        self.set_interval(1.0, self._tick)
        self.set_interval(REMEMBER_SECONDS, self.remember)
        self.call_after_refresh(self._warm)

    def _chosen_theme(self) -> str:
        try:
            config = settings.config()
            self.set_keymap({str(key): str(value) for key, value in config.get("keymap", {}).items()})
            wanted = str(config.get("theme", "calm"))
        except FtuiError as error:
            self._trouble = error
            return "calm"
        return wanted if wanted in self.available_themes else "calm"

    def exit(self, *args: Any, **options: Any) -> None:
        """Remember where the person is, then end. What the worker does goes on."""
        self.remember()
        super().exit(*args, **options)

    def on_unmount(self) -> None:
        if self._session is not None:
            self._session.store.close()

    @work(thread=True, exit_on_error=False, group="warm")
    def _warm(self) -> None:
        """Import what the next keys will need, after the first picture."""
        for module in ("ftui.queue", "ftui.ui.screens.form", "openai"):
            importlib.import_module(module)

    # Projects

    async def _open_project(self, name: str) -> None:
        with self.trying():
            session = Session(name)
            self.remember()
            for place in self._places.values():
                await place.remove()
            if self._chat is not None:
                # An answer that still streams is saved into its own project on the way out.
                await self._chat.remove()
            if self._session is not None:
                self._session.store.close()
            self._places, self._chat, self._number = {}, None, 0
            self.screen_stack[0].remove_class("-chatting")
            self._session = session
            await self._go(self._first_number(session))
            self._arrive()

    def _first_number(self, session: Session) -> int:
        return session.place or (2 if session.store.sources.all() or self.demo else 1)

    def _arrive(self) -> None:
        """What follows the first picture of a project: news, a worker for open tasks, the demo."""
        if self._session is None:
            return
        with self.trying():
            self.title = f"ftui {self.store.name}"
            self._tell_what_happened(self._session.seen_at)
            if self.store.tasks.all(states=("queued", "running"), limit=1):
                # A worker that was killed left tasks open.
                from ftui import worker

                worker.ensure(self.store)
            if self.demo:
                self._start_demo(self.store)

    def _tell_what_happened(self, since: float) -> None:
        if not since or clock.now() - since < AWAY_SECONDS:
            return
        from ftui import guide

        sentences = guide.away(self.store, since)
        if sentences:
            self.say("while you were away: " + ", ".join(sentences))

    @work(exit_on_error=False, group="demo", exclusive=True)
    async def _start_demo(self, store: Store) -> None:
        """Queue what the demo begins with; one key confirms the downloads before that."""
        from ftui.demo import loop
        from ftui.engine import install
        from ftui.ui.screens.install import ask_to_install

        def start() -> None:
            with self.trying():
                loop.start(store)
                self.say("the sample site is being collected, the engine comes beside it")

        with self.trying():
            latest = store.tasks.latest("install")
            if install.installed(paths.engine_home()) or (latest is not None and latest.open):
                loop.start(store)
            else:
                await ask_to_install(
                    self, start, lambda: self.say("nothing was downloaded · ctrl+p then Demo starts it")
                )

    def _show_first(self) -> None:
        from ftui.ui.screens.first import FirstScreen

        self.push_screen(FirstScreen(), self._first_chosen)

    def _first_chosen(self, choice: str | None) -> None:
        if choice == "demo":
            self.demo = True
        self.open_project("lumora" if choice == "demo" else "first")
        if choice in ("key", "data"):
            self.go(1 if choice == "key" else 2)

    def remember(self) -> None:
        """Write down where the person is."""
        if self._session is None or not self._number:
            return
        with self.trying():
            places = {PLACES[number - 1][0]: place.memory() for number, place in self._places.items()}
            self._session.save(self._number, places)

    # The visible place

    def _make_place(self, number: int) -> Place:
        """A place that was not visited before: its module is imported now."""
        name = PLACES[number - 1][0]
        module = importlib.import_module(f"ftui.ui.places.{name}")
        place = getattr(module, f"{name.capitalize()}Place")()
        assert isinstance(place, Place)
        self._places[number] = place
        return place

    async def _go(self, number: int) -> None:
        if self._session is None:
            return
        with self.trying():
            new = number not in self._places
            if new:
                place = self._make_place(number)
                place.display = False
                await self.screen_stack[0].query_one("#places").mount(place)
            if number != self._number:
                self._bottom.say("")
            self._show_place(number, new=new)

    def _show_place(self, number: int, *, new: bool) -> None:
        with self.trying():
            self._number = number
            place = self._places[number]
            for other in self._places.values():
                other.display = other is place
            place.refresh_view()
            if new and self._session is not None:
                place.recall(self._session.memory(PLACES[number - 1][0]))
            place.focus_first()
        self.look_again()

    def _look(self) -> None:
        """Ask the store for news; costs two short questions when there are none."""
        if self._session is None or not self._standing:
            return
        with self.trying():
            if not self._session.changed():
                return
            if self.place is not None:
                self.place.post_message(StoreChanged())
            if self._chat is not None and self._chat.display:
                self._chat.post_message(StoreChanged())

    def look_again(self) -> None:
        """Bring header, bottom line and footer up to date."""
        if self._session is None:
            return
        with self.trying():
            self.screen_stack[0].query_one(Header).show(self.store, self._number)
            self._show_step()
            self.screen_stack[0].query_one(Footer).show()

    def _show_step(self) -> None:
        """The next step; it counts all pairs, so with a great many of them it waits for the next second."""
        began = time.monotonic()
        if self.place is None or began < self._step_due:
            return
        self._bottom.next_step(self.place.next_step())
        took = time.monotonic() - began
        self._step_due = began + 20 * took if took > SLOW_STEP else 0.0

    def _tick(self) -> None:
        """Once a second: times go on while something runs, and a sentence gets old."""
        if not self._standing:
            return
        if self._bottom.said and clock.now() - self._said_at > SAID_SECONDS:
            self._bottom.say("")
        if self._session is not None and self.place is not None:
            with self.trying():
                self._show_step()
                if self.store.tasks.all(states=("running",), limit=1):
                    self.place.refresh_view()
                    self.look_again()

    @property
    def _standing(self) -> bool:
        """Whether the screen is there; timers still fire while it is taken down at the end."""
        return bool(self.screen_stack) and bool(self.screen_stack[0].query(BottomLine))

    @property
    def _bottom(self) -> BottomLine:
        return self.screen_stack[0].query_one(BottomLine)

    def on_said(self, message: Said) -> None:
        self._said_at = clock.now()
        self._bottom.say(message.text, bad=message.error)

    # Chat

    async def _open_chat(self) -> None:
        if self._session is None:
            return
        with self.trying():
            if self._chat is None:
                from ftui.ui.widgets.chat import ChatPane

                self._chat = ChatPane(id="chat")
                await self.screen_stack[0].query_one("#body").mount(self._chat)
            self._chat.display = True
            self.screen_stack[0].add_class("-chatting")
            self._chat.focus_first()

    def close_chat(self) -> None:
        """Hide the chat pane; the conversation stays."""
        if self._chat is not None:
            self._chat.display = False
        self.screen_stack[0].remove_class("-chatting")
        self.focus_place()

    # Keys

    def action_go(self, number: int) -> None:
        self.go(number)

    def action_chat(self) -> None:
        if self._chat is not None and self._chat.display:
            self.close_chat()
        else:
            self.open_chat()

    def action_leave(self) -> None:
        """Leave a text field; take an error or a sentence away; close the chat pane."""
        focused = self.focused
        # A widget that takes letters for itself is a text field.
        if focused is not None and focused.check_consume_key("a", "a") and self.place in focused.ancestors:
            self.focus_place()
        elif self._bottom.error is not None or self._bottom.said:
            self._bottom.say("")
        elif self._chat is not None and self._chat.display:
            self.close_chat()

    def action_help(self) -> None:
        from ftui.ui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen), self._press)

    def _press(self, key: str | None) -> None:
        if key is not None:
            self.simulate_key(key)

    def action_projects(self) -> None:
        from ftui.ui.screens.projects import ProjectsScreen

        self.push_screen(ProjectsScreen(), self._project_chosen)

    def _project_chosen(self, name: str | None) -> None:
        if name is not None:
            self.open_project(name)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for number, (_, title, _) in enumerate(PLACES, 1):
            yield SystemCommand(title, f"Go to place {number}", lambda number=number: self.go(number))
        yield SystemCommand("Chat", "Open the chat pane", self.open_chat)
        yield SystemCommand("Projects", "Open or make a project", self.action_projects)
        yield SystemCommand("Keys", "All keys that work here", self.action_help)
        if self.demo and self._session is not None:
            yield SystemCommand("Demo", "Start the demo", lambda: self._start_demo(self.store))
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
        yield SystemCommand("Quit", "Close ftui; running work goes on", self.action_quit)
