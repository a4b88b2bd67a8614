"""Changes of a recipe's text that leave all else in it as the person wrote it, comments included."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace

from ftui.errors import FtuiError, InputError
from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import Recipe, Rules

_TABLE = re.compile(r"^[ \t]*\[[ \t]*rules[ \t]*\][ \t\r]*(?:#.*)?$", re.MULTILINE)
_NEXT = re.compile(r"^[ \t]*\[", re.MULTILINE)
_REJECT = re.compile(r"""^[ \t]*(?:reject|"reject"|'reject')[ \t]*=[ \t]*(?=\[)""", re.MULTILINE)
_PIECE = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\s+|.', re.DOTALL)
"""A string, a comment, white space or one other sign."""
_REST = re.compile(r"(?:\n|\A)\[rules\]\nreject = \[\]\n\Z")
"""What is left of a table that was made for one rule."""


def with_rule(text: str, rule: str) -> str:
    """The recipe with one more rule in `[rules] reject`; the same text where it has the rule already.

    Raises:
        InputError: the recipe cannot be followed, or is written so that the place cannot be told.
    """
    recipe = recipes.parse(text)
    if rule in recipe.rules.reject:
        return text
    changed = _insert(text, rule)
    if _reads(changed, replace(recipe, rules=Rules((*recipe.rules.reject, rule)))):
        return changed
    raise InputError(
        "The rule cannot be put into the recipe", "its [rules] are written in an unusual way", f"Add it there: {rule}"
    )


def without_rule(text: str, rule: str) -> str:
    """The recipe without a rule in `[rules] reject`; the same text where it has not got the rule.

    Raises:
        InputError: the recipe cannot be followed, or is written so that the place cannot be told.
    """
    recipe = recipes.parse(text)
    if rule not in recipe.rules.reject:
        return text
    changed = _remove(text, rule)
    while (less := _remove(changed, rule)) != changed:
        # It may stand there twice.
        changed = less
    if _reads(changed, replace(recipe, rules=Rules(tuple(each for each in recipe.rules.reject if each != rule)))):
        return changed
    raise InputError(
        "The rule cannot be taken out of the recipe", "its [rules] are written in an unusual way", f"R, and cut: {rule}"
    )


def _reads(text: str, wanted: Recipe) -> bool:
    try:
        return recipes.parse(text) == wanted
    except FtuiError:
        return False


def _insert(text: str, rule: str) -> str:
    value = _quoted(rule)
    table = _TABLE.search(text)
    if table is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[rules]\nreject = [{value}]\n"
    start = _list_of(text, table.end())
    if start is None:
        return f"{text[: table.end()]}\nreject = [{value}]{text[table.end() :]}"
    pieces = list(_pieces(text, start))
    last = next(piece for piece in reversed(pieces[:-1]) if piece[0].strip() and not piece[0].startswith("#"))
    at = last[1] + len(last[0])
    comma = "" if last[0] in ("[", ",") else ","
    lines = "\n" in text[start : pieces[-1][1]]
    if not lines:
        blank = "" if last[0] == "[" else " "
        return f"{text[:at]}{comma}{blank}{value}{text[at:]}"
    # Behind the line of the last rule, so that its comment stays beside it.
    line = text.find("\n", at)
    line = min(line if line >= 0 else len(text), pieces[-1][1])
    indent = re.match(r"[ \t]*", text[text.rfind("\n", 0, last[1]) + 1 :])
    blank = indent[0] if indent and last[0] != "[" else "    "
    return f"{text[:at]}{comma}{text[at:line].rstrip()}\n{blank}{value},{text[line:]}"


def _remove(text: str, rule: str) -> str:
    table = _TABLE.search(text)
    start = _list_of(text, table.end()) if table else None
    if start is None:
        return text
    pieces = [piece for piece in _pieces(text, start) if piece[0].strip()]
    for at, (piece, place) in enumerate(pieces):
        if piece[0] not in "\"'" or tomllib.loads(f"rule = {piece}")["rule"] != rule:
            continue
        begin, end = place, place + len(piece)
        if pieces[at + 1][0] == ",":
            end = pieces[at + 1][1] + 1
            end += len(text[end:]) - len(text[end:].lstrip(" \t"))
        elif pieces[at - 1][0] == ",":
            begin = pieces[at - 1][1]
        return _REST.sub("", _without(text, begin, end))
    return text


def _without(text: str, begin: int, end: int) -> str:
    """The text without a stretch of it, and without its line where nothing else is on it."""
    line, following = text.rfind("\n", 0, begin) + 1, text.find("\n", end)
    if following >= 0 and not text[line:begin].strip() and not text[end:following].strip():
        begin, end = line, following + 1
    return text[:begin] + text[end:]


def _list_of(text: str, table: int) -> int | None:
    """Where the list of rules begins in the table whose head ends at `table`; None where it has none."""
    following = _NEXT.search(text, table)
    # A list over several lines has brackets at the beginning of lines, too.
    reject = _REJECT.search(text, table)
    if reject is None or (following is not None and following.start() < reject.start()):
        return None
    return reject.end()


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
