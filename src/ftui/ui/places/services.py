"""What Connect shows: each service as a row and as the lines about it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ftui import credentials, guide, paths
from ftui.connect import checks, providers
from ftui.connect.checks import Check
from ftui.connect.providers import Provider
from ftui.store import Store
from ftui.ui.text import Row, Tone, plain, row, wrapped


@dataclass(frozen=True, slots=True)
class Service:
    """A row of Connect.

    Attributes:
        provider: None for a service that only gives records.
        brief: the masked key, or what it is.
        origin: where the key comes from, "" where there is none.
        removable: whether `d` has something to delete.
    """

    name: str
    title: str
    provider: Provider | None
    brief: str
    state: str
    symbol: str
    tone: Tone
    key: str = ""
    origin: str = ""
    address: str = ""
    removable: bool = False


def services(
    store: Store, seen: Mapping[str, Check], testing: AbstractSet[str], installed: bool | None
) -> list[Service]:
    """This machine, OpenAI, added providers, Bright Data and the web, as they stand now.

    Args:
        seen: what the last check of a service said, by its name.
        testing: names of those that are being checked.
        installed: whether the engine is, None before anybody has looked.
    """
    rows = [
        _engine(store, provider, seen, testing, installed)
        if provider.kind == "engine"
        else _over_ssh(provider, seen, testing)
        if provider.is_engine
        else _remote(provider, seen, testing)
        for provider in providers.all_providers()
    ]
    return [*rows, _brightdata(seen, testing), Service("web", "Web", None, "no key needed", "ready", "✓", "ok")]


def _engine(
    store: Store,
    provider: Provider,
    seen: Mapping[str, Check],
    testing: AbstractSet[str],
    installed: bool | None,
) -> Service:
    task = store.tasks.latest("install")
    symbol: tuple[str, Tone] = ("·", "dim")
    if task is not None and task.open:
        state, symbol = guide.progress(task), ("▸", "accent")
    elif installed:
        state, symbol = "installed", ("✓", "ok")
        if provider.name in seen:
            state = seen[provider.name].text
            symbol = ("✓", "ok") if seen[provider.name].ok else ("✗", "bad")
    elif task is not None and task.state == "failed" and task.error is not None:
        state, symbol = task.error.what, ("✗", "bad")
    else:
        state = "" if installed is None else "not installed · e installs"
    if provider.name in testing:
        state, symbol = "testing …", ("▸", "accent")
    return Service(
        provider.name, provider.title, provider, "local engine", state, *symbol, address=str(paths.engine_home())
    )


def _over_ssh(provider: Provider, seen: Mapping[str, Check], testing: AbstractSet[str]) -> Service:
    symbol, state = _look(provider.name, True, seen, testing)
    machine = provider.ssh.destination if provider.ssh else ""
    return Service(
        provider.name, provider.title, provider, "engine over SSH", state, *symbol, address=machine, removable=True
    )


def _remote(provider: Provider, seen: Mapping[str, Check], testing: AbstractSet[str]) -> Service:
    found = providers.credential(provider)
    symbol, state = _look(provider.name, found is not None, seen, testing)
    if provider.notices and symbol[0] != "✗":
        symbol = ("!", "warn")
        if found is None:
            state = "closing, see details"
    return Service(
        provider.name,
        provider.title,
        provider,
        found.masked if found else "no key yet",
        state,
        *symbol,
        key=found.masked if found else "",
        origin=found.origin if found else "",
        address=provider.base_url,
        removable=provider.kind == "custom" or (found is not None and found.origin == "credentials.toml"),
    )


def _brightdata(seen: Mapping[str, Check], testing: AbstractSet[str]) -> Service:
    url = checks.brightdata_url()
    found = credentials.find("brightdata", url, url)
    symbol, state = _look("brightdata", found is not None, seen, testing)
    return Service(
        "brightdata",
        "Bright Data",
        None,
        found.masked if found else "no token yet",
        state,
        *symbol,
        key=found.masked if found else "",
        origin=found.origin if found else "",
        address=url,
        removable=found is not None and found.origin == "credentials.toml",
    )


def _look(
    name: str, has_key: bool, seen: Mapping[str, Check], testing: AbstractSet[str]
) -> tuple[tuple[str, Tone], str]:
    if name in testing:
        return ("▸", "accent"), "testing …"
    if not has_key:
        return ("·", "dim"), ""
    if name not in seen:
        return ("·", "dim"), "not tested yet"
    check = seen[name]
    return (("✓", "ok") if check.ok else ("✗", "bad")), check.text


_ABOUT = {
    "web": "Pages are fetched as their robots.txt allows, a few at a time. No account, no cost.",
    "engine": "ftui's own engine trains open-weight models on this machine and chats with them. No account, no cost.",
}


_OVER_SSH = "ftui's engine on another machine. Your ssh carries all of it; no account, no key, no open port."


def details(service: Service, check: Check | None, width: int) -> list[Row]:
    """The lines about a service, wrapped to `width`: its key, what is wrong, what is closing, its models."""
    provider = service.provider
    lines = [row(line) for line in wrapped(_ABOUT.get(service.name, ""), width)]
    if service.name == "web":
        return [*lines, (), row(("2 ", "key"), ("then ", "dim"), ("n ", "key"), ("collects a website", "dim"))]
    if service.name == "engine":
        lines += [(), _labelled("Folder", service.address, width)]
    elif provider is not None and provider.is_engine:
        lines += [row(line) for line in wrapped(_OVER_SSH, width)]
        lines += [(), _labelled("Machine", service.address, width)]
    else:
        origin = f"   from {service.origin}" if service.origin else ""
        lines.append(row(("Key      ", "dim"), service.key or "none yet", (origin, "dim")))
        lines.append(_labelled("Address", service.address, width))
    if check is not None and check.error is not None:
        lines += [(), row(("✗ ", "bad"), (plain(check.error.what, width - 2), "bold"))]
        lines += [row(f"  {line}") for line in wrapped(check.error.why, width - 2)]
        lines += [row(("→ ", "accent"), line) for line in wrapped(check.error.do, width - 2)]
    if provider is not None and provider.notices:
        lines.append(())
        for notice in provider.notices:
            for number, line in enumerate(wrapped(notice, width - 2)):
                lines.append(row(("  " if number else "! ", "warn"), line))
        lines += [row(("→ ", "accent"), "Train the same data elsewhere: ", ("4 ", "key"), "then ", ("n", "key")), ()]
    models = check.models if check and check.models else provider.base_models if provider else ()
    if models:
        shown = ", ".join(models[:6]) + (f" and {len(models) - 6:,} more" if len(models) > 6 else "")
        for number, line in enumerate(wrapped(shown, width - 9)):
            lines.append(row((" " * 9 if number else "Models   ", "dim"), line))
    return lines


def _labelled(label: str, text: str, width: int) -> Row:
    return row((f"{label:<9}", "dim"), plain(text, width - 9))
