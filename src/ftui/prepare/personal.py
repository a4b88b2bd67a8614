"""Personal data and secrets in a text: found, or masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["e-mail address", "phone number", "card number", "bank account", "key"]

_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}(?!png|jpe?g|gif|webp|svg)[^\W\d_]{2,24}(?![\w@])"
)
_KEY = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:
    (?:sk|pk|rk)[-_](?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}   # OpenAI, Anthropic, Stripe
    | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_[A-Za-z0-9_]{40,} | glpat-[A-Za-z0-9_-]{20,}
    | (?:AKIA|ASIA)[A-Z0-9]{16} | AIza[A-Za-z0-9_-]{30,} | ya29\.[A-Za-z0-9_-]{20,}
    | xox[abeoprs]-[A-Za-z0-9-]{16,} | hf_[A-Za-z0-9]{30,} | npm_[A-Za-z0-9]{30,} | pypi-[A-Za-z0-9_-]{40,}
    | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
    | eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}
    )(?![A-Za-z0-9])""",
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:.{0,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----)?", re.DOTALL
)
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){13,18}(?![\d-]|[.,]\d)")
# By issuer, with the lengths that each has: an article number of 13 digits is none.
_ISSUED = re.compile(
    r"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|6(?:011|5\d\d|4[4-9]\d|2\d\d)\d{12,15}"
)
_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_BETWEEN = r"[\d ()./\u2010-\u2013-]"
# Seven figures, whatever is between them: nothing else is worth asking about.
_FIGURES = re.compile(rf"\d{_BETWEEN}{{5,}}\d")
_PHONE = re.compile(rf"\+\d{_BETWEEN}{{6,}}|\d[ )./\u2010-\u2013-]{{1,2}}\d{_BETWEEN}{{4,}}\d")
_SHORTEST_KEY = 20
# One of these is in every key: a text without any need not be taken apart.
_OF_KEYS = ("_", "-", "AKIA", "ASIA", "AIza", "ya29.", "SG.", "eyJ")
_DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class Found:
    """`text[start:end]` is one of `kind`."""

    kind: Kind
    start: int
    end: int


def find(text: str, region: str = "") -> list[Found]:
    """The personal data in a text, in order, no two over each other.

    Args:
        region: country ("US") whose phone numbers are known without a country code.
    """
    found = list[Found]()
    if "@" in text:
        found += (Found("e-mail address", *match.span()) for match in _MAIL.finditer(text))
    if any(map(text.__contains__, _OF_KEYS)) and max(map(len, text.split()), default=0) >= _SHORTEST_KEY:
        found += (Found("key", *match.span()) for match in _KEY.finditer(text))
    if "PRIVATE KEY" in text:
        found += (Found("key", *match.span()) for match in _PRIVATE_KEY.finditer(text))
    if (not text.isascii() or any(map(text.__contains__, _DIGITS))) and _FIGURES.search(text):
        found += _numbers(text, region)
    return _apart(found) if len(found) > 1 else found


def mask(text: str, found: list[Found]) -> str:
    """`text` with "[e-mail address]" and the like where `find` found something."""
    for each in reversed(found):
        text = f"{text[: each.start]}[{each.kind}]{text[each.end :]}"
    return text


def named(found: list[Found]) -> str:
    """What was found, counted: "2 e-mail addresses, a key". Never the data themselves."""
    counts = dict[Kind, int]()
    for each in found:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return ", ".join(_counted(kind, count) for kind, count in counts.items())


def _counted(kind: Kind, count: int) -> str:
    if count == 1:
        return f"an {kind}" if kind.startswith("e") else f"a {kind}"
    return f"{count} {kind}{'es' if kind.endswith('s') else 's'}"


def _numbers(text: str, region: str) -> Iterator[Found]:
    long = [
        *(Found("card number", *each.span()) for each in _CARD.finditer(text) if is_card(re.sub("[ -]", "", each[0]))),
        *(
            Found("bank account", *each.span())
            for each in _ACCOUNT.finditer(text)
            if is_account(each[0].replace(" ", ""))
        ),
    ]
    yield from long
    if not _PHONE.search(text):
        return
    import phonenumbers

    for each in long:  # a phone number beside them would not be seen
        text = f"{text[: each.start]}{'|' * (each.end - each.start)}{text[each.end :]}"
    for number in phonenumbers.PhoneNumberMatcher(text, None):
        yield Found("phone number", number.start, number.end)
    # Without its country code a number has to be written as the country does, and not in
    # bare digits: else it is a date or an article number more often than a phone number.
    strict = phonenumbers.Leniency.STRICT_GROUPING
    for number in phonenumbers.PhoneNumberMatcher(text, region, strict) if region else ():
        if not number.raw_string.isdigit():
            yield Found("phone number", number.start, number.end)


def is_card(digits: str) -> bool:
    """Whether digits are as long and begin as a card number does, with its check digit (Luhn)."""
    if not _ISSUED.fullmatch(digits):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def is_account(account: str) -> bool:
    """Whether an IBAN without spaces has its check digits."""
    moved = account[4:] + account[:4]
    return 15 <= len(account) <= 34 and int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _apart(found: list[Found]) -> list[Found]:
    """In order; of two that overlap the longer one."""
    kept = list[Found]()
    for each in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        if all(each.end <= other.start or each.start >= other.end for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda one: one.start)
