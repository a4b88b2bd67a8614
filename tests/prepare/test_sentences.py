"""Where a text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.prepare.sentences import cut, ends


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("Short.", 10, "Short."),
        ("It holds 1.3 litres. It is red. It is", 25, "It holds 1.3 litres."),
        ("Ready, e.g. at noon. Then more", 25, "Ready, e.g. at noon."),
        ('He said "no." Then he went away', 20, 'He said "no."'),
        ("No end in sight at all", 10, ""),
        ("很好。非常好。再见", 5, "很好。"),
        ("Good! Über alles", 8, "Good!"),
        ("Exactly ten.", 12, ""),
        ("Чайник вмещает 1,3 л. Он красный. Он и", 36, "Чайник вмещает 1,3 л. Он красный."),
        ("Это удобно, т. е. быстро. Потом", 28, "Это удобно, т. е. быстро."),
        ("Писал А. С. Пушкин. И потом", 24, "Писал А. С. Пушкин."),
        ("Завод стоит. Адрес: ул. Ленина и так далее", 35, "Завод стоит."),
        ("Mr. Brown and Dr. White came. Then", 32, "Mr. Brown and Dr. White came."),
        ("So groß wie z. B. Berlin ist. Und", 31, "So groß wie z. B. Berlin ist."),
        ("See it. Siehe Abb. 3 und mehr davon", 22, "See it."),
        ("The answer is no. Then more", 20, "The answer is no."),
        ("यह लाल है। यह बड़ा है। और", 14, "यह लाल है।"),
        ("إنه أحمر. هل هو كبير؟ نعم", 23, "إنه أحمر. هل هو كبير؟"),
        ("یہ سرخ ہے۔ یہ بڑا ہے", 15, "یہ سرخ ہے۔"),
        ("「はい。」そして彼は去った", 8, "「はい。」"),
        ("Այն կարմիր է։ Այն մեծ", 18, "Այն կարմիր է։"),
        ("ቀይ ነው። ትልቅ", 10, "ቀይ ነው።"),
        ("หม้อนี้สีแดง หม้อนี้ใหญ่มาก", 20, "หม้อนี้สีแดง"),
        ("It has:\n\n- two lids\n- a cord that is long", 25, "It has:\n\n- two lids"),
        ("One part\n\nAnother part that is longer", 20, "One part"),
        ("He stops... Then he goes on", 14, "He stops..."),
    ],
)
def test_cut_at_a_sentence_end(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@given(st.text(alphabet='ab A.。!?"\n-।', max_size=300), st.integers(1, 120))
def test_a_cut_is_a_beginning_that_is_short_enough(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert text.startswith(short)
    assert len(short) < limit or len(text) < limit
    assert short in (text, "") or short == text[: len(short)].rstrip()


@given(st.text(alphabet="aA.。?\n- ", max_size=200))
def test_ends_come_in_order(text: str) -> None:
    places = list(ends(text))
    assert places == sorted(set(places))
