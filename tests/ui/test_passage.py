"""Where a passage stands in its record."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.ui.passage import find

PAGE = """# Error E4

The kettle shows E4 when it is cold outside.

**Error E4** means that the [lid sensor](/parts/lid) is wet.
Unplug the kettle &amp; leave the lid open for 20 minutes.

The helpline is open from 7 to 8."""


@pytest.mark.parametrize(
    ("passage", "wanted", "alike"),
    [
        ("the  helpline\nis open".replace("the", "The"), "The helpline is open", 1.0),
        (
            "Error E4 means that the lid sensor is wet.",
            "Error E4** means that the [lid sensor](/parts/lid) is wet",
            0.8,
        ),
        ("ошибка E4", None, 0.0),
        ("A belt of ninety teeth fits the B2", None, 0.0),
        ("", None, 0.0),
    ],
)
def test_the_place_or_the_closest_one(passage: str, wanted: str | None, alike: float) -> None:
    place = find(PAGE, passage)
    if wanted is None:
        assert place is None
        return
    assert place is not None
    assert PAGE[place.start : place.stop] == wanted
    assert alike <= place.alike <= 1
    assert (place.alike == 1) == (alike == 1)


def test_a_passage_in_a_record_that_is_shown_as_json() -> None:
    answer = 'Press "Reset":\n\n\t1. Open C:\\lid.\r\n\x0b2. Wait — 20 minutes.\nDone.'
    text = "messages: " + json.dumps([{"role": "assistant", "content": answer}], ensure_ascii=False)
    for passage in (answer, " ".join(answer.split())):
        place = find(text, passage)
        assert place is not None
        assert place.alike == 1
        assert text[place.start : place.stop] == json.dumps(answer, ensure_ascii=False)[1:-1]


def test_a_megabyte_that_repeats_itself_is_no_more_than_its_length() -> None:
    answer = "word " * 200_000 + "\nend of it"
    text = json.dumps({"content": answer})
    place = find(text, answer)
    assert place is not None
    assert text[place.start : place.stop] == json.dumps(answer)[1:-1]
    assert find(text, "x" + answer) is None


def test_a_text_that_begins_with_a_gap() -> None:
    for text in ("  \n the lid is  wet ", "\\n\\u000bthe lid\\nis wet"):
        place = find(text, "the lid is wet")
        assert place is not None
        assert text[place.start : place.stop].startswith("the lid")
        assert text[place.start : place.stop].endswith("is  wet" if "  wet" in text else "nis wet")


WORDS = st.lists(st.sampled_from(["lid", "is", "wet", "the", "K7"]), min_size=1, max_size=12)


@given(WORDS, WORDS, WORDS)
def test_what_stands_there_word_by_word_is_found(before: list[str], words: list[str], after: list[str]) -> None:
    text = "\n".join([*before, *words, *after])
    place = find(text, " ".join(words))
    assert place is not None
    assert text[place.start : place.stop].split() == words
    assert place.alike == 1
    # The same words in another order are close.
    place = find(text, " ".join(sorted(words)))
    assert place is not None
    assert place.alike > 0.5
