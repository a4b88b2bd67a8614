"""The other kinds of jobs: the call that waits, collectors, earlier snapshots; stopping, and only what failed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from collect.gather import Said, listen
from collect.service import CATEGORY, PAGES, Stage, job, pages, past_of, run, stage
from ftui.collect import Past
from ftui.collect.brightdata import AMAZON_PRODUCTS, BrightData, list_snapshots, wind_up_dataset
from ftui.errors import CredentialError, FtuiError, InputError, MoneyError, ServiceError
from ftui.events import Checkpoint, Event
from servers.brightdata import TOKEN, BrightDataServer, error_row, product


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture
def service(place: Stage) -> tuple[BrightDataServer, str]:
    place.server = BrightDataServer()
    return place.server, place.url


def collector(**more: Any) -> BrightData:
    """A job of a collector of one's own."""
    return BrightData(
        **{"dataset_id": "c_kettles", "inputs": PAGES, "limit_per_input": 5, "poll_seconds": 0.01, **more}
    )


def wind_up(url: str, config: BrightData, past: Past) -> AsyncGenerator[Event, None]:
    return wind_up_dataset(config, TOKEN, base_url=url, past=past)


async def stop_at(events: AsyncGenerator[Event, None], name: str) -> Said:
    """Listen until the checkpoint that holds a name."""
    said = Said()
    async for event in events:
        said.take(event)
        if isinstance(event, Checkpoint) and name in event.state:
            break
    await events.aclose()
    return said


# The call that waits


async def test_the_call_that_waits_brings_the_rows_itself(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = await listen(run(url, pages(sync=True)))
    assert len(said.records) == 2
    assert said.reasons == {"https://shop.test/dp/GONE0003": "dead_page"}
    assert server.hits["scrape"] == 1
    assert server.hits["trigger"] == server.hits["progress"] == 0
    assert server.jobs[0].query == {"dataset_id": AMAZON_PRODUCTS, "include_errors": "true", "format": "ndjson"}
    assert said.results[0]["cost"] == 0.002
    # It is over: going on asks for nothing more.
    again = await listen(run(url, pages(sync=True), past_of(said)))
    assert again.results[0]["done"] == 2
    assert server.triggers == 1


async def test_a_call_that_takes_too_long_hands_over(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.scrape_faults = ["slow"]
    said = await listen(run(url, pages(sync=True)))
    assert said.results[0]["snapshot_id"] == "s_test1"
    assert len(said.records) == 2
    assert "going on with snapshot s_test1" in said.notes[0]
    assert server.triggers == 1


@pytest.mark.parametrize("fault", ["lose", "cut"])
async def test_a_lost_call_is_found_in_the_list(service: tuple[BrightDataServer, str], fault: str) -> None:
    server, url = service
    server.scrape_faults = [fault]
    said = await listen(run(url, pages(sync=True)))
    assert len(said.records) == 2
    assert said.results[0] | {"bytes": 0} == {
        "done": 2,
        "failed": 1,
        "bytes": 0,
        "snapshot_id": "s_test1",
        "cost": 0.002,
    }
    assert server.triggers == 1


@pytest.mark.parametrize("fault", ["lose", JSONResponse({"message": "?"}, 202), PlainTextResponse("oops", 502)])
async def test_a_lost_call_that_is_not_listed_is_a_question(service: tuple[BrightDataServer, str], fault: Any) -> None:
    server, url = service
    server.scrape_faults, server.lists_scrapes = [fault], False
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url, pages(sync=True)), said)
    assert error.value.what == "It is not known whether the job was started"
    assert said.states[-1]["unclear"] is True
    before = server.hits["scrape"]
    with pytest.raises(ServiceError):
        await listen(run(url, pages(sync=True), past_of(said)))
    assert server.hits["scrape"] == before == 1
    # The person says that it was not started.
    assert (await listen(run(url, pages(sync=True)))).results[0]["done"] == 2


