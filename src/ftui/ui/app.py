"""The app: one screen with the header, the visible place, the chat pane and two bottom lines.

It stays thin. Places and the chat pane are imported and made on the first
visit, so that the first picture is there at once; all long work is the worker's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.actions import ActionParseResult
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.theme import Theme
from textual.timer import Timer

from ftui.errors import FtuiError, describe
from ftui.store import Store
from ftui.ui import arrival, palette, places, reading_only
from ftui.ui.apart import pressed
from ftui.ui.keys import Keys, answered, arrived, handled, typed
from ftui.ui.messages import StoreChanged
from ftui.ui.place import Place
from ftui.ui.session import Session, last_project, last_words, write_down
from ftui.ui.themes import THEMES
from ftui.ui.widgets.covered import CoveredColumn, CoveredRow, CoveredScreen
from ftui.ui.widgets.footer import BottomLine, Footer
from ftui.ui.widgets.header import PLACES, Header
from ftui.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from ftui.ui.widgets.chat import ChatPane

REMEMBER_SECONDS = 10.0
WORKER_SECONDS = 5.0


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
        Binding("p", "prepare", "make pairs", show=False, id="app.prepare"),
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
        self._header, self._bottom, self._footer = Header(), BottomLine(), Footer()
        self._warming: Timer | None = None
        self._below_due = False
        """Whether the next step and the keys may be others than the two lines at the bottom say."""
        self.keys = Keys()
        """What the keys do where the focus is."""
        for theme in THEMES:
            self.register_theme(theme)
        self._theme_kept, self._trouble = arrival.dress(self)
        # Before the first picture: a theme that is set later paints everything a second time.
        self.set_reactive(App.theme, arrival.PLAIN)
        self.stylesheet.set_variables(self.get_css_variables())

    # What places call

    @property
    def store(self) -> Store:
        """The open project. There is always one when a place is shown."""
        if self._session is None:
            raise RuntimeError("no project is open")
        return self._session.store

    @property
    def refused(self) -> FtuiError | None:
        """Why this ftui only reads the project; None where it writes as well."""
        return self._session.refused if self._session is not None else None

    def refuses(self, node: object, action: str) -> bool:
        """Whether an action of a widget would write where this ftui only reads."""
        return self.refused is not None and reading_only.writes(node, action)

    @property
    def unsaved(self) -> bool:
        """Whether something was typed that is lost with the app."""
        return any(getattr(node, "changed", False) for node in (*self.screen_stack, self._chat))

    @property
    def place(self) -> Place | None:
        """The visible place."""
        return self._places.get(self._number)

    def say(self, text: str) -> None:
        """What the last key did, on the bottom line: `rejected · u undo`."""
        self._bottom.say(text)
        # Asking which keys work now, and what comes next, takes as long as a decision does.
        self._below_due = True

    def fail(self, error: FtuiError) -> None:
        """Show what, why and do of an error; nothing that was typed is lost."""
        self._bottom.fail(error)

    def unsay(self, text: str) -> None:
        """Take a sentence away that is not so any more, where it is still shown."""
        if self._bottom.said == text:
            self._bottom.say("")

    def forgive(self, error: FtuiError) -> None:
        """Take an error away that is none any more, where it is still shown."""
        if self._bottom.error is error:
            self._bottom.say("")

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

    @contextmanager
    def no_news(self) -> Iterator[None]:
        """What the block writes is shown by who writes it, and no `StoreChanged` tells of it."""
        assert self._session is not None
        with self._session.no_news():
            yield

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

    def get_default_screen(self) -> Screen[Any]:
        # With its class from the beginning: one that comes with the first layout has all styles worked out twice.
        return CoveredScreen(id="_default", classes="-wide" if self.size.width >= 100 else "-narrow")

    def compose(self) -> ComposeResult:
        # In boxes of their own: Textual asks all in a box for their lines when one of them has changed.
        with CoveredColumn(id="top"):
            yield self._header
        with CoveredRow(id="body"):
            with CoveredColumn(id="places"):
                # The first place comes with the first layout: mounting it later would cost a second one.
                yield from self._first_places()
        yield self._bottom
        with CoveredColumn(id="bottom"):
            yield self._footer

    def _first_places(self) -> Iterator[Place]:
        try:
            name = self._wanted or last_project()
            if name:
                self._session = Session(name)
                self._session.sit()
                self._number = self._session.first_place(self.demo)
                yield self._new_place(self._number)
        except Exception as error:
            self._trouble = describe(error)

    def on_load(self) -> None:
        self.theme = self._theme_kept

    def on_mount(self) -> None:
        if self._trouble is not None:
            self.fail(self._trouble)
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        if self._session is not None:
            self._show_place(self._number, new=True)
            self.call_after_refresh(self._arrive)
        elif self._trouble is None:
            arrival.first_start(self)
        slow = bool(os.environ.get("SSH_CONNECTION"))
        self.set_interval(0.5 if slow else 0.2, self._look)
        self.set_interval(1.0, self._tick)
        self.set_interval(REMEMBER_SECONDS, self.remember)
        self.set_interval(WORKER_SECONDS, self._see_to_worker)
        self._warming = self.set_timer(arrival.CALM_SECONDS, lambda: arrival.warm(self))

    def _fatal_error(self) -> None:
        # The last resort. Textual would print a traceback with all local values, keys among them.
        error = sys.exception() or RuntimeError("the app ended without saying why")
        write_down(error)
        self.panic(last_words(error))

    def exit(self, *args: Any, **options: Any) -> None:
        """Remember where the person is, then end. What the worker does goes on."""
        self.remember()
        super().exit(*args, **options)

    def on_unmount(self) -> None:
        if self._session is not None:
            self._session.close()

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
                self._session.close()
            session.sit()
            self._places, self._chat, self._number = {}, None, 0
            self.screen_stack[0].remove_class("-chatting")
            self._session = session
            await self._go(session.first_place(self.demo))
            self._arrive()

    def _arrive(self) -> None:
        if self._session is not None:
            with self.trying():
                arrival.arrive(self, self.store, self._session.seen_at)

    def _keep_theme(self, theme: Theme) -> None:
        if theme.name != self._theme_kept:
            self._theme_kept = theme.name
            with self.trying():
                arrival.keep_theme(theme.name)

    def remember(self) -> None:
        """Write down where the person is."""
        if self._session is None or not self._number:
            return
        with self.trying():
            memories = {PLACES[number - 1][0]: place.memory() for number, place in self._places.items()}
            if self._chat is not None:
                memories["chat"] = self._chat.memory()
            self._session.save(self._number, memories)

    # The visible place

    def _new_place(self, number: int) -> Place:
        self._places[number] = places.make(number)
        return self._places[number]

    async def _go(self, number: int) -> None:
        if self._session is None:
            return
        with self.trying():
            new = number not in self._places
            if new:
                place = self._new_place(number)
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
            if self._below_due:
                self._look_below()
            if not self._session.changed():
                return
            if self.place is not None:
                self.place.post_message(StoreChanged())
            if self._chat is not None and self._chat.display:
                self._chat.post_message(StoreChanged())

    def look_again(self) -> None:
        """Bring header, bottom line and footer up to date."""
        if self._session is None or not self._standing:
            return
        with self.trying():
            self._header.show(self.store, self._number)
            self._look_below()

    def _look_below(self) -> None:
        self._below_due = False
        if self.place is not None:
            self._bottom.look(self._next_step)
        self._footer.show()

    def _tick(self) -> None:
        """Once a second: times go on while something runs, and a sentence gets old."""
        if not self._standing:
            return
        self._bottom.forget_old()
        if self._session is not None and self.place is not None:
            with self.trying():
                if self._session.sit():
                    reading_only.took_over(self, self.store)
                self._bottom.look(self._next_step)
                if self.store.tasks.all(states=("running",), limit=1):
                    self.place.refresh_view()
                    self.look_again()

    def _see_to_worker(self) -> None:
        """A worker that was killed is started again, and goes on with what it had begun."""
        if self._session is not None and self.refused is None:
            with self.trying():
                arrival.keep_working(self.store)

    def _next_step(self) -> str:
        return reading_only.why(self) or (self.place.next_step() if self.place is not None else "")

    @property
    def _standing(self) -> bool:
        """Whether the screen is there; timers still fire while it is taken down at the end."""
        return bool(self.screen_stack) and self._bottom.is_attached

    # Chat

    async def _open_chat(self) -> None:
        if self._session is None:
            return
        with self.trying():
            if self._chat is None:
                from ftui.ui.widgets.chat import ChatPane

                self._chat = ChatPane(id="chat")
                await self.screen_stack[0].query_one("#body").mount(self._chat)
                self._chat.recall(self._session.memory("chat"))
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

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            if event.is_forwarded:
                # What is bound to it was looked up when it was pressed: by now the focus may be elsewhere.
                return
            if self._warming is not None:
                self._warming.reset()
            screens = len(self.screen_stack)
            for key in await self._pressed(event):
                # What comes in one read with `esc` is no answer to the question that this has asked.
                if len(self.screen_stack) <= screens:
                    await self._hand_out(key)
            return
        await super().on_event(event)

    async def _pressed(self, event: events.Key) -> list[events.Key]:
        top = self.screen_stack[-1:]
        for screen in top:
            await arrived(screen)
        return pressed(event, apart="escape" in self.keys.active(self.screen)) if top else [event]

    async def _hand_out(self, event: events.Key) -> None:
        focused, screen = self.focused, self.screen
        if not await self._do(event):
            await super().on_event(event)
        if focused is not None and event.key in getattr(focused, "LAST_KEYS", ()):
            await handled(focused)
        elif getattr(screen, "ANSWERS", False):
            await answered(screen)

    async def _do(self, event: events.Key) -> bool:
        """Do at once what a key means where the focus is; False where it is for a widget to know.

        Handed on from the focus to all that it is in, the key would take longer than what it does, and
        come behind keys that were pressed after it.
        """
        focused = self.focused
        if any(node.check_consume_key(event.key, event.character) for node in (self.screen, focused) if node):
            return False
        found = self.keys.active(self.screen).get(event.key)
        if found is None or not found.enabled:
            return False
        if isinstance(focused, RowList) and len(self.screen_stack) == 1:
            if self.place is not None and not await self.place.settled(found.binding.action):
                return True
            with cast(CoveredScreen, self.screen).at_once():
                return await self.run_action(found.binding.action, found.node)
        if focused is not None:
            await typed(focused)
        return await self.run_action(found.binding.action, found.node)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key asks for, or say why a second ftui does not."""
        name = action if isinstance(action, str) else ".".join(action[:2])
        node = self if name.startswith("app.") else default_namespace
        if self.refuses(node, name):
            self.say(reading_only.why(self))
            return True
        return await super().run_action(action, default_namespace, namespaces)

    async def action_go(self, number: int) -> None:
        # At once: the keys behind it are for the place that it shows.
        await self._go(number)

    async def action_chat(self) -> None:
        if self._chat is not None and self._chat.display:
            self.close_chat()
        else:
            await self._open_chat()

    def action_leave(self) -> None:
        """Leave a text field; take an error or a sentence away; close the chat pane."""
        focused = self.focused
        # A widget that takes letters for itself is a text field.
        if focused is not None and focused.check_consume_key("a", "a") and self.place in focused.ancestors:
            self.focus_place()
        elif self._chat is not None and self._chat.has_focus_within:
            # Whatever the bottom line says: who presses it there wants to leave.
            self.close_chat()
        elif self._bottom.error is not None or self._bottom.said:
            self._bottom.say("")
        elif self._chat is not None and self._chat.display:
            self.close_chat()

    def action_prepare(self) -> None:
        palette.prepare(self)

    def action_help(self) -> None:
        palette.show_keys(self)

    def action_projects(self) -> None:
        palette.show_projects(self)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        return palette.commands(self, screen)

    async def action_quit(self) -> None:
        if self.focused is not None:
            # What was typed before this key may be still on its way.
            await typed(self.focused)
        palette.leave(self)
