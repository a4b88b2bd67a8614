"""A pair as a text for an editor of the person's own, and back."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui import paths
from ftui.chatfile import content_with, kind_of, other_parts, text_of
from ftui.errors import InputError
from ftui.ui.text import plain
from ftui.ui.widgets.pair_messages import calls

Message = Mapping[str, Any]

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_HEAD = """\
# Change the texts below the lines with a role, save and leave the editor.
# An empty file, or one that was not changed, changes nothing.
"""


def to_text(messages: Sequence[Message]) -> str:
    """Messages below lines such as `=== user`; the sign is longer where a text has such a line itself.

    What else a message holds, such as tool calls, is named behind its role and stays as it is.
    """
    sign = "==="
    while any(re.search(rf"^{sign} \w+", text_of(message), re.MULTILINE) for message in messages):
        sign += "="
    return _HEAD + "".join(f"{sign} {message['role']}{_rest(message)}\n{text_of(message)}\n" for message in messages)


def _rest(message: Message) -> str:
    """What the person need not change: `  (tool call price, stays as it is)`."""
    names = [f"calls {plain(name, 40)}" for name, _ in calls(message)]
    names += [f"holds {plain(kind_of(part), 40)}" for part in other_parts(message)]
    return f"  ({', '.join(names)}, which stays as it is)" if names else ""


def from_text(text: str, before: Sequence[Message] = ()) -> list[dict[str, Any]]:
    """The messages that a text of `to_text`'s form holds; [] for an empty one.

    Args:
        before: the messages that the text was made of; what they hold beside their text is kept for the
            next message of the same role, and so is a text that was not changed.

    Raises:
        InputError: with the line, where it has not that form.
    """
    if not text.strip():
        return []
    lines = text.split("\n")
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    sign = lines[0].partition(" ")[0] if lines else ""
    if len(sign) < 3 or sign.strip("="):
        raise InputError(
            "The text of the pair cannot be read", "its first line is not `=== ` and a role", "Edit it again"
        )
    messages: list[dict[str, Any]] = []
    bodies: list[list[str]] = []
    for line in lines:
        mark, _, head = line.partition(" ")
        if mark != sign:
            bodies[-1].append(line)
            continue
        role = head.partition("  (")[0].strip()
        if role not in _ROLES:
            raise InputError(
                "The text of the pair cannot be read", f"{line!r} does not name a role", f"Use {', '.join(_ROLES)}"
            )
        messages.append({"role": role})
        bodies.append([])
    for message, body in zip(messages, bodies, strict=True):
        message["content"] = "\n".join(body)
    messages[-1]["content"] = messages[-1]["content"].removesuffix("\n")
    return _joined(messages, before)


def _joined(messages: list[dict[str, Any]], before: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages with what those before held beside their texts."""
    left = list(before)
    found = []
    for message in messages:
        place = next((at for at, old in enumerate(left) if old["role"] == message["role"]), None)
        old = {} if place is None else left.pop(place)
        text = message["content"]
        same = old and text_of(old) == text
        found.append({**old, **message, "content": old.get("content") if same else content_with(old, text)})
    return found


def editor() -> list[str]:
    """The command of the person's editor.

    Raises:
        InputError: none is named and none is there.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    command = shlex.split(named) if named else ["vi"]
    if not command or not shutil.which(command[0]):
        raise InputError(
            "There is no editor to open",
            f"{command[0]} is not a program here" if command else "EDITOR is empty",
            "Name one, for example: export EDITOR=nano. Or press e",
        )
    return command


def edit(messages: Sequence[Message]) -> list[dict[str, Any]] | None:
    """Let the person edit messages in their own editor; None when nothing was changed.

    The terminal must be the editor's while this runs. A text that cannot be read
    stays in a file, and the error says where.

    Raises:
        InputError: no editor, it failed, or it left what cannot be read.
    """
    command = editor()
    before = to_text(messages)
    handle, name = tempfile.mkstemp(prefix="pair-", suffix=".md", dir=paths.cache_dir())
    path = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(before)
    try:
        code = subprocess.run([*command, str(path)], check=False).returncode
        after = path.read_bytes().decode("utf-8")
        if code:
            raise InputError("The editor failed", f"{command[0]} ended with code {code}", "The pair is as it was")
        edited = from_text(after, messages) if after != before else []
    except UnicodeDecodeError as error:
        raise InputError("The text of the pair cannot be read", "it is not UTF-8", f"It is kept in {path}") from error
    except InputError as error:
        if path.read_bytes() != before.encode():
            raise InputError(error.what, error.why, f"{error.do}; your text is kept in {path}") from error
        path.unlink()
        raise
    path.unlink()
    return edited or None
