"""Jobs at a Bright Data on loopback: paid for once, whatever gets lost."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from collect.gather import Said, listen
from ftui.collect.brightdata import AMAZON_PRODUCTS, BrightData, best_sellers, collect_dataset
from ftui.collect.brightdata_api import check_token
from ftui.errors import CredentialError, FtuiError, InputError, NetworkError, ServiceError
from ftui.events import Checkpoint, Event
from servers.brightdata import TOKEN, BrightDataServer, error_row, product
from servers.serve import refused_port, serve

CATEGORY = "https://shop.test/best-sellers/kettles"


@pytest.fixture
def service() -> Iterator[tuple[BrightDataServer, str]]:
    server = BrightDataServer()
    with serve(server.app) as base_url:
        yield server, base_url


def job(base_url: str, **more: Any) -> BrightData:
    return BrightData(
        **{
            "inputs": [{"category_url": CATEGORY}],
            "discover_by": "best_sellers_url",
            "limit_multiple_results": 50,
            "base_url": base_url,
            "poll_seconds": 0.01,
            **more,
        }
    )


def run(config: BrightData, state: dict[str, Any] | None = None) -> AsyncGenerator[Event, None]:
    return collect_dataset(config, TOKEN, state=state)


async def test_a_discovery_from_trigger_to_records(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = await listen(run(job(url)))
    assert set(said.records) == {"B0TEST0001", "B0TEST0002"}
    record = said.records["B0TEST0001"]
    assert (record.title, record.url) == ("Lumora kettle 1", "https://shop.test/dp/B0TEST0001")
    assert record.data["features"][0] == "Keeps warm for an hour"
    assert said.reasons == {"https://shop.test/dp/GONE0003": "dead_page"}
    assert said.results == [{"done": 2, "failed": 1, "bytes": said.progress[-1].bytes, "snapshot_id": "s_test1"}]
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
    async for event in run(job(url)):
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
    said = await listen(run(job(url)))
    assert server.triggers == 2  # one of them is the other job above
    assert said.results[0]["snapshot_id"] == "s_test2"
    assert "was lost" in said.notes[0]


async def test_cut_off_between_intent_and_answer(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    config = job(url)
    said = Said()
    events = run(config)
    async for event in events:
        said.take(event)
        if said.states:
            break
    await events.aclose()
    assert server.triggers == 0
    # The trigger arrived, and the program died before it saw the answer.
    server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    said = await listen(run(config, said.states[-1]))
    assert server.triggers == 1
    assert server.hits["trigger"] == 0
    assert len(said.records) == 2

    # Had it not arrived, it is sent.
    server.snapshots.clear()
    await listen(run(config, {"intent": said.states[0]["intent"]}))
    assert server.hits["trigger"] == 1


async def test_an_older_snapshot_of_the_same_input_is_another_job(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    old = server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    old.created = old.created.replace(year=2020)
    server.trigger_faults = ["drop"]
    said = await listen(run(job(url)))
    assert said.results[0]["snapshot_id"] == "s_test2"


async def test_without_input_at_the_service_one_candidate_is_ours_and_two_are_a_question(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.tells_input = False
    server.trigger_faults = ["lose"]
    said = await listen(run(job(url)))
    assert said.results[0]["snapshot_id"] == "s_test1"
    server.trigger_faults = ["lose"]
    with pytest.raises(ServiceError) as error:
        await listen(run(job(url)))
    assert "s_test1, s_test2" in error.value.why
    assert server.triggers == 2


async def test_an_answer_lost_twice_stops(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.trigger_faults = ["drop", "drop"]
    with pytest.raises(NetworkError):
        await listen(run(job(url)))
    assert server.triggers == 0
    assert server.hits["trigger"] == 2


async def test_resumed_with_a_snapshot_nothing_is_triggered(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    first = await listen(run(job(url)))
    for state in first.states[1:]:
        again = await listen(run(job(url), state))
        assert again.results[0]["done"] == 2
    assert server.triggers == 1
    assert again.records == {}


async def test_unknown_states_are_shown_and_202_after_ready_is_waited_for(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.statuses = ["queued_by_gnomes", "digesting", "ready"]
    server.not_ready = 2
    said = await listen(run(job(url)))
    texts = [progress.text for progress in said.progress]
    assert texts[0] == "Bright Data: queued_by_gnomes"
    assert texts.count("Bright Data: Snapshot is not ready yet, try again in 30s") == 2
    assert len(said.records) == 2


async def test_failed_with_http_200_is_an_error(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.statuses = [{"status": "failed", "error_message": "No data found in discovery"}]
    with pytest.raises(ServiceError) as error:
        await listen(run(job(url)))
    assert error.value.why == "No data found in discovery"
    assert "failed" in error.value.what


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
    said = await listen(run(job(url)))
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
    said = await listen(run(job(url)))
    assert len([event for event in said.order if event in said.records.values()]) == 51
    assert len(said.failures) == 9
    assert said.results[0] | {"bytes": 0} == {"done": 51, "failed": 9, "bytes": 0, "snapshot_id": "s_test1"}
    assert len(said.notes) == 3


async def test_rows_in_another_order_are_read_again_rather_than_lost(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(30)]
    server.cut_after = [20]
    server.orders = ["", "reverse", "reverse"]
    said = await listen(run(job(url)))
    assert len(said.records) == 30
    assert said.results[0]["done"] == 30


async def test_a_large_snapshot_resumes_from_its_checkpoints(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(2500)]
    whole = await listen(run(job(url)))
    assert len(whole.records) == 2500
    partial = next(state for state in whole.states if state.get("rows") == 1000)
    rest = await listen(run(job(url), partial))
    assert len(rest.records) == 1500
    assert rest.results[0]["done"] == 2500
    assert server.triggers == 1


async def test_a_few_429_are_waited_for_and_a_storm_stops(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.refusals.update({"trigger": 2, "progress": 2, "snapshot": 2})
    said = await listen(run(job(url)))
    assert len(said.records) == 2
    assert server.triggers == 1

    server.hits.clear()
    server.refusals["trigger"] = 1000
    with pytest.raises(ServiceError) as error:
        await listen(run(job(url)))
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
        await listen(run(job(url)))
    assert why in error.value.why
    assert TOKEN not in str(error.value)
    assert error.value.do


async def test_nothing_but_errors_and_nothing_at_all(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [error_row(1), error_row(2), error_row(3, "blocked")]
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(job(url)), said)
    assert len(said.failures) == 3
    assert error.value.why == "3 rows with errors, most often: dead_page"
    server.rows = []
    with pytest.raises(ServiceError) as error:
        await listen(run(job(url)))
    assert error.value.why == "Snapshot is empty"


async def test_a_service_that_is_not_there() -> None:
    with pytest.raises(NetworkError):
        await listen(run(job(f"http://127.0.0.1:{refused_port()}")))


async def test_the_key_is_checked_live(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    assert await check_token(TOKEN, AMAZON_PRODUCTS, url) == "Bright Data accepts the key"
    with pytest.raises(CredentialError) as error:
        await check_token("another", AMAZON_PRODUCTS, url)
    assert error.value.why == "Invalid credentials"
    with pytest.raises(CredentialError) as error:
        await check_token("line\nbreak", AMAZON_PRODUCTS, url)
    assert "break" not in str(error.value)
    with pytest.raises(CredentialError):
        await listen(collect_dataset(job(url), ""))
    assert server.triggers == 0


def test_settings_limits_and_costs() -> None:
    config = best_sellers(CATEGORY, 20)
    assert BrightData.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.cost_at_most() == pytest.approx(0.02)
    assert config.describe() == f"Bright Data {AMAZON_PRODUCTS} by best_sellers_url, 1 input, at most 20 records"
    assert BrightData(inputs=({"url": "https://shop.test/1"},) * 3).cost_at_most() == pytest.approx(0.003)
    assert BrightData(dataset_id="gd_reviews", inputs=({"url": "https://shop.test/1"},)).cost_at_most() is None
    both = BrightData(
        inputs=({"keyword": "kettle"},) * 2, discover_by="keyword", limit_per_input=5, limit_multiple_results=100
    )
    assert both.most_records() == 10
    for bad in (
        {"inputs": [{"category_url": CATEGORY}], "discover_by": "best_sellers_url"},
        {"inputs": []},
        {"inputs": ["https://shop.test"]},
        {"dataset_id": "c_collector", "inputs": [{"url": "x"}]},
        {"inputs": [{"url": "x"}], "limit_per_input": -1},
    ):
        with pytest.raises(InputError):
            BrightData.from_dict(bad)
