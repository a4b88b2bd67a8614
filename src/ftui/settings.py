"""`config.toml` (what a person sets) and `state.toml` (where they were)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftui import paths
from ftui.errors import SettingsError


def read_toml(path: Path) -> dict[str, Any]:
    """The file's content, {} where there is none.

    Raises:
        SettingsError: the file is not TOML, with the line, or cannot be read.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path.name} cannot be read", str(error), f"Mend {path} in an editor, or move it away"
        ) from error


def write_toml(path: Path, data: dict[str, Any]) -> None:
    import tomli_w

    paths.private_dir(path.parent)
    paths.write_atomic(path, tomli_w.dumps(data))


def config() -> dict[str, Any]:
    """What the person set: `keymap`, `theme`, `prices`, `[engine]`, `[providers.NAME]`."""
    return read_toml(paths.config_dir() / "config.toml")


def section(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section of `config.toml`, {} where there is none.

    Raises:
        SettingsError: something else has its name.
    """
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise SettingsError(
            f"{name} in config.toml cannot be used", "it is a value, not a section", "Mend it in an editor"
        )
    return found


def save_config(data: dict[str, Any]) -> None:
    write_toml(paths.config_dir() / "config.toml", data)


def state() -> dict[str, Any]:
    """Where the person was: `project`, `theme` (with the one of `config.toml` that it was chosen `instead_of`),
    and per project `place`, `places`, `seen_at`.

    A state file that cannot be read is not worth an error: one starts at the first place.
    """
    try:
        return read_toml(paths.config_dir() / "state.toml")
    except SettingsError:
        return {}


def save_state(**changes: Any) -> None:
    """Change some keys of `state.toml`; None removes a key."""
    merged = state() | changes
    write_toml(paths.config_dir() / "state.toml", {key: value for key, value in merged.items() if value is not None})
