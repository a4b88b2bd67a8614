"""The datasets that are known by name."""

from __future__ import annotations

import re

from ftui.collect import datasets


def test_every_dataset_can_be_picked_and_asked() -> None:
    known = datasets.all_datasets()
    assert len(known) > 150
    assert len({one.id for one in known}) == len({one.name for one in known}) == len(known)
    for dataset in known:
        assert re.fullmatch(r"gd_[a-z0-9]{10,}", dataset.id)
        assert datasets.get(dataset.id) is dataset
        assert len({form.discover_by for form in dataset.forms}) == len(dataset.forms)
        for form in dataset.forms:
            assert form.fields
            assert not (form.discover_by and form.single)
            names = [field.name for field in form.fields]
            assert len(set(names)) == len(names)
            assert form.missing({}) == tuple(
                field.name
                for field in form.fields
                if field.required or not any(other.required for other in form.fields)
            )
            assert form.missing(dict.fromkeys(names, "x")) == ()


def test_amazon_products_and_their_forms() -> None:
    amazon = datasets.get("gd_l7q7dkf244hwjntr0")
    assert amazon is not None
    assert (amazon.name, amazon.group) == ("Amazon products", "Shops")
    page, sellers = amazon.form(""), amazon.form("best_sellers_url")
    assert page is not None
    assert page.single
    assert sellers is not None
    assert [field.name for field in sellers.fields] == ["category_url"]
    assert sellers.missing({"url": "https://shop.test"}) == ("category_url",)
    assert amazon.form("telepathy") is None


def test_jobs_need_some_field_but_no_certain_one() -> None:
    jobs = datasets.get("gd_lpfll7v5hcqtkxl6l")
    assert jobs is not None
    by_word = jobs.form("keyword")
    assert by_word is not None
    assert by_word.missing({"location": "Kraków"}) == ()
    assert "keyword" in by_word.missing({"location": ""})


def test_search_is_by_words_and_puts_those_first_that_can_be_asked() -> None:
    assert [one.name for one in datasets.search("tiktok comm")] == ["TikTok comments"]
    assert [one.id for one in datasets.search("GD_L7Q7DKF244HWJNTR0")] == ["gd_l7q7dkf244hwjntr0"]
    amazon = datasets.search("amazon")
    assert {one.name for one in amazon} >= {"Amazon products", "Amazon best sellers"}
    asked = [bool(one.forms) for one in amazon]
    assert asked == sorted(asked, reverse=True)
    assert len(datasets.search("")) == len(datasets.all_datasets())
    assert datasets.search("no such thing") == []


def test_prices_are_estimates_with_a_default() -> None:
    assert datasets.price_of("gd_l7q7dkf244hwjntr0") == datasets.default_price() == 0.001
    assert datasets.price_of("gd_l1viktl72bvl7bjuj0") == 0.002
    assert datasets.price_of("gd_unknown") == 0.001
