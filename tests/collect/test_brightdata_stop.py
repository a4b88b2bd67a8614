"""A person stops a job, or tries only what failed again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

import pytest

from collect.gather import listen
from collect.service import CATEGORY, PAGES, Stage, collector, job, pages, past_of, run, stage, stop_at
from ftui.collect import Past
from ftui.collect.brightdata import AMAZON_PRODUCTS, BrightData, wind_up_dataset
from ftui.errors import FtuiError, InputError, MoneyError
from ftui.events import Event
from servers.brightdata import TOKEN, BrightDataServer, error_row, product


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture
def service(place: Stage) -> tuple[BrightDataServer, str]:
    place.server = BrightDataServer()
    return place.server, place.url


def wind_up(url: str, config: BrightData, past: Past) -> AsyncGenerator[Event, None]:
    return wind_up_dataset(config, TOKEN, base_url=url, past=past)


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
    # Gone on with, there is nothing more to take, and nothing more to pay.
    later = await listen(run(url, past=Past(rest.states[-1], tuple(said.ledger + rest.ledger))))
    assert later.records == {}
    assert later.results[0]["cost"] == 0.001
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


async def test_stopped_after_the_person_has_named_the_job_it_is_cancelled(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.start(AMAZON_PRODUCTS, [{"category_url": CATEGORY}])
    await listen(wind_up(url, job(), Past({"snapshot_id": "s_test1"})))
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
