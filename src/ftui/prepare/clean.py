"""Text as it came, made fit to train on."""

from __future__ import annotations

import re
import unicodedata

from ftui.chatfile import SPECIAL_TOKEN

_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n\s*\n\s*")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*(?:\s+\"[^\"\n]*\")?\)")
_EMPHASIS = re.compile(r"(\*\*|__|(?<!\w)[*_]|`)(?=\S)(.+?)(?<=\S)\1(?!\w)")
# A full stop ends a sentence only before a space that no small letter follows: not in
# "1.3 litres", not in "e.g. this". The marks of other scripts need no space.
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s+(?![a-zß-öø-ÿ])|$)|[。！？।؟]+[」』”）]*")


def clean(text: str) -> str:
    """`text` without control characters and special tokens, spaces and blank lines folded."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = "".join(char for char in text if char in "\n\t" or not _is_control(char))
    while SPECIAL_TOKEN.search(text):  # what is left of one can close around another
        text = SPECIAL_TOKEN.sub("", text)
    text = _SPACES.sub(" ", text)
    lines = "\n".join(line.strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip()


def _is_control(char: str) -> bool:
    """Control characters, half surrogates, and marks that turn or hide text; joiners of scripts stay."""
    category = unicodedata.category(char)
    if category == "Cf":
        return (
            char in "\ufeff\u200b\u2060\u00ad\u200e\u200f"
            or "\u202a" <= char <= "\u202e"
            or "\u2066" <= char <= "\u2069"
        )
    return category in ("Cc", "Cs", "Co")


def plain(markdown: str) -> str:
    """Markdown of one passage as running text: links and emphasis undone, lists kept."""
    text = _LINK.sub(r"\1", markdown)
    for _ in range(2):  # bold within italics
        text = _EMPHASIS.sub(r"\2", text)
    return clean(text)


def cut(text: str, limit: int) -> str:
    """The longest run of whole sentences from the start with fewer than `limit` characters.

    "" when the first sentence is already too long.
    """
    if len(text) < limit:
        return text
    end = 0
    for match in _SENTENCE_END.finditer(text):
        if match.end() >= limit:
            break
        end = match.end()
    return text[:end].rstrip()
