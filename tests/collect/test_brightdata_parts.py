"""Downloads that break off, come in parts, or go on after a crash: every row once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.responses import PlainTextResponse, Response

from collect.gather import Said, listen
from collect.service import Stage, job, ndjson, past_of, replay, run, stage, taken
from ftui.collect import Past
from ftui.errors import NetworkError, ServiceError
from ftui.events import Batch, Entry
from servers.brightdata import BrightDataServer, error_row, product
from servers.broken import Cut


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture
def service(place: Stage) -> tuple[BrightDataServer, str]:
    place.server = BrightDataServer(statuses=["ready"])
    return place.server, place.url


async def test_a_download_that_breaks_off_goes_on_without_repeating_rows(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.rows = [product(n) if n % 7 else error_row(n) for n in range(60)]
    server.cut_after = [20, 5, 41]
    said = await listen(run(url))
    assert len(taken(said)) == len(said.records) == 51
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


@pytest.mark.parametrize("as_array", [False, True])
async def test_rows_that_come_in_the_other_form_are_read_again(
    service: tuple[BrightDataServer, str], as_array: bool
) -> None:
    server, url = service
    rows = [product(n) for n in range(30)]
    lined, listed = ndjson(*rows), json.dumps(rows).encode()
    whole, part = (lined, listed[:4000]) if as_array else (listed, lined[:4000])
    server.bodies = [Response(part), Response(whole), Response(whole)]
    said = await listen(run(url))
    assert len(said.records) == 30
    assert said.results[0]["done"] == 30


async def test_killed_at_any_moment_nothing_is_lost_or_taken_twice(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) if n % 50 else error_row(n) for n in range(3500)]
    events = [event async for event in run(url)]
    steps = [index for index, event in enumerate(events) if isinstance(event, Entry)]
    assert len(steps) > 3
    for step in steps:
        # What the consumer had committed when the program died.
        before = replay(events[: step + 1])
        rest = await listen(run(url, past=past_of(before)))
        assert len(taken(before)) + len(taken(rest)) == 3430
        assert len(before.failures) + len(rest.failures) == 70
        assert rest.results[0]["done"] == 3430
        assert rest.results[0]["failed"] == 70
    assert server.triggers == 1


async def test_a_large_snapshot_comes_in_parts_each_of_them_once(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(4500)]
    config = job(batch_size=1000, limit=5000)
    events = [event async for event in run(url, config)]
    whole = replay(events)
    assert server.parts == [1, 2, 3, 4, 5]
    assert len(whole.records) == 4500
    assert any(progress.text == "downloading part 1 of 5" for progress in whole.progress)
    # Cut off in the fourth part: the three before it are not fetched again.
    stop = next(index for index, event in enumerate(events) if isinstance(event, Entry) and event.data["part"] == 4)
    before = replay(events[: stop + 1])
    server.parts.clear()
    rest = await listen(run(url, config, past_of(before)))
    assert server.parts == [4, 5]
    assert len(taken(before)) + len(taken(rest)) == 4500
    assert rest.results[0]["done"] == 4500


async def test_many_records_come_in_parts_by_themselves(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.statuses = [{"status": "ready", "records": 100_000}]
    server.rows = [{"id": n} for n in range(41_000)]
    said = await listen(run(url, job(limit=100_000)))
    assert server.parts == [1, 2, 3]
    assert said.results[0]["done"] == 41_000
    assert max(len(event.items) for event in said.order if isinstance(event, Batch)) == 1000


async def test_a_missing_part_is_tried_again_and_then_named(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(3500)]
    config = job(batch_size=1000, limit=5000)
    server.missing_parts[2] = 1
    said = await listen(run(url, config))
    assert server.parts == [1, 3, 4, 2]
    assert len(said.records) == 3500

    server.parts.clear()
    server.missing_parts.update({2: 2, 4: 2})
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url, config), said)
    assert error.value.what == "2 of 4 parts of the snapshot could not be had"
    assert "part 2, 4 of 1,000 rows" in error.value.why
    assert server.parts == [1, 3]
    assert len(said.records) == 2000
    # Later only these are fetched, and nothing is started.
    rest = await listen(run(url, config, past_of(said)))
    assert server.parts == [1, 3, 2, 4]
    assert len(taken(rest)) == 1500
    assert rest.results[0]["done"] == 3500
    assert server.triggers == 2


async def test_an_expired_snapshot_is_not_asked_for_part_by_part(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(3500)]
    server.expired = {"s_test1"}
    with pytest.raises(ServiceError) as error:
        await listen(run(url, job(batch_size=1000, limit=5000)))
    assert error.value.what == "The snapshot has expired"
    assert server.hits["snapshot"] == 1


async def test_a_ledger_of_another_job_is_not_heeded(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    first = await listen(run(url))
    server.start("gd_other", [{"url": "https://x.test"}])
    said = await listen(run(url, past=Past({"snapshot_id": "s_test2"}, tuple(first.ledger))))
    assert len(said.records) == 2


async def test_a_service_that_fails_for_a_while_or_for_long_costs_nothing_twice(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    server.bodies = [PlainTextResponse("Internal trouble", 503) for _ in range(4)]
    assert len((await listen(run(url))).records) == 2
    server.bodies = [PlainTextResponse("Internal trouble", 503) for _ in range(5)]
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url), said)
    assert error.value.why == "Internal trouble"
    assert said.states[-1]["snapshot_id"] == "s_test2"
    assert len((await listen(run(url, past=past_of(said)))).records) == 2
    assert server.triggers == 2


async def test_rows_that_are_not_there_at_once_are_looked_for_again(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    gone = PlainTextResponse("Snapshot does not exist", 404)
    server.bodies = [gone, gone]
    assert len((await listen(run(url))).records) == 2
    server.bodies = [gone, gone, gone]
    said = Said()
    with pytest.raises(ServiceError):
        await listen(run(url), said)
    assert said.states[-1] == {}


async def test_a_part_that_the_service_fails_to_send_is_a_missing_one(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.rows = [product(n) for n in range(2500)]
    server.bodies = [PlainTextResponse("Internal trouble", 503) for _ in range(5)]
    said = await listen(run(url, job(batch_size=1000, limit=5000)))
    assert "Part 1 of 3 could not be had: Internal trouble" in said.notes
    assert len(said.records) == 2500


async def test_rows_that_come_otherwise_each_time_are_given_up(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    whole = [product(n) for n in range(30)]
    server.bodies = [Cut(ndjson(*whole[turn:], *whole[:turn])) for turn in range(30)]
    said = Said()
    with pytest.raises(NetworkError) as error:
        await listen(run(url), said)
    assert error.value.why == "the rows come otherwise each time"
    assert said.states[-1]["snapshot_id"] == "s_test1"
    assert len(said.records) == 30


@pytest.mark.parametrize("as_array", [False, True])
async def test_fewer_rows_than_last_time_are_read_again(service: tuple[BrightDataServer, str], as_array: bool) -> None:
    server, url = service
    whole = [product(n) for n in range(30)]
    pack = (lambda *rows: json.dumps(rows).encode()) if as_array else ndjson
    cut = b"[" + b",".join(json.dumps(row).encode() for row in whole) if as_array else ndjson(*whole)
    server.bodies = [Cut(cut), Response(pack(*whole[:10])), Response(pack(*whole[:10]))]
    said = await listen(run(url))
    assert said.results[0]["done"] == 10
    assert len(said.records) == 30
    server.bodies = [Cut(cut), Response(b" "), Response(pack(*whole))]
    assert (await listen(run(url))).results[0]["done"] == 30