async def test_a_refused_call_says_why(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.scrape_faults = [PlainTextResponse("This dataset is not ready yet", 400)]
    server.refusals["scrape"] = 1
    said = Said()
    with pytest.raises(InputError) as error:
        await listen(run(url, pages(sync=True)), said)
    assert error.value.why == "This dataset is not ready yet"
    assert said.states[-1] == {}
    assert server.hits["scrape"] == 2


# Collectors


async def test_a_collector_from_trigger_to_records(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.not_ready = 4
    said = await listen(run(url, collector(parameters={"name": "autumn"})))
    assert len(said.records) == 2
    assert said.results[0]["snapshot_id"] == "j_test1"
    assert server.jobs[0].query == {"collector": "c_kettles", "queue_next": "1", "name": "autumn"}
    assert server.jobs[0].input == [dict(row) for row in PAGES]
    assert server.hits["snapshots"] == server.hits["progress"] == 0
    assert any("Dataset is not ready yet" in progress.text for progress in said.progress)
    assert said.progress[-1].cost_at_most == 0.015


async def test_a_collector_that_has_just_begun_says_nothing_or_null(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.bodies = [Response(b""), Response(b"null"), JSONResponse({"status": "collecting"})]
    said = await listen(run(url, collector()))
    assert len(said.records) == 2
    assert set(said.reasons.values()) == {"dead_page"}
    server.rows = []
    with pytest.raises(ServiceError) as error:
        await listen(run(url, collector()))
    assert error.value.what == "The snapshot holds no records"


async def test_a_word_instead_of_the_rows_of_a_call_that_waits(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.scrape_faults = [JSONResponse({"status": "failed", "error_message": "Account is suspended"})]
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url, pages(sync=True)), said)
    assert error.value.why == "Account is suspended"
    assert said.states[-1] == {}


@pytest.mark.parametrize("fault", ["lose", "drop", 503])
async def test_a_collector_whose_answer_was_lost_is_never_started_again_by_itself(
    service: tuple[BrightDataServer, str], fault: Any
) -> None:
    server, url = service
    server.trigger_faults = [fault]
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url, collector()), said)
    assert "no list" in error.value.why
    assert said.states[-1]["unclear"] is True
    for _ in range(2):
        with pytest.raises(ServiceError):
            await listen(run(url, collector(), past_of(said)))
    assert server.hits["trigger"] == 1
    if server.jobs:
        # The person found it.
        found = await listen(run(url, collector(), Past({"snapshot_id": "j_test1"})))
        assert found.results[0]["done"] == 2
        assert server.triggers == 1
    anew = await listen(run(url, collector(), Past({})))
    assert anew.results[0]["done"] == 2


