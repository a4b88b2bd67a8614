"""Provider profiles: data over one `openai.AsyncOpenAI` client.

Built in are this machine's engine and OpenAI. Any other service with the same
API is a section of config.toml:

    [providers.nebius]
    title = "Nebius"
    base_url = "https://api.tokenfactory.nebius.com/v1"
    base_models = ["meta-llama/Llama-3.1-8B-Instruct"]
    hyperparameters = "top"        # or "method", where the provider wants them

An engine on another machine is reached through ssh, and needs no key:

    [providers.gpu-box]
    ssh = "me@gpu-box"
    base_models = ["smollm2-135m-instruct"]
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from ftui import credentials, paths, settings
from ftui.credentials import Credential
from ftui.engine.remote import Remote
from ftui.errors import CredentialError, InputError, SettingsError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ENGINE = "engine"
ENGINE_URL = "engine://this-machine"
"""How the local engine stands in the store: its port changes from start to start."""
OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_ENGINE_MODEL = "SmolLM2-135M-Instruct"

OPENAI_NOTICES = (
    "OpenAI ends self-serve fine-tuning: nobody can create new jobs from 2027-01-06 on.",
    "Organisations that had not fine-tuned before 2026-05-07, or had not used a tuned model in the 60 days"
    " before 2026-07-02, cannot create jobs now.",
    "gpt-4o, gpt-4o-mini, gpt-4.1 and gpt-4.1-mini, and every model tuned from them, shut down on 2027-01-14.",
)
"""From OpenAI's deprecations page, as of 2026-11-22."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One service.

    Attributes:
        name: the key in config.toml and in the store.
        kind: "engine" (this machine), "remote" (an engine over SSH), "openai" or "custom".
        base_models: what can be tuned, the default first; empty when nobody knows.
        notices: what a person should know before choosing it.
        hyperparameters: "method" sends them as `method.supervised.hyperparameters`,
            "top" as the older top-level field that some providers insist on.
    """

    name: str
    title: str
    kind: Literal["engine", "remote", "openai", "custom"]
    base_url: str
    base_models: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    hyperparameters: Literal["method", "top"] = "method"
    ssh: Remote | None = None

    @property
    def is_engine(self) -> bool:
        """Whether it is ftui's own engine: no key, no price."""
        return self.kind in ("engine", "remote")


def all_providers() -> list[Provider]:
    """This machine, OpenAI, then those of config.toml."""
    custom = settings.section(settings.config(), "providers")
    return [_engine(), _openai(), *(_custom(name, settings.section(custom, name)) for name in custom)]


def get(name: str) -> Provider:
    for provider in all_providers():
        if provider.name == name:
            return provider
    names = ", ".join(provider.name for provider in all_providers())
    raise InputError(f"There is no provider {name!r}", f"known are: {names}", "Add it: ftui connect add NAME URL")


def add_remote(name: str, remote: Remote, base_models: tuple[str, ...] = ()) -> Provider:
    """Add the engine of another machine, or change how it is reached.

    Raises:
        InputError: the name cannot be used, or is that of another service.
    """
    check_remote(name, remote)
    section: dict[str, Any] = {"ssh": remote.destination, "base_models": list(base_models)}
    plain = Remote(remote.destination)
    section |= {"ssh_command": list(remote.ssh)} if remote.ssh != plain.ssh else {}
    section |= {"ftui": remote.ftui} if remote.ftui != plain.ftui else {}
    _save(name, section)
    return _custom(name, section)


def check_remote(name: str, remote: Remote) -> None:
    """Whether the engine of another machine can have this name; raises InputError where it cannot."""
    _check_name(name)
    known = next((provider for provider in all_providers() if provider.name == name), None)
    if known is not None and (known.ssh is None or known.ssh.destination != remote.destination):
        # Models and jobs are kept with the name: they would be looked for on the wrong machine.
        there = known.base_url if known.ssh is None else known.ssh.destination
        do = f"Choose another name, or remove that one: ftui connect remove {name}"
        raise InputError(f"The name {name!r} is taken", f"it is {there}", do)


def tunnel_file(name: str) -> Path:
    """What is known of the tunnel to a remote engine: its port and the engine's token, for the owner's eyes only."""
    return paths.private_dir(paths.data_dir() / "tunnels") / f"{name}.json"


