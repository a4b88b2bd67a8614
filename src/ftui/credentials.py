"""Keys: the environment first, then `credentials.toml`, which only its owner may read.

A key belongs to the address it was saved for and is given to no other. It never
reaches the store, a log, an error, an export or a picture; `mask` is what is shown.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ftui import paths, settings
from ftui.errors import CredentialError, FtuiError, SettingsError

ENVIRONMENT = {
    "openai": ("OPENAI_API_KEY",),
    "brightdata": ("BRIGHTDATA_API_TOKEN", "BRIGHTDATA_API_KEY"),
}
"""Environment variables by the name of the service, the first one that is set wins."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A key and where it came from.

    Attributes:
        key: the secret; kept out of `repr`.
        origin: the environment variable ("OPENAI_API_KEY") or "credentials.toml".
    """

    key: str = field(repr=False)
    origin: str

    @property
    def masked(self) -> str:
        return mask(self.key)


def mask(key: str) -> str:
    """`sk-…f3Qa`: enough to tell two keys apart, not enough to use one."""
    if len(key) < 12:
        return "…" if key else ""
    return f"{key[:3]}…{key[-4:]}"


def check_key(key: str) -> str:
    """`key` without the blanks around it.

    Raises:
        CredentialError: it cannot be a key. Said here, because further down the key would be part of the error.
    """
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise CredentialError(
            "This is not a key", "it is empty or holds a space or an odd character", "Paste the key alone"
        )
    return key


def hide(text: str, keys: Iterable[str]) -> str:
    """`text` with every key in it masked, as some services repeat the key that they refuse."""
    for key in keys:
        if key:
            text = text.replace(key, mask(key))
    return text


def known() -> list[str]:
    """Every key that ftui could be using now, for what must not hold one."""
    keys = [os.environ.get(name, "").strip() for names in ENVIRONMENT.values() for name in names]
    with contextlib.suppress(FtuiError, OSError):
        keys += [str(saved.get("key", "")) for saved in _read().values()]
    return keys


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, in lower case: what a key is bound to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def find(service: str, url: str, default_url: str = "") -> Credential | None:
    """The key of `service` for `url`, or None.

    A key from the environment is meant for the address that the environment (or,
    without one, the service's own) names: it is not sent anywhere else.
    """
    for name in ENVIRONMENT.get(service, ()):
        value = os.environ.get(name, "").strip()
        if value and (not default_url or origin_of(url) == origin_of(default_url)):
            return Credential(value, name)
    saved = _read().get(service, {})
    if saved.get("key") and saved.get("address") == origin_of(url):
        return Credential(str(saved["key"]), "credentials.toml")
    return None


def save(service: str, url: str, key: str) -> None:
    """Keep `key` for `service` at the address of `url`, replacing an earlier one."""
    key = check_key(key)
    everything = _read()
    everything[service] = {"key": key, "address": origin_of(url)}
    settings.write_toml(_path(), dict(everything))


def forget(service: str) -> None:
    everything = _read()
    if everything.pop(service, None) is not None:
        settings.write_toml(_path(), dict(everything))


def _path() -> Path:
    return paths.config_dir() / "credentials.toml"


def _read() -> dict[str, dict[str, str]]:
    path = _path()
    if os.name == "posix" and path.exists():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise CredentialError(
                "credentials.toml is not used",
                f"others on this machine can read it (mode {mode:04o})",
                f"Run: chmod 600 {path}",
            )
    saved = settings.read_toml(path)
    if not all(isinstance(section, dict) for section in saved.values()):
        why = "each service is a section with a key and its address"
        raise SettingsError(
            "credentials.toml cannot be used", why, f"Mend {path}, or remove it and save the keys again"
        )
    return saved
