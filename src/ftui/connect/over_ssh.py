"""Add the engine of another machine, after it was really reached."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Sequence

from ftui.connect import providers
from ftui.connect.providers import Provider
from ftui.engine import remote
from ftui.engine.address import Address
from ftui.engine.remote import Remote


def add(
    machine: str,
    name: str | None = None,
    ssh: Sequence[str] = ("ssh",),
    ftui: str = "ftui",
    *,
    interactive: bool = False,
) -> Provider:
    """Reach the engine over there, open the tunnel, and add it with the models that it can tune. Blocks.

    Args:
        machine: as `ssh` takes it.
        name: of the provider; None takes the host's.
        interactive: ssh may ask the person at the terminal.

    Raises:
        InputError: this is no machine, or the name cannot be used, such as that of another one.
        EngineError: there is no engine over there.
        NetworkError: ssh cannot get there.
    """
    how = Remote(machine, tuple(ssh), ftui)
    named = name or _name_of(machine)
    providers.check_remote(named, how)
    # Nothing is saved before it was reached: an engine of this name that is there already stays as it was.
    file = providers.tunnel_file(named)
    try:
        return providers.add_remote(named, how, _base_models(remote.ensure(file, how, interactive=interactive)))
    except BaseException:
        if named not in [provider.name for provider in providers.all_providers()]:
            remote.close(file, how)
        raise


def _name_of(machine: str) -> str:
    host = machine.removeprefix("ssh://").rpartition("@")[2]
    # Without a port; an address in figures has no name to take.
    short = re.sub(r":\d+$", "", host).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", short).strip("-.") or "engine"


def _base_models(address: Address) -> tuple[str, ...]:
    """What can be tuned over there: all models that are not tuned ones."""
    asked = urllib.request.Request(f"{address.base_url}/models", headers={"Authorization": f"Bearer {address.token}"})
    # No proxy is asked for what goes through the tunnel.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=30) as answer:
        listed = json.load(answer)["data"]
    return tuple(str(model["id"]) for model in listed if not str(model["id"]).startswith("ft:"))
