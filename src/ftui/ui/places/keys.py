"""The dialogs of Connect: a key is asked of the service itself before it is saved."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ftui import credentials
from ftui.connect import checks, providers
from ftui.connect.checks import Check
from ftui.connect.providers import Provider
from ftui.errors import CredentialError
from ftui.ui.screens.form import Field, FormScreen, Save, Values
from ftui.ui.text import Row, row

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

Saved = Callable[[str, str, Check], None]
"""Gets the name of the service, the masked key and what the check said."""


def ask_key(app: FtuiApp, provider: Provider, saved: Saved) -> None:
    """Ask for the key of a provider, check it live, save it."""

    async def save(values: Values) -> None:
        await _check_then_save(provider, values["key"], saved)

    found = providers.credential(provider)
    lead = _lead(provider.base_url, found.origin if found else "")
    _push(app, provider.title, [_key_field(f"Key of {provider.title}")], save, lead)


def ask_token(app: FtuiApp, origin: str, saved: Saved) -> None:
    """Ask for Bright Data's token, check it live, save it. `origin` is where the one in use is from."""
    url = checks.brightdata_url()

    async def save(values: Values) -> None:
        _save("brightdata", url, values["key"], await checks.check_brightdata(values["key"]), saved)

    _push(app, "Bright Data", [_key_field("API token of Bright Data")], save, _lead(url, origin))


def ask_provider(app: FtuiApp, saved: Saved) -> None:
    """Ask for a service with OpenAI's API; it is kept when its key is."""

    async def save(values: Values) -> None:
        if "@" in values["base_url"] and "/" not in values["base_url"]:
            await _add_over_ssh(values["name"], values["base_url"], saved)
            return
        models = tuple(model.strip() for model in values["models"].split(",") if model.strip())
        known = {provider.name for provider in providers.all_providers()}
        provider = providers.add(values["name"], values["base_url"], base_models=models)
        try:
            await _check_then_save(provider, values["key"], saved)
        except BaseException:
            if provider.name not in known:
                providers.remove(provider.name)
            raise

    fields = [
        Field("name", "Name", hint="nebius"),
        Field("base_url", "Base URL, or user@host for ftui's engine over SSH", hint="https://host/v1"),
        _key_field("Key (none over SSH)"),
        Field("models", "Models that can be tuned, with commas between them (may be empty)"),
    ]
    _push(app, "New provider", fields, save, [row("Any service with OpenAI's API: a base URL and a key."), ()])


async def _add_over_ssh(name: str, machine: str, saved: Saved) -> None:
    from ftui.connect import over_ssh

    provider = await asyncio.to_thread(over_ssh.add, machine, name)
    saved(provider.name, provider.title, await checks.check(provider))


def _key_field(label: str) -> Field:
    return Field("key", label, hint="paste it here", secret=True)


def _lead(url: str, origin: str) -> list[Row]:
    lines = [row((f"It goes to {credentials.origin_of(url)} and nowhere else.", "dim"))]
    if origin not in ("", "credentials.toml"):
        lines.append(row((f"! {origin} is set in the environment and wins over a saved key.", "warn")))
    return [*lines, ()]


def _push(app: FtuiApp, title: str, fields: list[Field], save: Save, lead: list[Row]) -> None:
    app.push_screen(FormScreen(title, fields, save, lead=lead, save_label="check and save"))


async def _check_then_save(provider: Provider, key: str, saved: Saved) -> None:
    if not key:
        raise CredentialError("The key is empty", "a service cannot be asked without one", "Paste the key")
    # Importing it takes as long as fifty keys: not on the loop of the screen.
    await asyncio.to_thread(importlib.import_module, "openai")
    _save(provider.name, provider.base_url, key, await checks.check(provider, key), saved)


def _save(name: str, url: str, key: str, check: Check, saved: Saved) -> None:
    """Save a key unless the service says that it is wrong; what else went wrong is told beside it."""
    if isinstance(check.error, CredentialError):
        raise check.error
    credentials.save(name, url, key)
    saved(name, credentials.mask(key), check)
