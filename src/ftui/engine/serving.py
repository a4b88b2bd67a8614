"""Which program answers chats: vLLM, llama.cpp or transformers. It is chosen here and nowhere else.

Standard library only: ftui's own interpreter tells of it, the engine's acts on it.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ftui.engine.gguf_rules import can_write
from ftui.engine.gpu import has_gpu
from ftui.engine.layout import Home, read_json
from ftui.errors import SettingsError

NAMES = {"vllm": "vLLM", "llama": "llama.cpp", "transformers": "transformers"}
KINDS = ("auto", *NAMES)
STATE = "chat.json"
"""In the engine's folder `run`: who answers, and for whom transformers does instead."""


class Wish(NamedTuple):
    """What the person set.

    Attributes:
        chat: one of `KINDS`.
        llama: the command line of llama.cpp's server; more options may follow the program.
        vllm: the same of vLLM.
    """

    chat: str = "auto"
    llama: str = "llama-server"
    vllm: str = "vllm"


NO_WISH = Wish()
"""What is so where nothing was set."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is there of it on this machine.

    Attributes:
        kind: who answers, wherever it can: a name in `NAMES`.
        why: why that is not who was asked for; "" where it is.
        command: its program and the options set for it; empty for transformers.
    """

    kind: str
    why: str = ""
    command: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        where = f" ({self.command[0]})" if self.command else ""
        return NAMES[self.kind] + where + (f": {self.why}" if self.why else "")


def wish(config: Mapping[str, Any], chat: str | None = None) -> Wish:
    """The wish in `[engine]` of `config.toml`; `chat` goes before what is set there.

    Raises:
        SettingsError: a value is not one that it can have.
    """
    section = config.get("engine", {})
    given = section if isinstance(section, dict) else {"chat": section}
    known = {"chat": "chat", "llama_server": "llama", "vllm": "vllm"}
    values = {ours: given[theirs] for theirs, ours in known.items() if theirs in given}
    found = Wish(**values)._replace(**({"chat": chat} if chat else {}))
    do = "Mend [engine] in config.toml"
    if found.chat not in KINDS:
        raise SettingsError("engine.chat cannot be used", f"it is not one of {', '.join(KINDS)}", do)
    for name, line in (("llama_server", found.llama), ("vllm", found.vllm)):
        if not isinstance(line, str) or not _words(line):
            raise SettingsError(f"engine.{name} cannot be used", "it is not a command line", do)
    return found


def arguments(wish: Wish) -> list[str]:
    """The wish as the server's arguments."""
    return ["--chat", wish.chat, "--llama-server", wish.llama, "--vllm", wish.vllm]


def find(wish: Wish, env: Path) -> Found:
    """Who answers chats on this machine. Takes a moment where vLLM is installed: it asks for the GPU.

    Args:
        env: the engine's own environment, where programs are looked for first.
    """
    vllm, llama = _command(wish.vllm, env), _command(wish.llama, env)
    if wish.chat == "vllm" or (wish.chat == "auto" and vllm and has_gpu()):
        return Found("vllm", "", vllm) if vllm else Found("transformers", f"{_program(wish.vllm)} was not found")
    if wish.chat == "llama" or (wish.chat == "auto" and llama):
        return Found("llama", "", llama) if llama else Found("transformers", f"{_program(wish.llama)} was not found")
    return Found("transformers")


def state(home: Path, config: Mapping[str, Any], *, running: bool) -> tuple[str, dict[str, str]]:
    """Who answers chats, in words, and why transformers does for some models in place of it, by model.

    Args:
        running: whether a server runs, which knows; else it is what one would do that is started now.
    """
    place = Home(home)
    known = read_json(place.run / STATE) if running else None
    if known is None:
        return str(find(wish(config), place.env)), {}
    return str(known["by"]), dict(known["instead"])


def unfit(kind: str, base: Path, adapter: Path | None) -> str:
    """Why a model is not for this kind; "" where it is."""
    if kind != "llama":
        return ""
    if adapter is not None and adapter.parent.name == "epochs":
        return "a checkpoint is not written as GGUF"
    if not can_write(read_json(base / "config.json") or {}):
        return "no GGUF can be written of such a model here"
    return ""


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def _program(line: str) -> str:
    return Path(_words(line)[0]).name


def _command(line: str, env: Path) -> list[str]:
    """The command with the program's full path; [] where it is not there."""
    program, *options = _words(line)
    path = os.pathsep.join((str(env / "bin"), os.environ.get("PATH", os.defpath)))
    found = shutil.which(os.path.expanduser(program), path=path)
    return [found, *options] if found else []
