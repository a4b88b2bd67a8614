"""New sources: every kind from the screen, what cannot be used stays in the form, money is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from ftui import credentials, settings
from ftui.collect import datasets
from ftui.errors import InputError
from ftui.store import Store, create_project
from ftui.ui.places import source_forms as forms
from servers.brightdata import TOKEN, BrightDataServer, product
from servers.serve import serve
from ui.drive import Driver
from ui.screen import golden

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
AMAZON = "gd_l7q7dkf244hwjntr0"


@pytest.fixture
def store() -> Iterator[Store]:
    create_project("lumora")
    with Store("lumora") as opened:
        yield opened


@pytest.fixture
def vendor(store: Store) -> Iterator[BrightDataServer]:
    """Bright Data on loopback, with its key saved."""
    server = BrightDataServer()
    with serve(server.app) as address:
        settings.save_config({"brightdata": {"base_url": address}})
        credentials.save("brightdata", address, TOKEN)
        yield server


@SIZES
async def test_the_way_to_a_source(store: Store, size: tuple[int, int]) -> None:
    async with Driver(size=size, keys="2n") as driver:
        await golden(driver.app, f"new-source-kinds-{size[0]}x{size[1]}")
        for key, name in (("c", "website"), ("f", "files"), ("b", "datasets")):
            await driver.press(key)
            if name == "datasets":
                driver.app.screen.query_one(Input).value = "amazon"
                await driver.until(lambda: "Best Buy" not in driver.screen)
            await golden(driver.app, f"new-source-{name}-{size[0]}x{size[1]}")
            await driver.press("escape")


@SIZES
async def test_a_dataset_is_chosen_by_name_then_its_way_then_its_fields(store: Store, size: tuple[int, int]) -> None:
    async with Driver(size=size) as driver:
        await driver.press("2", "n", "b")
        await choose(driver, "amazon products")
        assert "discover by category_url" in driver.screen
        await driver.press("3")
        for text in ("Amazon products by category_url", "sort_by", "zipcode", "Dollars at most"):
            assert text in driver.screen
        await golden(driver.app, f"new-source-dataset-{size[0]}x{size[1]}")
        # One step back at a time, up to the place.
        await driver.press("escape")
        assert "discover by category_url" in driver.screen
        await driver.press("escape", "escape", "escape")
        assert "n adds" in driver.screen


async def test_settings_that_cannot_be_used_stay_in_the_form(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("2", "n", "c")
        await driver.fill(start="ftp://somewhere/", max_pages="many")
        await driver.press("enter")
        await driver.until_shown("'many' is not a number of pages")
        await driver.fill(max_pages="5")
        await driver.press("enter")
        await driver.until(lambda: "is not a number" not in driver.screen and "✗" in driver.screen)
    assert store.sources.all() == []


async def test_an_error_in_a_small_terminal_leaves_the_field_with_the_focus_in_sight(store: Store) -> None:
    async with Driver(size=(80, 24)) as driver:
        await driver.press("2", "n", "c")
        await driver.fill(start="https://example.com/", max_pages="many")
        await driver.press("up", "ctrl+s")
        await driver.until_shown("'many' is not a number of pages")
        assert "esc back, keeps what you typed" in driver.screen
        assert "general" not in driver.screen
        assert "domain, what the model should learn" in driver.screen, "the last field, which has the focus"


async def test_files_with_a_name_and_a_tag(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "my calls.jsonl"
    file.write_text("".join(json.dumps({"question": f"Q{n}", "answer": f"A{n}"}) + "\n" for n in range(7)))
    async with Driver() as driver:
        await driver.press("2", "n", "f")
        await driver.fill(paths=f"'{file}'", name="calls")
        await driver.press("down", "down", "enter", "down", "enter", "ctrl+s")
        await driver.until_shown("7 records")
    source = store.sources.all()[0]
    assert (source.name, source.tag) == ("calls", "general")


async def test_bright_data_starts_only_after_the_cost_is_confirmed(store: Store, vendor: BrightDataServer) -> None:
    async with Driver() as driver:
        await driver.press("2", "n", "b")
        await choose(driver, "amazon products")
        await driver.press("2")
        await driver.fill(input_0="https://shop.test/best-sellers/kettles", limit="40")
        await driver.press("enter")
        await driver.until_shown("left of budget")
        assert "$0.04" in driver.screen
        # Whoever finds it too dear is back in the form, with all that was typed.
        await driver.press("enter")
        assert "https://shop.test/best-sellers/kettles" in driver.screen
        assert store.tasks.all() == []
        await driver.fill(limit="20")
        await driver.press("enter")
        await driver.until_shown("$0.02")
        await driver.press("y")
        await driver.until(lambda: vendor.triggers == 1)
        await driver.press("ctrl+x")
        await driver.until(lambda: not store.tasks.all()[0].open)
    config = store.sources.all()[0].config
    assert config["inputs"] == [{"category_url": "https://shop.test/best-sellers/kettles"}]
    assert (config["discover_by"], config["limit_per_input"]) == ("best_sellers_url", 20)


async def test_a_limit_of_dollars_that_is_too_low_is_said_in_the_form(store: Store, vendor: BrightDataServer) -> None:
    async with Driver() as driver:
        await driver.press("2", "n", "b")
        await choose(driver, "amazon products")
        await driver.press("1")
        await driver.fill(input_0="https://shop.test/dp/1 https://shop.test/dp/2", max_cost="0.001")
        await driver.press("enter")
        await driver.until_shown("could cost more than its limit")
    assert vendor.triggers == 0


async def test_an_earlier_snapshot_is_taken_without_a_question(store: Store, vendor: BrightDataServer) -> None:
    vendor.rows = [product(1), product(2)]
    vendor.statuses = ["ready"]
    earlier = vendor.start(AMAZON, [{"url": "https://shop.test/dp/1"}])
    async with Driver() as driver:
        await driver.press("2", "n", "s")
        await choose(driver, "amazon products")
        await driver.until_shown(earlier.id)
        await driver.press("enter")
        await driver.until_shown("2 records")
    assert store.sources.all()[0].config["snapshot_id"] == earlier.id
    assert store.money.spent() == 0
    assert vendor.triggers == 1, "the one that was there"


async def test_without_a_key_the_list_of_snapshots_says_what_to_do(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("2", "n", "s")
        await choose(driver, AMAZON)
        await driver.until_shown("There is no Bright Data token")


async def test_an_id_that_is_not_known_can_be_used(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("2", "n", "b", *"c_mine_1")
        assert "the collector c_mine_1" in driver.screen
        await driver.press("enter")
        for text in ("A collector of yours", "An input is called", "Records an input"):
            assert text in driver.screen
        assert "Discover by" not in driver.screen


async def choose(driver: Driver, name: str) -> None:
    """In the list of datasets: type a name or an id, and take the first."""
    driver.app.screen.query_one(Input).value = name
    await driver.press("enter")


# What was typed


def dataset(number: int, identifier: str = AMAZON) -> datasets.Form:
    known = datasets.get(identifier)
    assert known is not None
    return known.forms[number]


def test_the_field_of_an_input_follows_the_way() -> None:
    values = {"input_0": "https://a.test https://b.test", "limit": "5"}
    sellers = forms.brightdata_config(AMAZON, dataset(1), values)
    assert sellers["inputs"] == [{"category_url": "https://a.test"}, {"category_url": "https://b.test"}]
    pages = forms.brightdata_config(AMAZON, dataset(0), {"input_0": "https://a.test"})
    assert pages == {"dataset_id": AMAZON, "inputs": [{"url": "https://a.test"}], "discover_by": ""}


def test_keywords_have_blanks_and_numbers_are_numbers() -> None:
    reviews = datasets.get("gd_le8e811kzy4ggddlq")
    assert reviews is not None
    made = forms.brightdata_config(reviews.id, reviews.forms[0], {"input_0": "https://a.test", "input_1": "12"})
    assert made["inputs"] == [{"url": "https://a.test", "max_reviews": 12}]
    search = datasets.get("gd_lwdb4vjm1ehb499uxs")
    assert search is not None
    made = forms.brightdata_config(search.id, search.forms[0], {"input_0": "red kettle, bread maker"})
    assert [row["keyword"] for row in made["inputs"]] == ["red kettle", "bread maker"]


def test_rows_of_a_file_come_behind_what_was_typed() -> None:
    made = forms.brightdata_config(
        "c_mine", None, {"input_0": "kettle", "field": "word"}, [{"word": "toaster", "n": 1}]
    )
    assert made["inputs"] == [{"word": "kettle"}, {"word": "toaster", "n": 1}]


@pytest.mark.parametrize("text", ["", "-1", "3.5", "²", "1e3"])
def test_a_whole_number_is_nothing_else(text: str) -> None:
    with pytest.raises(InputError):
        forms.whole(text, "pages", 1)


@pytest.mark.parametrize(("text", "number"), [("$1.50", 1.5), ("0", 0.0), (".5", 0.5), ("2.", 2.0)])
def test_an_amount(text: str, number: float) -> None:
    assert forms.amount(text, "dollars") == number


@pytest.mark.parametrize("text", ["", "-1", "nan", "1,5", "1e3", "$"])
def test_an_amount_is_nothing_else(text: str) -> None:
    with pytest.raises(InputError):
        forms.amount(text, "dollars")
