"""Text that was read in the wrong encoding: "schÃ¶n" for "schön"."""

from __future__ import annotations

import re

# What two bytes of UTF-8 look like when they are read one by one: as Latin-1 or Windows-1252,
# as Windows-1251, as Mac Roman or a code page of DOS. ftfy is certain, but takes 0.1 ms a text;
# this takes a twentieth and lets ordinary text pass.
_SUSPECT = re.compile(
    "[\xc2-\xf4\u0412\u0413\u0420\u0421\u0432\u0393\u221a\u251c\u252c\u2564\u2568](?:"
    "(?<=[\xc2-\xf4])[\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02dc\u2013\u2014\u2018-\u201e\u2020-\u2022"
    "\u2026\u2030\u2039\u203a\u20ac\u2122]"
    "|(?<=[\u0412\u0413\u0420\u0421])[\xa0-\xb7\xbb\u0402-\u040f\u0452-\u045f\u0490\u0491\u2018-\u201e\u2020-\u2022\u2026"
    "\u2030\u2039\u203a\u20ac\u2122]"
    "|(?<=\xc3) |(?<=\u0432)\u0402|(?<=[\u0393\u221a\u251c\u252c\u2564\u2568])[\x80-\uffff])"
)


def mend(text: str) -> str:
    """`text` as it was before it was read in the wrong encoding, where that is certain."""
    if text.isascii() or not _SUSPECT.search(text):
        return text
    import ftfy

    return ftfy.fix_encoding(text)


def left(text: str) -> str:
    """What still looks like a wrong encoding, in a few words; "" for nothing."""
    if text.isascii():
        return ""
    if "\ufffd" in text:
        return "characters that could not be read"
    if not _SUSPECT.search(text):
        return ""
    from ftfy.badness import is_bad

    return "looks like a wrong encoding" if is_bad(text) else ""
