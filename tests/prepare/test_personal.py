"""Personal data: found, named without being repeated, masked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.prepare.personal import find, is_account, is_card, mask, named

# Put together here, so that no search for secrets stops at this file.
OPENAI = "sk-" + "proj-" + "abcDEF0123456789_-" * 2
GITHUB = "ghp_" + "a1B2c3D4e5" * 4
AMAZON = "AKIA" + "IOSFODNN7EXAMPLE"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0In0." + "abcdefghijkl"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow\n-----END RSA PRIVATE " + "KEY-----"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to max.muster@web.de now", "Write to [e-mail address] now"),
        ("Пишите: иван@почта.рф!", "Пишите: [e-mail address]!"),
        ("icon@2x.png, @name, a@b", "icon@2x.png, @name, a@b"),
        ("Call +49 30 901820 or (212) 736-5000.", "Call [phone number] or [phone number]."),
        ("On 2024-11-22 19.99 for 10 000 000", "On 2024-11-22 19.99 for 10 000 000"),
        ("ISBN 978-3-16-148410-0, EAN 4006381333931, item 2127365000", None),
        ("Paid by 4111 1111 1111 1111.", "Paid by [card number]."),
        ("Paid by 378282246310005.", "Paid by [card number]."),
        ("No card: 4111 1111 1111 1112", None),
        ("To DE89 3704 0044 0532 0130 00 please", "To [bank account] please"),
        ("No account: DE88 3704 0044 0532 0130 00", None),
        (f"Set {OPENAI}, {GITHUB} and {AMAZON}", "Set [key], [key] and [key]"),
        (f"Bearer {JWT}", "Bearer [key]"),
        (f"a\n{PEM}\nb", "a\n[key]\nb"),
        ("The task-sk-is-a-very-long-word-with-many-parts", None),
        ("Nothing at all, not even 12,345.67", None),
    ],
)
def test_mask(text: str, masked: str | None) -> None:
    assert mask(text, find(text, "US")) == (text if masked is None else masked)


def test_numbers_without_a_country_code_hang_on_the_region() -> None:
    text = "Ruf 030 901820 an oder +49 30 901820"
    assert [text[each.start : each.end] for each in find(text, "DE")] == ["030 901820", "+49 30 901820"]
    assert [text[each.start : each.end] for each in find(text)] == ["+49 30 901820"]


def test_what_was_found_is_counted_and_not_repeated() -> None:
    text = f"max@web.de, moritz@web.de, {OPENAI}, +49 30 901820"
    assert named(find(text)) == "2 e-mail addresses, a key, a phone number"
    assert named(find("max@web.de")) == "an e-mail address"
    assert named([]) == ""


@given(st.integers(0, 10**14 - 1))
def test_of_ten_check_digits_one_makes_a_card(number: int) -> None:
    digits = f"4{number:014d}"
    assert sum(is_card(f"{digits}{last}") for last in range(10)) == 1


@given(st.integers(0, 10**18 - 1), st.sampled_from(["DE", "FR", "GB"]))
def test_a_swapped_pair_of_digits_makes_no_account(number: int, country: str) -> None:
    rest = f"{number:018d}"
    check = 98 - int(f"{rest}{''.join(str(int(char, 36)) for char in country)}00") % 97
    account = f"{country}{check:02d}{rest}"
    assert is_account(account)
    for place in range(4, 21):
        if account[place] != account[place + 1]:
            swapped = account[:place] + account[place + 1] + account[place] + account[place + 2 :]
            assert not is_account(swapped)


@given(st.lists(st.sampled_from(["max@web.de", "+49 30 901820", "4111111111111111", OPENAI, "word ", ", ", "\n", "é"])))
def test_what_is_masked_holds_nothing_more(parts: list[str]) -> None:
    text = " ".join(parts)
    found = find(text, "US")
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert find(mask(text, found), "US") == []
