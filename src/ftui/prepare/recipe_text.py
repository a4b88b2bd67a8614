"""Changes of a recipe's text that leave all else in it as the person wrote it, comments included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ftui.errors import FtuiError, InputError
from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import Rules

_TABLE = re.compile(r"^[ \t]*\[[ \t]*rules[ \t]*\][ \t\r]*(?:#.*)?$", re.MULTILINE)
_NEXT = re.compile(r"^[ \t]*\[", re.MULTILINE)
_REJECT = re.compile(r"""^[ \t]*(?:reject|"reject"|'reject')[ \t]*=[ \t]*(?=\[)""", re.MULTILINE)
_PIECE = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\s+|.', re.DOTALL)
"""A string, a comment, white space or one other sign."""


def with_rule(text: str, rule: str) -> str:
    """The recipe with one more rule in `[rules] reject`; the same text where it has the rule already.

    Raises:
        InputError: the recipe cannot be followed, or is written so that the place cannot be told.
    """
    recipe = recipes.parse(text)
    if rule in recipe.rules.reject:
        return text
    changed = _insert(text, rule)
    wanted = replace(recipe, rules=Rules((*recipe.rules.reject, rule)))
    try:
        if recipes.parse(changed) == wanted:
            return changed
    except FtuiError:
        pass
    raise InputError(
        "The rule cannot be put into the recipe", "its [rules] are written in an unusual way", f"Add it there: {rule}"
    )


def _insert(text: str, rule: str) -> str:
    value = _quoted(rule)
    table = _TABLE.search(text)
    if table is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[rules]\nreject = [{value}]\n"
    following = _NEXT.search(text, table.end())
    # A list over several lines has brackets at the beginning of lines, too.
    reject = _REJECT.search(text, table.end())
    if reject is None or (following is not None and following.start() < reject.start()):
        return f"{text[: table.end()]}\nreject = [{value}]{text[table.end() :]}"
    pieces = list(_pieces(text, reject.end()))
    last = next(piece for piece in reversed(pieces[:-1]) if piece[0].strip() and not piece[0].startswith("#"))
    at = last[1] + len(last[0])
    comma = "" if last[0] in ("[", ",") else ","
    lines = "\n" in text[reject.end() : pieces[-1][1]]
    if not lines:
        blank = "" if last[0] == "[" else " "
        return f"{text[:at]}{comma}{blank}{value}{text[at:]}"
    # Behind the line of the last rule, so that its comment stays beside it.
    line = text.find("\n", at)
    line = min(line if line >= 0 else len(text), pieces[-1][1])
    indent = re.match(r"[ \t]*", text[text.rfind("\n", 0, last[1]) + 1 :])
    blank = indent[0] if indent and last[0] != "[" else "    "
    return f"{text[:at]}{comma}{text[at:line].rstrip()}\n{blank}{value},{text[line:]}"


def _pieces(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The pieces of the list that begins at `start`, each with its place, up to the bracket that closes it."""
    for match in _PIECE.finditer(text, start):
        yield match[0], match.start()
        if match[0] == "]":
            return


def _quoted(text: str) -> str:
    """A string of TOML; with quotes in it as it is, where it can be."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = "".join(
        f"\\{sign}" if sign in '"\\' else sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text
    )
    return f'"{escaped}"'
