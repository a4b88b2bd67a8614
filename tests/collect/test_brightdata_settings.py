"""Settings of a Bright Data source: what is refused, what it costs, what is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collect.service import CATEGORY, job, pages
from ftui.collect import brightdata_config
from ftui.collect.brightdata import AMAZON_PRODUCTS, BrightData
from ftui.errors import InputError, MoneyError

PAGE = {"url": "https://shop.test/1"}


def test_settings_survive_json_and_older_ones_still_load() -> None:
    config = job(limit=20, fields=["title", "seller.name"], parameters={"notify": "https://me.test/done"}, max_cost=3)
    assert BrightData.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    older = {
        "dataset_id": AMAZON_PRODUCTS,
        "inputs": [{"category_url": CATEGORY}],
        "discover_by": "best_sellers_url",
        "limit": 20,
        "limit_per_input": 0,
        "price_per_record": 0.001,
        "poll_seconds": 10.0,
    }
    assert BrightData.from_dict(older).cost_at_most() == pytest.approx(0.02)


def test_what_a_job_can_cost() -> None:
    assert job(limit=20).cost_at_most() == pytest.approx(0.02)
    assert BrightData(inputs=(PAGE,) * 3).cost_at_most() == pytest.approx(0.003)
    words = BrightData(inputs=({"keyword": "k"},) * 2, discover_by="keyword", limit_per_input=5, limit=100)
    assert words.most_records() == 10
    # The estimate of the catalogue, unless one knows better.
    profile = "gd_l1viktl72bvl7bjuj0"
    assert BrightData(dataset_id=profile, inputs=(PAGE,)).cost_at_most() == pytest.approx(0.002)
    assert BrightData(dataset_id=profile, inputs=(PAGE,), price_per_record=0.5).cost_at_most() == 0.5
    assert BrightData(dataset_id="gd_reviews", inputs=(PAGE,), price_per_record=0).cost_at_most() == 0
    assert BrightData(snapshot_id="s_earlier").cost_at_most() == 0
    assert BrightData(dataset_id="c_mine", inputs=(PAGE,) * 4, limit_per_input=5).cost_at_most() == pytest.approx(0.02)
    for unbounded in (
        {"dataset_id": "gd_reviews"},
        {"dataset_id": "gd_reviews", "sync": True},
        {"dataset_id": "c_mine"},
    ):
        with pytest.raises(MoneyError):
            BrightData(**{"inputs": [PAGE], **unbounded}).cost_at_most()


def test_a_limit_of_costs_becomes_a_limit_of_records() -> None:
    found = job(limit=0, max_cost=0.3, price_per_record=0.1)
    assert found.query()["limit_multiple_results"] == "3"
    assert found.cost_at_most() == pytest.approx(0.3)
    assert job(limit=2, max_cost=0.3, price_per_record=0.1).query()["limit_multiple_results"] == "2"
    several = job(limit=0, limit_per_input=50, max_cost=0.02)
    assert several.query()["limit_multiple_results"] == "20"
    assert several.cost_at_most() == pytest.approx(0.02)
    # Pages are paid for each, so all of them have to fit; so has all that a collector can bring.
    assert pages(max_cost=0.003).cost_at_most() == pytest.approx(0.003)
    for too_dear in (
        pages(max_cost=0.0029),
        pages(max_cost=0.0029, sync=True),
        job(limit=5, max_cost=0.0009),
        BrightData(dataset_id="c_mine", inputs=(PAGE,) * 4, limit_per_input=5, max_cost=0.01),
    ):
        with pytest.raises(MoneyError) as error:
            too_dear.cost_at_most()
        assert error.value.what == "The job could cost more than its limit"


def test_what_is_sent() -> None:
    config = BrightData(
        inputs=(PAGE,), fields=("title", "seller.name"), limit=9, parameters={"notify": "https://me.test/done"}
    )
    assert config.query() == {
        "dataset_id": AMAZON_PRODUCTS,
        "include_errors": "true",
        "limit_multiple_results": "9",
        "custom_output_fields": "title|seller.name",
        "notify": "https://me.test/done",
    }
    assert "limit_multiple_results" not in pages(sync=True, max_cost=1).query()
    assert BrightData(dataset_id="c_mine", inputs=(PAGE,), parameters={"version": "dev"}).query() == {
        "collector": "c_mine",
        "queue_next": "1",
        "version": "dev",
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"inputs": [{"category_url": CATEGORY}], "discover_by": "best_sellers_url"},
        {"inputs": []},
        {"inputs": ["https://shop.test"]},
        {"inputs": PAGE},
        {"inputs": "https://shop.test"},
        {"inputs": [{}]},
        {"inputs": [{"url": float("nan")}]},
        {"inputs": [{"url": object()}]},
        {"inputs": [PAGE], "limit": -1},
        {"inputs": [PAGE], "limit_per_input": 3},
        {"inputs": [PAGE], "base_url": "https://elsewhere.test"},
        {"inputs": [PAGE], "dataset_id": "s_snapshot"},
        {"inputs": [PAGE], "dataset_id": "gd_../../zone"},
        {"inputs": [PAGE], "batch_size": 999},
        {"inputs": [PAGE], "fields": ["a|b"]},
        {"inputs": [PAGE], "fields": ["two words"]},
        {"inputs": [PAGE], "input_format": "xml"},
        {"inputs": [{"urls": ["a", "b"]}], "input_format": "csv"},
        {"inputs": [PAGE] * 21, "sync": True},
        {"inputs": [PAGE], "sync": True, "limit": 5},
        {"inputs": [PAGE], "sync": True, "input_format": "csv"},
        {"inputs": [PAGE], "sync": "yes"},
        {"inputs": [PAGE], "max_cost": -1},
        {"inputs": [PAGE], "snapshot_id": "s_earlier"},
        {"snapshot_id": "../progress"},
        {"inputs": [PAGE], "dataset_id": "c_mine", "limit": 5},
        {"inputs": [PAGE], "dataset_id": "c_mine", "sync": True},
        {"inputs": [PAGE], "dataset_id": "c_mine", "input_format": "csv"},
        {"inputs": [PAGE], "dataset_id": "c_mine", "parameters": {"notify": "https://me.test"}},
        {"inputs": [PAGE], "parameters": {"auth_header": "Bearer secret"}},
        {"inputs": [PAGE], "parameters": {"endpoint": "https://me:secret@me.test/hook"}},
        {"inputs": [PAGE], "parameters": {"endpoint": "file:///etc/passwd"}},
        {"inputs": [PAGE], "parameters": {"limit_per_input": "5"}},
        {"inputs": [PAGE], "parameters": {"surprise": "1"}},
        {"inputs": [PAGE], "parameters": {"format": 5}},
        {"inputs": [PAGE], "parameters": ["format"]},
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_way_out(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        BrightData.from_dict(bad)
    assert error.value.why
    assert error.value.do
    assert "secret" not in str(error.value) or "auth_header" in str(error.value)


def test_inputs_that_lack_a_field() -> None:
    job().check_inputs()
    BrightData(dataset_id="gd_unknown", inputs=({"anything": 1},)).check_inputs()
    with pytest.raises(InputError) as error:
        job(inputs=[{"category_url": CATEGORY}, PAGE]).check_inputs()
    assert error.value.what == "Input 2 lacks 'category_url'"
    assert "Amazon products by best_sellers_url" in error.value.why
    jobs = "gd_lpfll7v5hcqtkxl6l"
    with pytest.raises(InputError):
        BrightData(dataset_id=jobs, inputs=({"page": 1},), discover_by="keyword", limit=5).check_inputs()


def test_one_line_for_lists() -> None:
    assert job(limit=20).describe() == "Bright Data Amazon products by best_sellers_url, 1 input, at most 20 records"
    assert job(limit=20).name() == "Amazon products by best_sellers_url"
    assert BrightData(dataset_id="gd_mine", inputs=(PAGE,) * 2).describe() == "Bright Data gd_mine, 2 inputs"
    assert BrightData(snapshot_id="s_earlier").describe() == "Bright Data Amazon products, snapshot s_earlier"


def test_settings_from_a_few_words() -> None:
    first = BrightData.from_dict(brightdata_config([CATEGORY], limit=20))
    assert (first.dataset_id, first.inputs[0], first.discover_by) == (
        AMAZON_PRODUCTS,
        {"category_url": CATEGORY},
        "best_sellers_url",
    )
    assert first.most_records() == 20
    listed = BrightData.from_dict(
        brightdata_config(["https://x.test/1", "https://x.test/2"], discover_by="none", limit=3)
    )
    assert (listed.inputs[1], listed.discover_by, listed.limit) == ({"url": "https://x.test/2"}, "", 6)
    words = BrightData.from_dict(brightdata_config(["kettle"], dataset="gd_x", discover_by="keyword", limit=3))
    assert (words.dataset_id, words.inputs[0], words.limit_per_input) == ("gd_x", {"keyword": "kettle"}, 3)
    # The catalogue knows what an input is called.
    posts = "gd_lu702nij2f790tmv9h"
    assert brightdata_config(["kettle"], dataset=posts, discover_by="keyword", limit=3)["inputs"] == [
        {"search_keyword": "kettle"}
    ]
    mine = BrightData.from_dict(brightdata_config(["https://x.test/1"], dataset="c_mine", limit=3))
    assert (mine.limit_per_input, mine.inputs[0]) == (3, {"url": "https://x.test/1"})
