"""Jobs at a Bright Data on loopback: paid for once, whatever gets lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from collect.gather import Said, listen
from collect.service import CATEGORY, Stage, job, past_of, run, stage
from ftui.collect import Past
from ftui.collect.brightdata import AMAZON_PRODUCTS
from ftui.errors import NetworkError, ServiceError
from ftui.events import Checkpoint
from servers.brightdata import BrightDataServer, error_row, product


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture
def service(place: Stage) -> tuple[BrightDataServer, str]:
    place.server = BrightDataServer()
    return place.server, place.url


async def test_a_discovery_from_trigger_to_records(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = await listen(run(url))
    assert set(said.records) == {"B0TEST0001", "B0TEST0002"}
    record = said.records["B0TEST0001"]
    assert (record.title, record.url) == ("Lumora kettle 1", "https://shop.test/dp/B0TEST0001")
    assert record.repeats
    assert record.data["features"][0] == "Keeps warm for an hour"
    assert said.reasons == {"https://shop.test/dp/GONE0003": "dead_page"}
    assert said.results == [
        {"done": 2, "failed": 1, "bytes": said.progress[-1].bytes, "snapshot_id": "s_test1", "cost": 0.002}
    ]
    last = said.progress[-1]
    assert last.bytes > 500
    assert (last.done, last.total, last.failed, last.cost, last.cost_at_most) == (2, 3, 1, 0.002, 0.05)
    assert server.jobs[0].query == {
        "dataset_id": AMAZON_PRODUCTS,
        "include_errors": "true",
        "type": "discover_new",
        "discover_by": "best_sellers_url",
        "limit_multiple_results": "50",
    }
    assert server.jobs[0].input == [{"category_url": CATEGORY}]


async def test_what_runs_at_the_service_is_told(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.statuses = ["queued_by_gnomes", {"status": "running", "records": 1200}, "ready"]
    server.not_ready = 2
    said = await listen(run(url))
    texts = [progress.text for progress in said.progress]
    assert texts[0] == "Bright Data: queued_by_gnomes, for 0 s, next look in 0 s"
    assert texts[1] == "Bright Data: running, 1,200 records so far, for 0 s, next look in 0 s"
    assert texts.count("Bright Data: Snapshot is not ready yet, try again in 30s") == 2
    assert said.progress[0].cost_at_most == 0.05
    assert len(said.records) == 2


@pytest.mark.parametrize("form", ["json", "csv", "wrapped"])
async def test_inputs_arrive_in_each_form(service: tuple[BrightDataServer, str], form: str) -> None:
    server, url = service
    rows = [{"keyword": "Wasserkocher, groß"}, {"keyword": 'a "kettle"\nof steel'}]
    more = {"csv": {"input_format": "csv"}, "wrapped": {"limit": 0, "limit_per_input": 7}}.get(form, {})
    await listen(run(url, job(dataset_id="gd_words", inputs=rows, discover_by="keyword", **more)))
    assert server.jobs[0].form == form
    assert server.jobs[0].input == rows
    assert server.jobs[0].query.get("limit_per_input") == ("7" if form == "wrapped" else None)


async def test_the_intent_is_said_before_the_trigger_is_sent(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = Said()
    async for event in run(url):
        said.take(event)
        if isinstance(event, Checkpoint) and "snapshot_id" not in event.state:
            assert server.triggers == 0
    assert said.states[0]["intent"]["input"] == [{"category_url": CATEGORY}]
    assert said.states[1]["snapshot_id"] == "s_test1"
    assert "input" not in said.states[1]["intent"], "there may be very many of them"


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
    said = Said()
    events = run(url)
    async for event in events:
        said.take(event)
        if said.states:
            break
    await events.aclose()
    assert server.triggers == 0
    # The trigger arrived, and the program died before it saw the answer.
    server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    found = await listen(run(url, past=past_of(said)))
    assert server.triggers == 1
    assert server.hits["trigger"] == 0
    assert len(found.records) == 2

    # Had it not arrived, it is sent, as it was meant then.
    server.jobs.clear()
    await listen(run(url, job(limit=7), past_of(said)))
    assert server.hits["trigger"] == 1
    assert server.jobs[0].query["limit_multiple_results"] == "50"


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
    asked = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url), asked)
    assert "s_test1, s_test2" in error.value.why
    assert asked.states[-1]["unclear"] is True
    assert server.triggers == 2
    # The person's answers: it is this one, or there is none of it.
    server.statuses = ["ready"]
    assert (await listen(run(url, past=Past({"snapshot_id": "s_test2"})))).results[0]["snapshot_id"] == "s_test2"
    assert server.triggers == 2
    assert (await listen(run(url, past=Past({})))).results[0]["snapshot_id"] == "s_test3"


async def test_an_answer_lost_twice_stops(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.trigger_faults = ["drop", "drop"]
    with pytest.raises(NetworkError):
        await listen(run(url))
    assert server.triggers == 0
    assert server.hits["trigger"] == 2


async def test_resumed_with_a_snapshot_nothing_is_triggered_and_nothing_taken_twice(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    first = await listen(run(url))
    for state in first.states[1:]:
        again = await listen(run(url, past=Past(state)))
        assert again.results[0]["done"] == 2
        assert len(again.records) == 2
    assert server.triggers == 1
    hits = server.hits["snapshot"]
    rest = await listen(run(url, past=past_of(first)))
    assert rest.records == {}
    assert rest.results[0]["done"] == 2
    # The last entry says that all of it was taken.
    assert server.hits["snapshot"] == hits


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
    again = await listen(run(url, past=past_of(said)))
    assert again.results[0]["snapshot_id"] == "s_test2"


@pytest.mark.parametrize("status", ["cancelled", "canceled"])
async def test_of_a_job_cancelled_elsewhere_is_taken_what_had_arrived(
    service: tuple[BrightDataServer, str], status: str
) -> None:
    server, url = service
    server.statuses = ["running", status]
    said = await listen(run(url))
    assert len(said.records) == 2
    assert "was cancelled" in said.notes[0]


async def test_a_snapshot_that_is_gone_or_expired_is_not_asked_for_for_ever(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url, past=Past({"snapshot_id": "s_nowhere"})), said)
    assert error.value.why == "Snapshot does not exist; they are kept for 30 days"
    assert said.states == [{}]
    server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    server.expired = {"s_test1"}
    server.statuses = ["ready"]
    with pytest.raises(ServiceError) as error:
        await listen(run(url, past=Past({"snapshot_id": "s_test1"})))
    assert error.value.what == "The snapshot has expired"
    assert "30 days" in error.value.why


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


async def test_a_job_that_is_not_seen_at_once_is_not_given_up(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.unseen = 2
    assert len((await listen(run(url))).records) == 2
    server.unseen = 3
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url), said)
    assert error.value.what == "Bright Data does not have the rows of s_test2"
    assert said.states[-1] == {}


async def test_an_empty_answer_does_not_end_a_job_that_was_paid_for(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.bodies = [Response(b"")]
    said = Said()
    with pytest.raises(NetworkError):
        await listen(run(url), said)
    assert said.states[-1]["snapshot_id"] == "s_test1"
    assert len((await listen(run(url, past=past_of(said)))).records) == 2
    assert server.triggers == 1


@pytest.mark.parametrize("more", [{}, {"input_format": "csv"}])
async def test_our_own_job_is_known_though_its_inputs_look_different(
    service: tuple[BrightDataServer, str], more: dict[str, Any]
) -> None:
    server, url = service
    rows = [
        {"url": "https://www.shop.test/a%20b/", "num": 5, "deep": True},
        {"url": "https://shop.test/c", "num": 7, "deep": False},
    ]
    config = job(dataset_id="gd_shop", inputs=rows, discover_by="shop", **more)
    server.trigger_faults = ["lose"]
    server.told_input = [
        {"url": "HTTPS://shop.test/c/", "num": "7", "deep": "false", "country": "US"},
        {"url": "http://shop.test/a b", "num": "5", "deep": "true", "country": "US"},
    ]
    said = await listen(run(url, config))
    assert said.results[0]["snapshot_id"] == "s_test1"
    assert server.triggers == 1
    # Other inputs are another job.
    server.told_input[1]["num"] = "6"
    server.trigger_faults = ["drop"]
    said = await listen(run(url, config))
    assert server.triggers == 2


async def test_fewer_rows_than_announced_are_noticed(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.statuses = [{"status": "ready", "records": 500}]
    server.rows = [product(n) for n in range(4)]
    said = await listen(run(url))
    assert said.notes == ["Bright Data told of 500 records, 4 came"]
