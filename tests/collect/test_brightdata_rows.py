"""Rows on their way in: what they hold, and everything that can be wrong with them."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.responses import JSONResponse, Response, StreamingResponse

from collect.gather import Said, listen
from collect.service import Stage, job, ndjson, past_of, run, stage, taken
from ftui.collect.brightdata_block import CUT, MOST_ROW_BYTES, TOO_LONG
from ftui.errors import NetworkError, ServiceError
from servers.brightdata import BrightDataServer, error_row, product
from servers.broken import trickle


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture
def service(place: Stage) -> tuple[BrightDataServer, str]:
    place.server = BrightDataServer(statuses=["ready"])
    return place.server, place.url


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
    records = taken(said)
    assert [record.key for record in records[:3]] == ["B0TEST0001", "B0TEST0001", "B0TEST0002"]
    assert records[3].key.startswith("#")
    assert records[0].data["description"] == text
    assert records[1].data["seller_name"] == "Another shop"
    reasons = sorted(failure.reason for failure in said.failures)
    assert reasons == ["dead_page", "empty row", "not an object"] + ([] if as_array else ["not valid JSON"])
    assert said.results[0]["done"] == 4


@pytest.mark.parametrize("as_array", [False, True])
async def test_texts_numbers_and_names_as_they_come(service: tuple[BrightDataServer, str], as_array: bool) -> None:
    server, url = service
    rows = [
        '{"asin": "TWICE", "title": "first", "title": "second"}',
        '{"asin": 4711, "title": 12, "url": 3.5, "brand": true, "final_price": "null"}',
        '{"asin": "BIG", "stock": 123456789012345678901234567890, "rating": 4.30}',
        '{"asin": "NUL", "title": "a\\u0000b"}',
        '{"asin": "DEEP", "tree": ' + "[" * 500 + "]" * 500 + "}",
        json.dumps(product(7, title="Wasserkocher für Großküchen")),
        json.dumps(product(8, title="ラモラ電気ケトル"), ensure_ascii=False),
        json.dumps(product(9, title="Bouilloire élégante"), ensure_ascii=False),
    ]
    server.rows = rows
    server.as_array = as_array
    said = await listen(run(url))
    assert said.records["TWICE"].title == "second"
    number = said.records["4711"]
    assert (number.title, number.url, number.data["title"], number.data["final_price"]) == ("", "", 12, "null")
    assert said.records["BIG"].data["rating"] == 4.3
    assert float(said.records["BIG"].data["stock"]) == pytest.approx(1.2345678901234568e29)
    assert said.records["NUL"].data["title"] == "a\0b"
    assert said.records["B0TEST0008"].title == "ラモラ電気ケトル"
    assert len(said.records) == 8


async def test_bad_lines_are_counted_and_the_good_ones_go_on(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    body = ndjson(
        b"\xef\xbb\xbf" + json.dumps(product(1)).encode(),
        b'{"asin": "NUL\x00BYTE"}',
        b"",
        b"   ",
        json.dumps(product(2)).encode() + b"\r",
        b'{"asin": "\xff\xfe"}',
        b'{"asin": "HALF"',
        product(3),
    )
    server.bodies = [Response(body + json.dumps(product(4)).encode())]
    said = await listen(run(url))
    assert sorted(said.records) == [f"B0TEST{n:04}" for n in (1, 2, 3, 4)]
    assert said.reasons == {f"row {n}": "not valid JSON" for n in (2, 4, 5)}


@pytest.mark.parametrize("as_array", [False, True])
async def test_data_that_ends_in_the_middle(service: tuple[BrightDataServer, str], as_array: bool) -> None:
    server, url = service
    whole = (
        b"[" + ndjson(product(1))[:-1] + b"," + ndjson(product(2))[:-1] + b"]"
        if as_array
        else ndjson(product(1), product(2))
    )
    server.rows, server.as_array = [product(1), product(2)], as_array
    server.bodies = [Response(whole[:-40])]
    said = await listen(run(url))
    # The next answer was whole.
    assert [record.key for record in taken(said)] == ["B0TEST0001", "B0TEST0002"]
    assert said.failures == []
    server.bodies = [Response(whole[:-40]) for _ in range(9)]
    said = await listen(run(url))
    assert set(said.records) == {"B0TEST0001"}
    assert [failure.reason for failure in said.failures] == [CUT]
    assert len(server.bodies) == 6


async def test_an_array_that_is_not_json_from_some_row_on(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    body = b"[" + ndjson(product(1))[:-1] + b"," + ndjson(product(2))[:-1] + b", oops]"
    server.bodies = [Response(body) for _ in range(3)]
    said = await listen(run(url))
    assert set(said.records) == {"B0TEST0001", "B0TEST0002"}
    assert said.reasons == {"row 3 and what follows": "not valid JSON"}


async def test_broken_compression_ends_with_what_came_before_it(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    rows = ndjson(*(product(number) for number in range(9000)))
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(rows[: len(rows) // 2]) + packer.flush(zlib.Z_FULL_FLUSH)
    # No block begins so: other broken bytes may be read as some more rows.
    packed += b"\xff" * 64
    broken = {"content-encoding": "gzip"}
    # More than are asked for: one that gets further than the one before is no reason to give up.
    server.bodies = [Response(packed, headers=broken) for _ in range(40)]
    said = Said()
    with pytest.raises(NetworkError) as error:
        await listen(run(url, job(limit=10_000)), said)
    assert "broken compression" in error.value.why
    assert 0 < len(said.records) < 9000
    assert said.states[-1]["snapshot_id"] == "s_test1"
    # Later it is whole. What came out of the broken place is not trusted: it is read from the start.
    server.bodies = [Response(gzip.compress(rows), headers=broken) for _ in range(2)]
    rest = await listen(run(url, job(limit=10_000), past_of(said)))
    assert len(said.records | rest.records) == 9000
    assert rest.results[0]["done"] == 9000
    assert server.triggers == 1


async def test_compression_that_just_ends(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    packed = gzip.compress(ndjson(*(product(n) for n in range(50))))[:-30]
    server.bodies = [Response(packed, headers={"content-encoding": "gzip"}) for _ in range(9)]
    said = await listen(run(url))
    assert 0 < len(said.records) < 50
    assert [failure.reason for failure in said.failures] == [CUT]


async def test_a_byte_at_a_time_counts_as_gone(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.bodies = [trickle(ndjson(product(1)) * 50, 0.02)]
    said = await listen(run(url, patience=0.3))
    assert "next to nothing" in said.notes[0]
    assert len(said.records) == 2
    server.trigger_faults = [trickle(b'{"snapshot_id": "s_slow"}' + b" " * 500, 0.02)]
    said = await listen(run(url, patience=0.3))
    assert "the trigger was lost (timeout)" in said.notes[0]


async def test_a_word_about_the_rows_is_no_row(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.bodies = [
        JSONResponse({"status": "building", "message": "Dataset is not ready yet, try again in 10s"}),
        JSONResponse({"pending": True}),
    ]
    said = await listen(run(url))
    assert [progress.text for progress in said.progress[:2]] == [
        "Bright Data: Dataset is not ready yet, try again in 10s",
        "Bright Data: pending",
    ]
    assert len(said.records) == 2
    server.bodies = [JSONResponse({"status": "failed", "error_message": "Account is suspended"})]
    with pytest.raises(ServiceError) as error:
        await listen(run(url))
    assert error.value.why == "Account is suspended"
    # A row that merely has a status is one.
    server.rows = [{"id": 1, "status": "failed"}]
    assert (await listen(run(url))).results[0]["done"] == 1


@pytest.mark.parametrize("as_array", [False, True])
async def test_a_row_of_50_mb_is_a_failure_and_needs_no_memory_of_its_own(
    service: tuple[BrightDataServer, str], as_array: bool
) -> None:
    server, url = service
    comma, start, end = (b",", b"[", b"]") if as_array else (b"\n", b"", b"\n")

    async def body() -> AsyncIterator[bytes]:
        yield start + json.dumps(product(1)).encode() + comma + b'{"asin": "LONG", "description": "'
        for _ in range(50):
            yield b"x" * 1_000_000
        yield b'"}' + comma + json.dumps(product(2)).encode() + end

    server.bodies = [StreamingResponse(body())]
    tracemalloc.start()
    said = await listen(run(url))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert set(said.records) == {"B0TEST0001", "B0TEST0002"}
    assert said.reasons == {"row 2": TOO_LONG}
    # A line is passed over; an item of an array has to be read to its end.
    assert as_array or most < 3 * MOST_ROW_BYTES


async def test_a_long_row_among_short_ones(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    long = b'{"asin": "LONG", "text": "' + b"x" * MOST_ROW_BYTES + b'"}'
    server.bodies = [Response(ndjson(product(1), long, product(2)))]
    said = await listen(run(url))
    assert said.reasons == {"row 2": TOO_LONG}
    assert set(said.records) == {"B0TEST0001", "B0TEST0002"}


async def test_an_item_of_an_array_that_never_ends(service: tuple[BrightDataServer, str]) -> None:
    server, url = service

    async def body() -> AsyncIterator[bytes]:
        yield b"[" + json.dumps(product(1)).encode() + b', {"text": "'
        for _ in range(80):
            yield b"x" * 1_000_000

    server.bodies = [StreamingResponse(body())]
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(run(url), said)
    assert "row 2 is longer than 64 MB" in error.value.why
    assert set(said.records) == {"B0TEST0001"}
    assert said.states[-1]["snapshot_id"] == "s_test1"


async def test_a_long_last_line_and_a_cut_behind_a_long_line(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.bodies = [Response(ndjson(product(1)) + b"x" * (MOST_ROW_BYTES + 10))]
    said = await listen(run(url))
    assert said.reasons == {"row 2": TOO_LONG}
    assert len(said.records) == 1


async def test_ten_thousand_rows_in_three_languages_with_errors_among_them(
    service: tuple[BrightDataServer, str],
) -> None:
    server, url = service
    titles = ("Kettle number {}", "Wasserkocher Nummer {}, groß", "電気ケトル {} 号")
    server.rows = [
        error_row(n, ("dead_page", "blocked", "timeout")[n % 3])
        if n % 10 == 3
        else product(
            n, title=titles[n % 3].format(n), final_price=(None, n, n / 7)[n % 3], features=[] if n % 5 else None
        )
        for n in range(10_000)
    ]
    server.statuses = [{"status": "ready", "records": 10_000}]
    said = await listen(run(url, job(limit=10_000)))
    assert len(taken(said)) == len(said.records) == 9000
    assert len(said.failures) == 1000
    assert {failure.reason for failure in said.failures} == {"dead_page", "blocked", "timeout"}
    assert said.notes == []
    assert said.records["B0TEST0002"].title == "電気ケトル 2 号"
    assert said.results[0]["cost"] == 9.0
