"""Claims held against their source, in many scripts."""

from __future__ import annotations

import pytest

from ftui.prepare import support

ENGLISH = (
    "Descale the Tavrik kettle every three months. Use 20 grams of citric acid in 1.5 litres of water,"
    " wait for half an hour, and rinse twice. Marta Olsen designed it in 1998."
)
GERMAN = "Der Akku der Leuchte hält etwa vierzehn Monate. Das Gehäuse ist aus Eichenholz und wiegt 2,5 kg."
RUSSIAN = "Очищайте чайник Таврик каждые три месяца. Возьмите 20 граммов лимонной кислоты на 1,5 литра воды."
CHINESE = "每三个月给水壶除垢一次。用20克柠檬酸和1.5升水煮沸，等待半小时，然后冲洗两次。"
JAPANESE = "ケトルは三か月ごとに掃除してください。クエン酸20グラムを水1.5リットルに入れて沸かします。"
ARABIC = "نظف الإبريق كل ثلاثة أشهر. استخدم ٢٠ غراما من حمض الليمون في ١٫٥ لتر من الماء المغلي."
HINDI = "केतली को हर तीन महीने में साफ करें। पानी में २० ग्राम साइट्रिक एसिड डालें और आधे घंटे प्रतीक्षा करें।"
THAI = "ทำความสะอาดกาต้มน้ำทุกสามเดือน ใช้กรดซิตริก 20 กรัมกับน้ำ 1.5 ลิตร แล้วล้างสองครั้ง"
GREEK = "Καθαρίζετε τον βραστήρα κάθε τρεις μήνες με 20 γραμμάρια κιτρικού οξέος."


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("The Tavrik kettle is descaled every three months.", ENGLISH),
        ("You need 20 grams of citric acid, and 1.5 litres of water.", ENGLISH),
        ("It was designed by Marta Olsen in 1998.", ENGLISH),
        ("Das Gehäuse der Leuchte besteht aus Eichenholz. Es wiegt 2,5 kg.", GERMAN),
        ("Чайник Таврик очищают каждые три месяца. Нужно 20 граммов лимонной кислоты.", RUSSIAN),
        ("水壶每三个月除垢一次，用20克柠檬酸。", CHINESE),
        ("ケトルは三か月ごとに掃除します。クエン酸は20グラムです。", JAPANESE),
        ("ينظف الإبريق كل ثلاثة أشهر. استخدم 20 غراما من حمض الليمون.", ARABIC),
        ("केतली को हर तीन महीने में साफ करें। 20 ग्राम साइट्रिक एसिड डालें।", HINDI),
        ("ใช้กรดซิตริก 20 กรัมกับน้ำ", THAI),
        ("Τον βραστήρα τον καθαρίζετε κάθε τρεις μήνες.", GREEK),
        ("", ENGLISH),
    ],
)
def test_what_the_source_says_is_borne_out(claim: str, source: str) -> None:
    assert support.unsupported(claim, source) == []


@pytest.mark.parametrize(
    ("claim", "source", "missing"),
    [
        ("You need 25 grams of citric acid.", ENGLISH, "25"),
        ("It was designed by Peter Olsen.", ENGLISH, "Peter"),
        ("The guarantee covers accidental breakage.", ENGLISH, "guarantee"),
        ("Die Lampe besitzt einen eingebauten Lautsprecher mit Fernbedienung.", GERMAN, "lautsprecher"),
        ("Гарантия действует пять лет и покрывает доставку.", RUSSIAN, "гарантия"),
        ("Нужно 50 граммов лимонной кислоты.", RUSSIAN, "50"),
        ("保修期为五年，包括意外损坏的费用。", CHINESE, "保修"),
        ("保証期間は五年で、送料は無料です。", JAPANESE, "保証"),
        ("الضمان يشمل الكسر والتوصيل المجاني لخمس سنوات.", ARABIC, "الضمان"),
        ("استخدم ٣٠ غراما من حمض الليمون.", ARABIC, "30"),
        ("इसकी वारंटी पांच साल की होती है और मुफ्त डिलीवरी मिलती है।", HINDI, "वारंटी"),
        ("รับประกันสินค้าห้าปีรวมค่าจัดส่ง", THAI, "ปร"),
    ],
)
def test_what_is_made_up_is_named(claim: str, source: str, missing: str) -> None:
    assert missing in support.unsupported(claim, source)


def test_a_quote_is_found_whatever_its_spaces_and_marks() -> None:
    place = support.find("citric acid\n in 1,5 Litres — of water", ENGLISH)
    assert place is not None
    assert ENGLISH[place.start : place.end] == "citric acid in 1.5 litres of water"
    place = support.find("水壶 除垢一次", CHINESE)
    assert place is not None
    assert CHINESE[place.start : place.end] == "水壶除垢一次"
    for quote in ("", "…", "citric acid of water", "\u202e"):
        assert support.find(quote, ENGLISH) is None


def test_numbers_are_the_same_however_they_are_written() -> None:
    assert support.made_up("1,500 g, ٢٠ and 1.5", "1500 g, 20 or 1,5") == []
    assert support.made_up("1,500 g and 7", "1.500 g") == ["7"]
