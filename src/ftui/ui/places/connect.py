"""Connect: what trains, what chats and where records come from, each with its key."""

from __future__ import annotations

import asyncio
import importlib
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll

from ftui import credentials, paths, queue
from ftui.connect import checks, providers
from ftui.connect.checks import Check
from ftui.connect.providers import Provider
from ftui.errors import CredentialError, FtuiError, describe
from ftui.ui.place import Place
from ftui.ui.places.services import Service, details, services
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.form import Field, FormScreen, Values
from ftui.ui.screens.install import ask_to_install
from ftui.ui.text import Row, fit, row
from ftui.ui.widgets.rows import Lines, RowList


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
        & #about { width: 10fr; padding: 0 1; }
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

    def compose(self) -> ComposeResult:
        with Horizontal():
            services = RowList(self._row, id="services", classes="pane")
            services.border_title = "Providers and sources"
            yield services
            with VerticalScroll(id="about", classes="pane"):
                yield Lines()

    def refresh_view(self) -> None:
        with self.app.trying():
            self._services = services(self.app.store, self._checks, self._testing)
            self.query_one("#services", RowList).update(len(self._services))
            self._show_about()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._show_about)

    def _row(self, index: int, width: int) -> Row:
        service = self._services[index]
        names = min(max(len(each.title) for each in self._services) + 2, 20)
        keys = max((width - names - 4) // 2, 8)
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
        if not self._services:
            return
        about, service = self.query_one("#about"), self._service
        about.border_title = service.title
        about.query_one(Lines).show(details(service, self._checks.get(service.name), about.size.width))

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
        service = self._service
        if service.name == "brightdata":
            self._ask_token(service)
        elif service.provider is None:
            return
        elif service.provider.kind == "engine":
            self._install()
        else:
            self._ask_key(service.provider)

    def _install(self) -> None:
        from ftui.engine import install

        if install.installed(paths.engine_home()):
            self.app.say("the engine is installed · r tests it")
            return
        latest = self.app.store.tasks.latest("install")
        if latest and latest.open:
            self.app.say("the engine is being installed already")
            return
        self.run_worker(ask_to_install(self.app, self._start_install, self._no_install), exit_on_error=False)

    def _start_install(self) -> None:
        with self.app.trying():
            queue.install_engine(self.app.store)
            self.app.say("the engine is being installed · go on with 2 meanwhile")

    def _no_install(self) -> None:
        self.app.say("nothing was downloaded")

    def _ask_key(self, provider: Provider) -> None:
        lead = [
            row(("The key goes to ", "dim"), credentials.origin_of(provider.base_url), (" and nowhere else.", "dim"))
        ]
        found = providers.credential(provider)
        if found is not None and found.origin != "credentials.toml":
            lead.append(row((f"! {found.origin} is set in the environment and wins over a saved key.", "warn")))

        async def save(values: Values) -> None:
            await self._check_then_save(provider, values["key"])

        fields = [Field("key", f"Key of {provider.title}", hint="paste it here", secret=True)]
        self.app.push_screen(FormScreen(provider.title, fields, save, lead=lead, save_label="check and save"))

    def _ask_token(self, service: Service) -> None:
        async def save(values: Values) -> None:
            url = checks.brightdata_url()
            found = await checks.check_brightdata(values["key"])
            self._take_key("brightdata", url, values["key"], found)

        fields = [Field("key", "API token of Bright Data", hint="paste it here", secret=True)]
        lead = [row((f"The token goes to {credentials.origin_of(checks.brightdata_url())} and nowhere else.", "dim"))]
        if service.origin not in ("", "credentials.toml"):
            lead.append(row((f"! {service.origin} is set in the environment and wins over a saved token.", "warn")))
        self.app.push_screen(FormScreen("Bright Data", fields, save, lead=lead, save_label="check and save"))

    def action_new(self) -> None:
        lead = [row("Any service with OpenAI's API: a base URL and a key.")]
        fields = [
            Field("name", "Name", hint="nebius"),
            Field("base_url", "Base URL", hint="https://host/v1"),
            Field("key", "Key", hint="paste it here", secret=True),
            Field("models", "Models that can be tuned, with commas between them (may be empty)"),
        ]
        form = FormScreen("New provider", fields, self._add, lead=lead, save_label="check and save")
        self.app.push_screen(form)

    async def _add(self, values: Values) -> None:
        name, url = values["name"], values["base_url"]
        models = tuple(model.strip() for model in values["models"].split(",") if model.strip())
        known = {provider.name for provider in providers.all_providers()}
        provider = providers.add(name, url, base_models=models)
        try:
            await self._check_then_save(provider, values["key"])
        except BaseException:
            if name not in known:
                providers.remove(name)
            raise

    async def _check_then_save(self, provider: Provider, key: str) -> None:
        if not key:
            raise CredentialError("The key is empty", "a service cannot be asked without one", "Paste the key")
        await asyncio.to_thread(importlib.import_module, "openai")
        self._take_key(provider.name, provider.base_url, key, await checks.check(provider, key))

    def _take_key(self, name: str, url: str, key: str, check: Check) -> None:
        """Save a key unless the service said that it is wrong; what else went wrong is told."""
        if isinstance(check.error, CredentialError):
            raise check.error
        credentials.save(name, url, key)
        self._checks[name] = check
        self.refresh_view()
        self.app.say(f"saved {credentials.mask(key)} · {check.text}")

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
            failed: FtuiError = describe(error)
            self._checks[service.name] = Check(False, failed.what, error=failed)
        finally:
            self._testing.discard(service.name)
            self.refresh_view()
        self.app.say(f"{service.title}: {self._checks[service.name].text}")

    def action_delete(self) -> None:
        if not self.can("delete"):
            return
        service = self._service
        custom = service.provider is not None and service.provider.kind == "custom"
        what = f"Remove {service.title} and its key?" if custom else f"Forget the saved key of {service.title}?"
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
