"""Base models of a person's own, in folders."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from ftui.engine import weights
from ftui.engine.layout import Home
from ftui.errors import InputError

_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_TEMPLATES = ("chat_template.jinja", "tokenizer_config.json")


def register(home: Home, folder: Path) -> str:
    """Make the model in `folder` one of the engine's, by a link; its name in the API.

    Raises:
        InputError: it is no model that can be trained, with the file that is missing.
    """
    home.make()
    folder = folder.expanduser().resolve()
    again = "Give the folder of a model with a chat template, in the Hugging Face format"
    what = f"{folder.name} cannot be used as a base model"
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise InputError(what, f"it has no {name}", again)
    parts = weights.names(folder)
    if not parts:
        raise InputError(what, f"it has no weights ({weights.SINGLE} or {weights.INDEX})", again)
    for name in parts:
        if not (folder / name).is_file():
            raise InputError(what, f"it has no {name}, which its index names", again)
    texts = [folder / name for name in _TEMPLATES if (folder / name).is_file()]
    if not any(path.suffix == ".jinja" or "chat_template" in path.read_text("utf-8") for path in texts):
        raise InputError(what, "it has no chat template", again)
    name = _NAME.sub("-", folder.name).strip("-.") or "model"
    link = home.models / name
    if link.is_symlink() and link.resolve() == folder:
        return name.lower()
    if link.exists() and not link.is_symlink():
        raise InputError(what, f"the engine has another model called {name}", "Rename the folder, then try again")
    fresh = home.models / f".link-{secrets.token_hex(4)}"
    fresh.symlink_to(folder, target_is_directory=True)
    os.replace(fresh, link)
    return name.lower()