def add(name: str, base_url: str, title: str = "", base_models: tuple[str, ...] = ()) -> Provider:
    """Add a service with OpenAI's API, or change its address."""
    _check_name(name)
    parts = urlsplit(base_url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(
            f"{base_url!r} is not an address",
            "it needs http:// or https:// and a host",
            "For example https://host/v1",
        )
    if parts.username or parts.password:
        raise InputError(
            "The address holds a password", "keys are kept apart from addresses", "Leave it out and save the key"
        )
    section = {"title": title or name, "base_url": base_url.strip().rstrip("/"), "base_models": list(base_models)}
    _save(name, section)
    return _custom(name, section)


def _check_name(name: str) -> None:
    paths.check_project_name(name)
    if name in (ENGINE, "openai", "brightdata"):
        raise InputError(f"{name!r} is built in", "its address cannot be changed here", "Choose another name")


def _save(name: str, section: dict[str, Any]) -> None:
    config = settings.config()
    config.setdefault("providers", {})[name] = section
    settings.save_config(config)


def remove(name: str) -> None:
    """Forget an added provider, its key, and the tunnel to it."""
    config = settings.config()
    provider = next((one for one in all_providers() if one.name == name and one.kind == "remote"), None)
    if provider is not None and provider.ssh is not None:
        from ftui.engine import remote

        remote.close(tunnel_file(name), provider.ssh)
    if config.get("providers", {}).pop(name, None) is None:
        raise InputError(f"{name!r} cannot be removed", "it is built in or not there")
    settings.save_config(config)
    credentials.forget(name)


def credential(provider: Provider) -> Credential | None:
    """The key for a provider, None when there is none (yet).

    The engine's own token is no business of a person: it is in its address file.
    """
    if provider.is_engine:
        return None
    default = provider.base_url if provider.kind == "openai" else ""
    return credentials.find(provider.name, provider.base_url, default)


async def client(provider: Provider, key: str | None = None, *, timeout: float = 60.0) -> AsyncOpenAI:
    """An API client for a provider. This machine's engine is started when it does not run.

    Args:
        key: used instead of the saved one (to check it before it is saved).
        timeout: seconds without an answer.

    Raises:
        CredentialError: no key is known for this address.
        EngineError: the engine is not installed, or does not start.
    """
    from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

    base_url, auth = provider.base_url, None
    if provider.is_engine:
        from ftui.connect.engines import EngineAuth

        auth = EngineAuth(provider)
        address = await auth.address()
        base_url, key = address.base_url, address.token
    elif key is None:
        found = credential(provider)
        if found is None:
            raise CredentialError(
                f"There is no key for {provider.title}",
                f"none is saved for {credentials.origin_of(base_url)}",
                f"Save one: ftui connect key {provider.name}",
            )
        key = found.key
    return AsyncOpenAI(
        api_key=credentials.check_key(key),
        base_url=base_url,
        timeout=timeout,
        # A proxy of the environment must never see calls to this machine.
        http_client=DefaultAsyncHttpx2Client(auth=auth, trust_env=not is_loopback(base_url)),
    )


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _engine() -> Provider:
    return Provider(ENGINE, "this machine", "engine", ENGINE_URL, (DEFAULT_ENGINE_MODEL,))


def _openai() -> Provider:
    base_url = os.environ.get("OPENAI_BASE_URL", "").strip().rstrip("/") or OPENAI_URL
    official = credentials.origin_of(base_url) == credentials.origin_of(OPENAI_URL)
    return Provider(
        "openai",
        "OpenAI",
        "openai",
        base_url,
        (
            "gpt-4o-mini-2024-07-18",
            "gpt-4.1-mini-2025-04-14",
            "gpt-4.1-2025-04-14",
            "gpt-4o-2024-08-06",
        ),
        OPENAI_NOTICES if official else (),
    )


def _custom(name: str, section: Mapping[str, Any]) -> Provider:
    base_url, models = section.get("base_url"), section.get("base_models", [])
    if "ssh" in section:
        return _remote(name, section)
    if not isinstance(base_url, str) or not isinstance(models, list):
        why = "it needs a `base_url`, and `base_models` is a list"
        raise SettingsError(f"[providers.{name}] in config.toml cannot be used", why, "Mend it in an editor")
    return Provider(
        name,
        str(section.get("title") or name),
        "custom",
        base_url.rstrip("/"),
        tuple(str(model) for model in models),
        hyperparameters="top" if section.get("hyperparameters") == "top" else "method",
    )


def _remote(name: str, section: Mapping[str, Any]) -> Provider:
    destination, command, ftui = section["ssh"], section.get("ssh_command", ["ssh"]), section.get("ftui", "ftui")
    models = section.get("base_models", [])
    texts = [destination, ftui, *(command if isinstance(command, list) and command else [None])]
    if not all(isinstance(text, str) for text in texts) or not isinstance(models, list):
        why = "`ssh` is a machine as ssh takes it, `ssh_command` and `base_models` are lists, `ftui` is a command"
        raise SettingsError(f"[providers.{name}] in config.toml cannot be used", why, "Mend it in an editor")
    return Provider(
        name,
        str(section.get("title") or name),
        "remote",
        # The port of the tunnel changes from start to start.
        f"engine://{destination.rpartition('@')[2]}",
        tuple(str(model) for model in models) or (DEFAULT_ENGINE_MODEL,),
        ssh=Remote(destination, tuple(command), ftui),
    )
