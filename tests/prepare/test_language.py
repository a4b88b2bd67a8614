"""Languages are told without a network, and only what is sure counts."""

from __future__ import annotations

import socket

import pytest

from ftui.prepare.language import detect, judge

SHORT = {
    "en": "How long does the battery last?",
    "de": "Wie lange hält der Akku?",
    "ru": "Сколько времени держит аккумулятор?",
    "es": "¿Cuánto tiempo dura la batería?",
    "fr": "Combien de temps dure la batterie ?",
    "zh": "电池能用多长时间？",
    "ar": "كم من الوقت تدوم البطارية؟",
    "hi": "बैटरी कितने समय तक चलती है?",
    "ja": "バッテリーはどのくらい持ちますか？",
    "pl": "Jak długo działa bateria?",
}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refused)


@pytest.mark.parametrize("language", SHORT)
def test_a_short_question_is_told(language: str) -> None:
    assert next(iter(detect(SHORT[language]))) == language
    assert judge(SHORT[language], [language]).fits
    assert judge(SHORT[language], ["xx", language]).doubt == ""
    assert not judge(SHORT[language], ["fi"]).fits


@pytest.mark.parametrize("text", ["", "OK", "12345 678 90", "Zorbel 3000", "+++ \n ---", "水"])
def test_what_cannot_be_told_stays(text: str) -> None:
    assert judge(text, ["en"]).fits
    assert judge(text, ["zh"]).doubt == ""


def test_what_is_not_sure_stays_and_is_said() -> None:
    mixed = "Der Zorbel is a kettle und kocht very fast"
    judgement = judge(mixed, ["fr"])
    assert judgement.fits
    assert judgement.doubt.startswith("perhaps ")


def test_kin_are_not_told_apart() -> None:
    assert judge("Korrhe eg denne kjelen med eddik kvar månad?", ["no"]).fits
    assert judge("電池可以用幾耐呀？唔該話畀我知", ["zh"]).fits


def test_the_reason_names_the_language() -> None:
    assert judge(SHORT["ru"], ["en", "de"]).doubt.startswith("ru (")


def test_half_a_surrogate_is_in_no_language_but_spoils_nothing() -> None:
    assert next(iter(detect(f"\ud800 {SHORT['de']}"))) == "de"
