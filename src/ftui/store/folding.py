"""Text as it is searched: without upper case, and in seven bits.

SQLite's GLOB leaps through a text from one place with the sign it looks for to
the next where that sign is ASCII, and goes letter by letter otherwise: on
Cyrillic that is six times slower. So every other letter becomes a control
character and one to three capitals, none of which a folded text has. As no
capital begins a letter and nothing else follows within one, a folded word is
found where the word stands, and nowhere else.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain

_CAPITALS = 26
_LEADS = [*range(0x01, 0x09), *range(0x0E, 0x20)]
LEADS = "".join(map(chr, _LEADS))
"""The control characters that begin a letter."""
_SHORT = tuple(
    chain(
        range(0xDF, 0x17F),  # Latin with marks
        range(0x3AC, 0x3CF),  # Greek
        range(0x430, 0x460),  # Cyrillic
        range(0x5D0, 0x5EB),  # Hebrew
        range(0x621, 0x64B),  # Arabic
    )
)
"""Letters of alphabets that are written a lot: two signs each."""
_MIDDLE, _LONG = 12, 18
"""The first lead of letters of three signs, and of four."""


class _Codes(dict[int, str]):
    """What a letter becomes, worked out when it is first met."""

    def __missing__(self, letter: int) -> str:
        number = letter - 0x80
        if letter in _SHORT:
            code = _signs(_SHORT.index(letter), 0, 1)
        elif number < (_LONG - _MIDDLE) * _CAPITALS**2:
            code = _signs(number, _MIDDLE, 2)
        else:
            # The rarest of all letters share their codes.
            code = _signs(number % ((len(_LEADS) - _LONG) * _CAPITALS**3), _LONG, 3)
        self[letter] = code
        return code


def _signs(number: int, lead: int, capitals: int) -> str:
    signs = []
    for _ in range(capitals):
        number, digit = divmod(number, _CAPITALS)
        signs.append(chr(ord("A") + digit))
    return chr(_LEADS[lead + number]) + "".join(reversed(signs))


_codes = _Codes()
_OTHER = re.compile(r"[^\x00-\x7f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
# The same for ASCII, in small letters as well.
_ASCII = bytes(32 if code < 32 or code == 127 else ord(chr(code).lower()) for code in range(128)) + bytes(128)


def _encode(run: re.Match[str]) -> str:
    return _encoded(run[0])


@lru_cache(maxsize=8192)
def _encoded(letters: str) -> str:
    return letters.translate(_codes)


def fold(text: str) -> str:
    """Text as it is searched: in any case, one space for all white space and control characters between two words."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
        text = " ".join(_CONTROL.sub(" ", text).split())
        return _OTHER.sub(_encode, text)
    return " ".join(text.encode().translate(_ASCII).decode().split())
