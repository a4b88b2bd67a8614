"""Passages that stand on many pages of a site."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.prepare.boilerplate import Boilerplate

MENU = ["Home", "Kettles", "Toasters", "About us"]
FOOT = "We ship to every country of the world within three days."
RETURNS = ["## Can I send it back?", "", "Yes, within thirty days and without a reason."]


def page(number: int, text: str, site: str = "http://shop.test") -> dict[str, Any]:
    return {"id": number, "source": 1, "url": f"{site}/{number}", "title": "", "data": {"markdown": text}}


def product(number: int, *more: str) -> str:
    own = [f"# Kettle {number}", "", "Colour: black", f"Kettle {number} holds {number} litres. {FOOT}"]
    return "\n".join([*MENU, *own, *more, "", FOOT, *MENU])


def learned(records: list[dict[str, Any]], share: float = 0.3, **more: Any) -> Boilerplate:
    found = Boilerplate(share, **more)
    for record in records:
        found.add(record)
    return found


def test_menus_lines_and_sentences_that_repeat_are_left_out() -> None:
    records = [page(number, product(number)) for number in range(10)]
    found = learned(records)
    rest = " ".join(found.strip(records[3])["markdown"].split())
    assert rest == "# Kettle 3 Colour: black Kettle 3 holds 3 litres."
    left_out = list(found.left_out())
    assert ("shop.test", FOOT, 10) in left_out
    assert {passage for _, passage, _ in left_out} == {*MENU, FOOT}


def test_a_section_that_repeats_is_told_once() -> None:
    records = [page(number, product(number, *RETURNS)) for number in range(10)]
    found = learned(records)
    texts = [found.strip(record)["markdown"] for record in records]
    assert [RETURNS[0] in text for text in texts] == [True] + [False] * 9
    assert [RETURNS[2] in text for text in texts] == [True] + [False] * 9


def test_few_pages_and_other_sites_are_left_alone() -> None:
    few = [page(number, product(number)) for number in range(4)]
    assert learned(few).strip(few[0]) == {}
    others = [page(number, product(number), f"http://s{number}.test") for number in range(20)]
    assert learned(others).strip(others[0]) == {}
    some = [page(number, f"Page {number} is about {number}. {FOOT if number < 5 else ''}") for number in range(100)]
    assert learned(some).strip(some[0]) == {}


def test_a_page_of_nothing_else_stays() -> None:
    records = [page(number, f"# Not found\n\n{FOOT}") for number in range(10)]
    assert all(learned(records).strip(record) == {} for record in records)


def test_rows_of_a_file_belong_to_its_source() -> None:
    def row(number: int) -> dict[str, Any]:
        data = {
            "description": f"Lamp {number} is warm and it is small. {FOOT}",
            "category": "Home > Kitchen > All Lamps",
        }
        return {"id": number, "source": 7, "url": "", "data": data}

    records = [row(number) for number in range(10)]
    assert learned(records).strip(records[2]) == {"description": "Lamp 2 is warm and it is small."}


def test_html_is_undone_before_anything_is_counted() -> None:
    records = [page(number, f"Kettle {number} is new.<br><b>{FOOT}</b>") for number in range(10)]
    found = learned(records, tidy=lambda text: text.replace("<br>", "\n").replace("<b>", "").replace("</b>", ""))
    assert found.strip(records[1]) == {"markdown": "Kettle 1 is new."}


def test_memory_is_bounded_and_what_is_frequent_is_not_forgotten() -> None:
    records = [page(number, f"A line that only page number {number} has of all.\n{FOOT}") for number in range(5_000)]
    found = learned(records, counted=500)
    assert len(found._counts) <= 500
    assert found.strip(records[4_000])["markdown"].startswith("A line that only page number 4000")
    assert FOOT not in found.strip(records[4_000])["markdown"]


LINES = [*MENU, FOOT, *RETURNS, "Something of its own stands here.", "水壶可以装一点三升水，很安静。", "a"]


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from(LINES), max_size=8), min_size=5, max_size=12), st.integers(0, 9))
def test_only_whole_passages_go_and_something_stays(pages: list[list[str]], seed: int) -> None:
    random.Random(seed).shuffle(pages)
    records = [page(number, "\n".join(lines)) for number, lines in enumerate(pages)]
    found = learned(records)
    for record, lines in zip(records, pages, strict=True):
        shorter = found.strip(record).get("markdown")
        if shorter is not None:
            rest = iter(lines)
            assert all(line in rest for line in shorter.split("\n"))  # in order, none changed
            assert shorter.strip()
