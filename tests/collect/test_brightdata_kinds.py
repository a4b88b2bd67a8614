"""The other kinds of jobs: the call that waits, collectors, earlier snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from collect.gather import Said, listen
from collect.service import PAGES, Stage, collector, pages, past_of, run, stage, stop_at
from ftui.collect import Past
from ftui.collect.brightdata import AMAZON_PRODUCTS, BrightData, list_snapshots
from ftui.errors import CredentialError, InputError, ServiceError
from servers.brightdata import TOKEN, BrightDataServer


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture
def service(place: Stage) -> tuple[BrightDataServer, str]:
    place.server = BrightDataServer()
    return place.server, place.url


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
    # So it stays where they mistype its id.
    slip = Said()
    with pytest.raises(ServiceError, match="s_slip"):
        past = Past({"intent": said.states[-1]["intent"], "snapshot_id": "s_slip", "named": True})
        await listen(run(url, pages(sync=True), past), slip)
    assert slip.states[-1]["unclear"] is True
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
        named = {name: value for name, value in said.states[-1].items() if name != "unclear"} | {"named": True}
        slip = Said()
        with pytest.raises(ServiceError, match="j_slip"):
            await listen(run(url, collector(), Past({**named, "snapshot_id": "j_slip"})), slip)
        assert slip.states[-1] == said.states[-1], "it is as unclear as before"
        found = await listen(run(url, collector(), Past({**named, "snapshot_id": "j_test1"})))
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
    with pytest.raises(InputError):
        await list_snapshots("c_mine", TOKEN, base_url=url)
    for token, kind in (("", CredentialError), ("wrong", CredentialError), ("two words", CredentialError)):
        with pytest.raises(kind):
            await list_snapshots(AMAZON_PRODUCTS, token, base_url=url)
