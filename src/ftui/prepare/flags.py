"""What a person should look at in a pair, and how much each of it weighs.

A flag never changes a pair. Its reason says what was found, never the data themselves
where they are personal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import eq

from ftui.prepare import mojibake, residue
from ftui.prepare.recipe import Cleaning
from ftui.units import plural

_WEIGHTS = {
    "personal": 0.7,
    "unsupported": 0.7,
    "mojibake": 0.6,
    "residue": 0.5,
    "language": 0.5,
    "boilerplate": 0.4,
    "repeated": 0.4,
    "cut": 0.25,
    "trimmed": 0.2,
    "short": 0.25,
    "long": 0.15,
}
_OTHER = 0.2
_LONG_QUESTION = 600
_MARKS = re.compile(r"[.!?…\n。！？।؟]+")
# The same for ASCII, many times as fast.
_ASCII_MARKS = bytes.maketrans(b".!?", b"\n\n\n")
_BREAKS_OFF = re.compile(r"(?:…|\.\.\.)[\])]*$")
# What stands at the foot of pages, in the languages that most shops are in.
_FOOT = (
    ("©", "a copyright line"),
    ("all rights reserved", "a copyright line"),
    ("alle rechte vorbehalten", "a copyright line"),
    ("tous droits réservés", "a copyright line"),
    ("todos los derechos reservados", "a copyright line"),
    ("все права защищены", "a copyright line"),
    ("版权所有", "a copyright line"),
    ("accept all cookies", "a cookie notice"),
    ("we use cookies", "a cookie notice"),
    ("this site uses cookies", "a cookie notice"),
    ("wir verwenden cookies", "a cookie notice"),
    ("nous utilisons des cookies", "a cookie notice"),
    ("utilizamos cookies", "a cookie notice"),
    ("использует cookie", "a cookie notice"),
    ("subscribe to our newsletter", "an invitation to a newsletter"),
    ("unseren newsletter", "an invitation to a newsletter"),
    ("add to cart", "a button"),
    ("in den warenkorb", "a button"),
    ("ajouter au panier", "a button"),
    ("añadir al carrito", "a button"),
    ("в корзину", "a button"),
    ("click here to", "a link without its target"),
    ("read more »", "a link without its target"),
)
# Nearly no text has the first of these signs, and each takes its time to look for.
_OTHER_FOOT = tuple((sign, name) for sign, name in _FOOT if "cookie" not in sign)


def risk(flags: Mapping[str, str]) -> float:
    """How likely a pair with these flags is to be rejected, from 0 to 1: for sorting."""
    fine = 1.0
    for name in flags:
        fine *= 1 - _WEIGHTS.get(name, _OTHER)
    return round(1 - fine, 4)


def of_answer(answer: str, settings: Cleaning) -> Iterator[tuple[str, str]]:
    """The flags of an answer, each with its reason. Without a word it calls tools, of which there are none."""
    if not answer:
        return
    # A Chinese character says about as much as three letters.
    length = len(answer) * (3 if answer[:1] >= "\u2e80" else 1)
    if length < settings.short:
        yield "short", f"an answer of {plural(len(answer), 'character')}"
    elif length > settings.long:
        yield "long", f"an answer of {len(answer):,} characters"
    if _BREAKS_OFF.search(answer, max(0, len(answer) - 8)):
        yield "cut", "the source itself breaks off"
    yield from _in_text(answer, "the answer")
    lower = answer.lower()
    for sign, name in _FOOT if "cookie" in lower else _OTHER_FOOT:
        if sign in lower:
            yield "boilerplate", f"{name}: “{sign}”"
            break
    if repeated := _repeated(answer):
        yield "repeated", repeated


def of_question(question: str) -> Iterator[tuple[str, str]]:
    """The flags of a question, each with its reason."""
    if len(question) > _LONG_QUESTION:
        yield "long", f"a question of {len(question):,} characters"
    yield from _in_text(question, "the question")


def _in_text(text: str, where: str) -> Iterator[tuple[str, str]]:
    if rest := residue.left(text):
        yield "residue", f"{rest} in {where}"
    if wrong := mojibake.left(text):
        yield "mojibake", f"{where} {wrong}" if wrong.startswith("looks") else f"{wrong} in {where}"


def _repeated(text: str) -> str:
    """What comes again and again in a text, in a few words; "" for nothing."""
    seen = set[str]()
    parts = text.encode().translate(_ASCII_MARKS).decode().split("\n") if text.isascii() else _MARKS.split(text)
    for part in parts:
        if len(part) >= 20:
            sentence = part.strip()
            if sentence in seen:
                return f"“{sentence[:60]}{'…' if len(sentence) > 60 else ''}” more than once"
            seen.add(sentence)
    words = text.lower().split()
    if any(map(eq, words, words[1:])):
        for one, two, three, four in zip(words, words[1:], words[2:], words[3:], strict=False):
            if one == two == three == four and one.isalpha():
                return f"“{one}” four times in a row"
    return ""
