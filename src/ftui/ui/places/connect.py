"""Connect: what trains, what chats and where records come from, each with its key."""

from __future__ import annotations

import asyncio
import importlib
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll

from ftui import credentials, paths
from ftui.connect import checks, providers
from ftui.connect.checks import Check
from ftui.errors import describe
from ftui.ui.place import Place
from ftui.ui.places.services import Service, details, services
from ftui.ui.screens.ask import AskScreen
from ftui.ui.text import Row, fit, row
from ftui.ui.widgets.rows import Lines, RowList, entitle


class About(VerticalScroll):
    """The lines about a service, wrapped to the width that the pane has now."""

    _shown: tuple[Service, Check | None] | None = None

    def compose(self) -> ComposeResult:
        yield Lines()

    def show(self, service: Service, check: Check | None) -> None:
        self._shown = (service, check)
        entitle(self, service.title)
        self.query_one(Lines).show(details(service, check, self.scrollable_content_region.width))

    def on_resize(self) -> None:
        if self._shown is not None:
            self.show(*self._shown)


class ConnectPlace(Place):
    number, title, short = 1, "Connect", "Conn"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", id="connect.edit"),
        Binding("r", "test", "test again", id="connect.test"),
        Binding("n", "new", "add", id="connect.new"),
        Binding("d", "delete", "delete", id="connect.delete"),
    ]
    DEFAULT_CSS = """
    ConnectPlace {
        & #services { width: 11fr; }
        & #about { width: 10fr; padding: 0 1; scrollbar-gutter: stable; }
        &.-narrow Horizontal { layout: vertical; }
        &.-narrow #services { width: 1fr; height: auto; max-height: 10; }
        &.-narrow #about { width: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._services: list[Service] = []
        self._checks: dict[str, Check] = {}
        self._testing: set[str] = set()
        self._installed: bool | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            services = RowList(self._row, id="services", classes="pane")
            services.border_title = "Providers and sources"
            yield services
            yield About(id="about", classes="pane")

    def refresh_view(self) -> None:
        with self.app.trying():
            self._services = services(self.app.store, self._checks, self._testing, self._installed)
            self.query_one("#services", RowList).update(len(self._services))
            self._show_about()
            self.call_after_refresh(self._look_for_engine)

    def _look_for_engine(self) -> None:
        """After the picture: the module that knows is a slow import."""
        from ftui.engine import install

        with self.app.trying():
            before, self._installed = self._installed, install.installed(paths.engine_home())
            if before != self._installed:
                self.refresh_view()

    def _row(self, index: int, width: int) -> Row:
        service = self._services[index]
        names = min(max(len(each.title) for each in self._services) + 2, 20)
        keys = min(max(len(each.brief) for each in self._services) + 2, 20)
        return row(
            (f"{service.symbol} ", service.tone),
            fit(service.title, names),
            (fit(service.brief, keys), "dim"),
            " ",
            fit(service.state, width - names - keys - 3),
        )

    @property
    def _service(self) -> Service:
        return self._services[self.query_one("#services", RowList).cursor]

    def _show_about(self) -> None:
        if self._services:
            self.query_one(About).show(self._service, self._checks.get(self._service.name))

    def on_row_list_highlighted(self) -> None:
        self._show_about()
        self.app.look_again()

    def on_row_list_selected(self) -> None:
        self.action_edit()

    # Keys

    def refusal(self, action: str) -> str:
        if not self._services:
            return ""
        service = self._service
        if action == "delete" and not service.removable:
            return f"{service.title} is built in and has no saved key to delete"
        if action in ("test", "edit") and service.name == "web":
            return "Web pages need no key"
        return ""

    def action_edit(self) -> None:
        if not self.can("edit"):
            return
        from ftui.ui.places import keys

        service = self._service
        if service.name == "brightdata":
            keys.ask_token(self.app, service.origin, self._saved)
        elif service.provider is None:
            return
        elif service.provider.kind == "engine":
            self._install()
        elif service.provider.is_engine:
            self.app.say("an engine over SSH needs no key · r tests it, d removes it")
        else:
            keys.ask_key(self.app, service.provider, self._saved)

    def action_new(self) -> None:
        from ftui.ui.places import keys

        keys.ask_provider(self.app, self._saved)

    def _saved(self, name: str, masked: str, check: Check) -> None:
        self._checks[name] = check
        self.refresh_view()
        self.app.say(f"saved {masked} · {check.text}")

    def _install(self) -> None:
        from ftui.ui.screens.install import ask_to_install

        latest = self.app.store.tasks.latest("install")
        if self._installed:
            self.app.say("the engine is installed · r tests it")
        elif latest and latest.open:
            self.app.say("the engine is being installed already")
        else:
            ask = ask_to_install(self.app, self._start_install, lambda: self.app.say("nothing was downloaded"))
            self.run_worker(ask, exit_on_error=False)

    def _start_install(self) -> None:
        from ftui import queue

        with self.app.trying():
            queue.install_engine(self.app.store)
            self.app.say("the engine is being installed · go on with 2 meanwhile")

    def action_test(self) -> None:
        if self.can("test"):
            self.run_worker(self._test(self._service), group="test", exit_on_error=False)

    async def _test(self, service: Service) -> None:
        if service.name in self._testing:
            return
        self._testing.add(service.name)
        self.refresh_view()
        try:
            await asyncio.to_thread(importlib.import_module, "openai")
            if service.provider is None:
                self._checks[service.name] = await checks.check_brightdata()
            else:
                self._checks[service.name] = await checks.check(service.provider)
        except Exception as error:
            failed = describe(error)
            self._checks[service.name] = Check(False, failed.what, error=failed)
        finally:
            self._testing.discard(service.name)
            self.refresh_view()
        self.app.say(f"{service.title}: {self._checks[service.name].text}")

    def action_delete(self) -> None:
        if not self.can("delete"):
            return
        service = self._service
        custom = service.provider is not None and service.provider.kind in ("custom", "remote")
        what = f"Remove {service.title}?" if custom else f"Forget the saved key of {service.title}?"
        detail = (
            "Jobs and models that are there stay listed." if custom else "The key is not kept anywhere else by ftui."
        )

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            with self.app.trying():
                if custom:
                    providers.remove(service.name)
                else:
                    credentials.forget(service.name)
                self._checks.pop(service.name, None)
                self.refresh_view()
                self.app.say(f"removed {service.title}" if custom else f"forgot the key of {service.title}")

        self.app.push_screen(AskScreen(what, detail, yes_label="delete"), answered)