async def test_a_collector_cut_off_between_intent_and_answer_is_a_question(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    said = await stop_at(run(url, collector()), "intent")
    assert server.triggers == 0
    with pytest.raises(ServiceError):
        await listen(run(url, collector(), past_of(said)), said)
    assert said.states[-1]["unclear"] is True
    assert server.triggers == 0


async def test_rows_of_a_collector_are_kept_for_16_days(service: tuple[BrightDataServer, str]) -> None:
    _, url = service
    with pytest.raises(ServiceError) as error:
        await listen(run(url, collector(), Past({"snapshot_id": "j_old"})))
    assert "16 days" in error.value.why


# Earlier snapshots


async def test_an_earlier_snapshot_is_taken_at_no_cost(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.start(AMAZON_PRODUCTS, [{"url": "https://elsewhere.test"}])
    server.statuses = ["running", "ready"]
    said = await listen(run(url, BrightData(snapshot_id="s_test1", poll_seconds=0.01)))
    assert len(said.records) == 2
    assert said.results[0]["cost"] == 0.0
    assert (said.progress[-1].cost, said.progress[-1].cost_at_most) == (None, None)
    assert server.triggers == 1
    server.not_ready = 1
    server.start("c_kettles", [{"url": "https://elsewhere.test"}])
    said = await listen(run(url, BrightData(snapshot_id="j_test2", poll_seconds=0.01)))
    assert len(said.records) == 2


async def test_the_list_of_snapshots(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.statuses = ["ready"]
    for category in ("a", "b", "c"):
        server.start(AMAZON_PRODUCTS, [{"category_url": category}])
    server.start("gd_other", [{"url": "x"}])
    found = await list_snapshots(AMAZON_PRODUCTS, TOKEN, base_url=url)
    assert [one.id for one in found] == ["s_test3", "s_test2", "s_test1"]
    assert (found[0].dataset_id, found[0].status, found[0].records, found[0].cost) == (
        AMAZON_PRODUCTS,
        "running",
        3,
        None,
    )
    assert found[0].created.startswith("20")
    assert len(await list_snapshots(AMAZON_PRODUCTS, TOKEN, base_url=url, limit=1, skip=1)) == 1
    assert await list_snapshots(AMAZON_PRODUCTS, TOKEN, base_url=url, status="failed") == []
    assert await list_snapshots(AMAZON_PRODUCTS, TOKEN, base_url=url, since="2999-01-01") == []
    for token, kind in (("", CredentialError), ("wrong", CredentialError), ("two words", CredentialError)):
        with pytest.raises(kind):
            await list_snapshots(AMAZON_PRODUCTS, token, base_url=url)


# A person stops it


async def test_stopped_while_it_runs_it_is_cancelled_and_what_came_is_taken(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.rows_when_cancelled = [product(5), error_row(6)]
    said = await stop_at(run(url), "snapshot_id")
    server.not_ready = 1
    rest = await listen(wind_up(url, job(), past_of(said)))
    assert server.jobs[0].cancelled
    assert set(rest.records) == {"B0TEST0005"}
    assert rest.results[0]["cost"] == 0.001
    assert server.triggers == 1


async def test_stopped_before_anything_came(service: tuple[BrightDataServer, str]) -> None:
    _, url = service
    said = await stop_at(run(url), "snapshot_id")
    rest = await listen(wind_up(url, job(), past_of(said)))
    assert rest.results[0]["done"] == 0
    assert "Snapshot is empty" in rest.notes[-1]
    # No longer running is fine as well.
    rest = await listen(wind_up(url, job(), past_of(said)))
    assert "(Snapshot is not running)" in rest.notes[0]
    assert rest.results[0]["cost"] == 0.0


async def test_stopped_during_the_download_the_rest_stays_to_be_taken(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = await stop_at(run(url), "ready")
    rest = await listen(wind_up(url, job(), past_of(said)))
    assert server.hits["cancel"] == 0
    assert "at no cost" in rest.notes[0]
    assert (await listen(run(url, past=past_of(said)))).results[0]["done"] == 2
    assert server.triggers == 1


async def test_stopped_between_intent_and_answer_the_job_is_looked_for(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = await stop_at(run(url), "intent")
    rest = await listen(wind_up(url, job(), past_of(said)))
    assert rest.notes == ["Bright Data lists no such job: it was not started"]
    assert rest.results == []
    server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    rest = await listen(wind_up(url, job(), past_of(said)))
    assert rest.states[0]["snapshot_id"] == "s_test1"
    assert server.jobs[0].cancelled


async def test_stopped_before_it_began_or_an_earlier_snapshot_nothing_is_cancelled(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.start(AMAZON_PRODUCTS, [{"url": "x"}])
    for config, past in (
        (job(), Past()),
        (BrightData(snapshot_id="s_test1", poll_seconds=0.01), Past({"snapshot_id": "s_test1"})),
    ):
        assert (await listen(wind_up(url, config, past))).order == []
    assert server.hits.total() == 0


async def test_a_stopped_collector(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    said = await stop_at(run(url, collector()), "snapshot_id")
    server.not_ready = 9
    rest = await listen(wind_up(url, collector(), past_of(said)))
    assert "brightdata.com/cp" in rest.notes[0]
    assert rest.results[0]["done"] == 0
    server.not_ready = 0
    rest = await listen(wind_up(url, collector(), past_of(said)))
    assert rest.results[0]["done"] == 2
    asked = await listen(wind_up(url, collector(), Past({"intent": said.states[0]["intent"]})))
    assert asked.states[-1]["unclear"] is True
    assert server.triggers == 1


# Only what failed


async def test_only_the_failed_inputs_are_fetched_again(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    only = ("https://shop.test/dp/1/", "https://shop.test/dp/2", "row 7", "row 8")
    said = await listen(run(url, pages(limit=50), Past(only=only)))
    assert server.jobs[0].input == [dict(row) for row in PAGES[1:]]
    assert said.notes == ["2 failures lead to no input, and are not tried again"]
    assert pages().cost_at_most() == pytest.approx(0.003)
    assert pages().cost_at_most(only) == pytest.approx(0.002)
    assert pages(max_cost=0.0025).cost_at_most(only) == pytest.approx(0.002)
    with pytest.raises(MoneyError):
        pages(max_cost=0.0025).cost_at_most()


async def test_pages_that_a_discovery_found_are_fetched_as_pages(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    first = await listen(run(url))
    only = tuple(failure.subject for failure in first.failures)
    assert job().cost_at_most(only) == pytest.approx(0.001)
    await listen(run(url, past=Past(only=only)))
    assert server.jobs[1].input == [{"url": "https://shop.test/dp/GONE0003"}]
    assert "discover_by" not in server.jobs[1].query
    # Where the input itself failed, it is discovered again.
    await listen(run(url, past=Past(only=(CATEGORY, *only))))
    assert server.jobs[2].input == [{"category_url": CATEGORY}]
    assert server.jobs[2].query["discover_by"] == "best_sellers_url"


async def test_failures_that_lead_nowhere_are_not_paid_for(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    for config, only in (
        (pages(), ("row 7",)),
        (BrightData(snapshot_id="s_test1"), ("https://shop.test/dp/1",)),
        (job(dataset_id="gd_words", inputs=[{"keyword": "k"}], discover_by="keyword"), ("https://shop.test/dp/1",)),
    ):
        with pytest.raises(InputError):
            await listen(run(url, config, Past(only=only)))
    assert server.hits.total() == 0


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (pages(max_cost=0.002), MoneyError),
        (pages(dataset_id="gd_reviews"), MoneyError),
        (job(inputs=[{"url": CATEGORY}]), InputError),
    ],
)
async def test_what_could_cost_too_much_or_lacks_a_field_is_not_started(
    service: tuple[BrightDataServer, str], config: BrightData, kind: type[FtuiError]
) -> None:
    server, url = service
    with pytest.raises(kind):
        await listen(run(url, config))
    assert server.hits.total() == 0
