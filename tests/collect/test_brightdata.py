"""Jobs at a Bright Data on loopback: paid for once, whatever gets lost."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from collect.gather import Said, listen
from ftui.collect import Past, brightdata_config
from ftui.collect.brightdata import AMAZON_PRODUCTS, BrightData, collect_dataset
from ftui.collect.past import Past
from ftui.errors import CredentialError, FtuiError, InputError, MoneyError, NetworkError, ServiceError
from ftui.events import Checkpoint, Event
from servers.brightdata import TOKEN, BrightDataServer, error_row, product
from servers.serve import refused_port, serve

CATEGORY = "https://shop.test/best-sellers/kettles"


@pytest.fixture
def service() -> Iterator[tuple[BrightDataServer, str]]:
    server = BrightDataServer()
    with serve(server.app) as base_url:
        yield server, base_url


def job(**more: Any) -> BrightData:
    return BrightData(
        **{
            "inputs": [{"category_url": CATEGORY}],
            "discover_by": "best_sellers_url",
            "limit": 50,
            "poll_seconds": 0.01,
            **more,
        }
    )


def run(url: str, config: BrightData | None = None, state: dict[str, Any] | None = None) -> AsyncGenerator[Event, None]:
    return collect_dataset(config or job(), TOKEN, base_url=url, past=Past(state or {}))


async def test_a_discovery_from_trigger_to_records(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = await listen(run(url))
    assert set(said.records) == {"B0TEST0001", "B0TEST0002"}
    record = said.records["B0TEST0001"]
    assert (record.title, record.url) == ("Lumora kettle 1", "https://shop.test/dp/B0TEST0001")
    assert record.data["features"][0] == "Keeps warm for an hour"
    assert said.reasons == {"https://shop.test/dp/GONE0003": "dead_page"}
    assert said.results == [
        {"done": 2, "failed": 1, "bytes": said.progress[-1].bytes, "snapshot_id": "s_test1", "cost": 0.002}
    ]
    assert said.progress[-1].bytes > 500
    assert [progress.text for progress in said.progress[:2]] == ["Bright Data: starting", "Bright Data: running"]
    assert server.snapshots[0].query == {
        "dataset_id": AMAZON_PRODUCTS,
        "include_errors": "true",
        "type": "discover_new",
        "discover_by": "best_sellers_url",
        "limit_multiple_results": "50",
    }
    assert server.snapshots[0].input == [{"category_url": CATEGORY}]


async def test_the_intent_is_said_before_the_trigger_is_sent(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = Said()
    async for event in run(url):
        said.take(event)
        if isinstance(event, Checkpoint) and "snapshot_id" not in event.state:
            assert server.triggers == 0
    assert said.states[0]["intent"]["input"] == [{"category_url": CATEGORY}]
    assert said.states[1]["snapshot_id"] == "s_test1"


@pytest.mark.parametrize("fault", ["lose", "drop", 500, JSONResponse({"ok": True})])
async def test_a_lost_answer_never_starts_a_second_collection(
    service: tuple[BrightDataServer, str], fault: Any
) -> None:
    server, url = service
    server.start(AMAZON_PRODUCTS, [{"category_url": "https://shop.test/another"}])
    server.trigger_faults = [fault]
    said = await listen(run(url))
    assert server.triggers == 2  # one of them is the other job above
    assert said.results[0]["snapshot_id"] == "s_test2"
    assert "was lost" in said.notes[0]


async def test_cut_off_between_intent_and_answer(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    config = job()
    said = Said()
    events = run(url, config)
    async for event in events:
        said.take(event)
        if said.states:
            break
    await events.aclose()
    assert server.triggers == 0
    # The trigger arrived, and the program died before it saw the answer.
    server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    said = await listen(run(url, config, said.states[-1]))
    assert server.triggers == 1
    assert server.hits["trigger"] == 0
    assert len(said.records) == 2

    # Had it not arrived, it is sent.
    server.snapshots.clear()
    await listen(run(url, config, {"intent": said.states[0]["intent"]}))
    assert server.hits["trigger"] == 1


async def test_an_older_snapshot_of_the_same_input_is_another_job(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    old = server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    old.created = old.created.replace(year=2020)
    server.trigger_faults = ["drop"]
    said = await listen(run(url))
    assert said.results[0]["snapshot_id"] == "s_test2"


async def test_without_input_at_the_service_one_candidate_is_ours_and_two_are_a_question(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.tells_input = False
    server.trigger_faults = ["lose"]
    said = await listen(run(url))
    assert said.results[0]["snapshot_id"] == "s_test1"
    server.trigger_faults = ["lose"]
    with pytest.raises(ServiceError) as error:
        await listen(run(url))
    assert "s_test1, s_test2" in error.value.why
    assert server.triggers == 2


async def test_an_answer_lost_twice_stops(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.trigger_faults = ["drop", "drop"]
    with pytest.raises(NetworkError):
        await listen(run(url))
    assert server.triggers == 0
    assert server.hits["trigger"] == 2


async def test_resumed_with_a_snapshot_nothing_is_triggered(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    first = await listen(run(url))
    for state in first.states[1:]:
        again = await listen(run(url, state=state))
        assert again.results[0]["done"] == 2
    assert server.triggers == 1
    assert again.records == {}


async def test_unknown_states_are_shown_and_202_after_ready_is_waited_for(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.statuses = ["queued_by_gnomes", "digesting", "ready"]
    server.not_ready = 2
    said = await listen(run(url))
    texts = [progress.text for progress in said.progress]
    assert texts[0] == "Bright Data: queued_by_gnomes"
    assert texts.count("Bright Data: Snapshot is not ready yet, try again in 30s") == 2
    assert len(said.records) == 2


async def test_failed_with_http_200_is_an_error(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.statuses = [{"status": "failed", "error_message": "No data found in discovery"}]
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url), said)
    assert error.value.why == "No data found in discovery"
    assert "failed" in error.value.what
    # Started again by a person it is a new job, for this one will not come back.
    assert said.states[-1] == {}
    server.statuses = ["ready"]
    again = await listen(run(url, state=said.states[-1]))
    assert again.results[0]["snapshot_id"] == "s_test2"


async def test_a_snapshot_that_is_gone_is_not_asked_for_for_ever(service: tuple[BrightDataServer, str]) -> None:
    _, url = service
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url, state={"snapshot_id": "s_expired"}), said)
    assert error.value.why == "Snapshot does not exist"
    assert said.states == [{}]


@pytest.mark.parametrize("as_array", [False, True])
async def test_lines_and_arrays_and_rows_that_are_no_records(
    service: tuple[BrightDataServer, str], as_array: bool
) -> None:
    server, url = service
    text = "line separator \u2028 and next line \u0085 inside a text"
    same = product(1, seller_name="Another shop")
    server.rows = [product(1, description=text), same, product(2), {"note": "no identity"}, error_row(1), [1], {}]
    server.rows += [] if as_array else ['{"asin": "B0CUT']
    server.as_array = as_array
    said = await listen(run(url))
    assert len(said.records) == 4
    assert said.records["B0TEST0001"].data["description"] == text
    assert [
        record.data["seller_name"] for key, record in said.records.items() if "#" in key and "asin" in record.data
    ] == ["Another shop"]
    reasons = sorted(failure.reason for failure in said.failures)
    assert reasons == ["dead_page", "empty row", "not an object"] + ([] if as_array else ["not valid JSON"])


async def test_a_download_that_breaks_off_goes_on_without_repeating_rows(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.rows = [product(n) if n % 7 else error_row(n) for n in range(60)]
    server.cut_after = [20, 5, 41]
    said = await listen(run(url))
    assert len([event for event in said.order if event in said.records.values()]) == 51
    assert len(said.failures) == 9
    assert said.results[0] | {"bytes": 0} == {
        "done": 51,
        "failed": 9,
        "bytes": 0,
        "snapshot_id": "s_test1",
        "cost": 0.051,
    }
    assert len(said.notes) == 3


async def test_rows_in_another_order_are_read_again_rather_than_lost(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(30)]
    server.cut_after = [20]
    server.orders = ["", "reverse", "reverse"]
    said = await listen(run(url))
    assert len(said.records) == 30
    assert said.results[0]["done"] == 30


async def test_a_large_snapshot_resumes_from_its_checkpoints(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(2500)]
    whole = await listen(run(url))
    assert len(whole.records) == 2500
    partial = next(state for state in whole.states if state.get("rows") == 1000)
    rest = await listen(run(url, state=partial))
    assert len(rest.records) == 1500
    assert rest.results[0]["done"] == 2500
    assert server.triggers == 1


async def test_a_few_429_are_waited_for_and_a_storm_stops(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.refusals.update({"trigger": 2, "progress": 2, "snapshot": 2})
    said = await listen(run(url))
    assert len(said.records) == 2
    assert server.triggers == 1

    server.hits.clear()
    server.refusals["trigger"] = 1000
    with pytest.raises(ServiceError) as error:
        await listen(run(url))
    assert "too many running jobs" in error.value.why
    assert server.hits["trigger"] == 3


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (PlainTextResponse("No data to trigger", 400), InputError, "No data to trigger"),
        (
            JSONResponse(
                {"error": "Invalid input provided", "errors": [["url", "This field must be a valid url"]]}, 400
            ),
            InputError,
            "must be a valid url",
        ),
        (PlainTextResponse("dataset does not exist", 404), ServiceError, "dataset does not exist"),
        (PlainTextResponse("", 418), ServiceError, "418 i'm a teapot"),
        (PlainTextResponse(f"Invalid credentials {TOKEN}", 401), CredentialError, "Invalid credentials …"),
    ],
)
async def test_refused_triggers_say_why(
    service: tuple[BrightDataServer, str], answer: Any, kind: type[FtuiError], why: str
) -> None:
    server, url = service
    server.trigger_faults = [answer]
    with pytest.raises(kind) as error:
        await listen(run(url))
    assert why in error.value.why
    assert TOKEN not in str(error.value)
    assert error.value.do


async def test_nothing_but_errors_and_nothing_at_all(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [error_row(1), error_row(2), error_row(3, "blocked")]
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url), said)
    assert len(said.failures) == 3
    assert error.value.why == "3 rows with errors, most often: dead_page"
    server.rows = []
    with pytest.raises(ServiceError) as error:
        await listen(run(url))
    assert error.value.why == "Snapshot is empty"


async def test_a_service_that_is_not_there() -> None:
    with pytest.raises(NetworkError):
        await listen(run(f"http://127.0.0.1:{refused_port()}"))


async def test_without_a_key_nothing_is_asked(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    with pytest.raises(CredentialError):
        await listen(collect_dataset(job(), "", base_url=url))
    assert server.triggers == 0


def test_settings_limits_and_costs() -> None:
    config = job(limit=20)
    assert BrightData.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.cost_at_most() == pytest.approx(0.02)
    assert config.describe() == "Bright Data Amazon products by best_sellers_url, 1 input, at most 20 records"
    assert BrightData(inputs=({"url": "https://shop.test/1"},) * 3).cost_at_most() == pytest.approx(0.003)
    with pytest.raises(MoneyError):
        BrightData(dataset_id="gd_reviews", inputs=({"url": "https://shop.test/1"},)).cost_at_most()
    assert (
        BrightData(inputs=({"keyword": "k"},) * 2, discover_by="keyword", limit_per_input=5, limit=100).most_records()
        == 10
    )
    for bad in (
        {"inputs": [{"category_url": CATEGORY}], "discover_by": "best_sellers_url"},
        {"inputs": []},
        {"inputs": ["https://shop.test"]},
        {"dataset_id": "c_collector", "inputs": [{"url": "x"}], "limit": 5},
        {"inputs": [{"url": "x"}], "limit": -1},
        {"inputs": [{"url": "x"}], "limit_per_input": 3},
        {"inputs": [{"url": "x"}], "base_url": "https://elsewhere.test"},
    ):
        with pytest.raises(InputError):
            BrightData.from_dict(bad)


def test_settings_from_a_few_words() -> None:
    first = BrightData.from_dict(brightdata_config([CATEGORY], limit=20))
    assert (first.dataset_id, first.inputs[0], first.discover_by) == (
        "gd_l7q7dkf244hwjntr0",
        {"category_url": CATEGORY},
        "best_sellers_url",
    )
    assert first.most_records() == 20
    pages = BrightData.from_dict(
        brightdata_config(["https://x.test/1", "https://x.test/2"], discover_by="none", limit=3)
    )
    assert (pages.inputs[1], pages.discover_by, pages.limit) == ({"url": "https://x.test/2"}, "", 6)
    words = BrightData.from_dict(brightdata_config(["kettle"], dataset="gd_x", discover_by="keyword", limit=3))
    assert (words.dataset_id, words.inputs[0], words.limit_per_input) == ("gd_x", {"keyword": "kettle"}, 3)
