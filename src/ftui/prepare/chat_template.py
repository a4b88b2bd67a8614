"""The chat template of a model's folder, applied as its trainer applies it; no tokenizer is needed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ftui.chatfile import SPECIAL_TOKEN, plain
from ftui.errors import InputError
from ftui.prepare.pair import Message

_SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


class ChatTemplate:
    """Args:
        folder: of the model, with `tokenizer_config.json` and perhaps `chat_template.jinja`.

    Attributes:
        name: of the model.
        special: what stands in a text for a special token, as an expression.

    Raises:
        InputError: the folder has no chat template that can be read.
    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        try:
            self._source, self._tokens = _read(folder)
        except (OSError, ValueError) as error:
            raise InputError(f"The chat template of {folder.name} cannot be read", str(error)[:200]) from error
        named = [re.escape(token) for token in self._tokens.values()]
        self.special = re.compile("|".join([*named, SPECIAL_TOKEN.pattern]))

    def render(self, messages: Sequence[Message], beside: Mapping[str, Any] | None = None, *, ask: bool = False) -> str:
        """The text of a chat; with `ask` it ends where the assistant begins to answer.

        Raises:
            InputError: the template refuses the chat.
        """
        tools = (beside or {}).get("tools") or None
        try:
            return str(
                self._compiled.render(messages=plain(messages), tools=tools, add_generation_prompt=ask, **self._tokens)
            )
        except Exception as error:  # A template can refuse a chat in any way.
            raise InputError(f"The chat template of {self.name} does not take this row", str(error)[:200]) from error

    @cached_property
    def opening(self) -> str:
        """What stands before the first words of a chat that the assistant begins."""
        asked = [{"role": "user", "content": "?"}]
        return self.render(asked, ask=True).removeprefix(self.render(asked))

    @cached_property
    def _compiled(self) -> Any:
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = time.strftime
        return environment.from_string(self._source)


def _read(folder: Path) -> tuple[str, dict[str, str]]:
    """The chat template and the special tokens that it may name."""
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    beside = folder / "chat_template.jinja"
    template = beside.read_text("utf-8") if beside.is_file() else settings.get("chat_template")
    if isinstance(template, list):  # several by name
        template = next((each["template"] for each in template if each.get("name") == "default"), None)
    if not isinstance(template, str):
        raise ValueError("it has no chat template")
    found = {}
    for name in _SPECIAL:
        token = settings.get(name)
        token = token.get("content") if isinstance(token, Mapping) else token
        if isinstance(token, str):
            found[name] = token
    return template, found


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> None:
    raise ValueError(message)
