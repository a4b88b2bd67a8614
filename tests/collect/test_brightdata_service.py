"""What the service of Bright Data says besides rows: refusals, a wrong key, another address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from collect.gather import Said, listen
from collect.service import Stage, job, past_of, run, stage
from ftui.collect.brightdata import AMAZON_PRODUCTS, collect_dataset
from ftui.collect.brightdata_api import Api, NotReady
from ftui.errors import CredentialError, FtuiError, InputError, MoneyError, NetworkError, ServiceError
from servers.brightdata import TOKEN, BrightDataServer
from servers.serve import refused_port, serve


@pytest.fixture(scope="module")
def place() -> Iterator[Stage]:
    with stage() as found:
        yield found


@pytest.fixture
def service(place: Stage) -> tuple[BrightDataServer, str]:
    place.server = BrightDataServer()
    return place.server, place.url


async def test_a_few_429_are_waited_for_and_a_storm_stops() -> None:
    server = BrightDataServer()
    with serve(server.app) as url:
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
        # Refused nine times by now: one more, and nothing is asked there any more.
        for _ in range(3):
            with pytest.raises(ServiceError):
                await listen(run(url))
        assert server.hits["trigger"] == 4
        assert 1000 - server.refusals["trigger"] == 4
        with pytest.raises(ServiceError) as error:
            await listen(run(url))
        assert "asks again in" in error.value.why


async def test_a_service_that_asks_to_wait_for_long_is_left_alone() -> None:
    server = BrightDataServer(retry_after="3600")
    server.refusals["progress"] = 5
    with serve(server.app) as url:
        with pytest.raises(ServiceError):
            await listen(run(url))
    assert server.hits["progress"] == 1


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
        (PlainTextResponse("Balance is empty", 402), MoneyError, "Balance is empty"),
        (PlainTextResponse("dataset does not exist", 404), ServiceError, "dataset does not exist"),
        (PlainTextResponse("", 418, {"x-brd-error": "no teapots"}), ServiceError, "no teapots"),
        (PlainTextResponse("", 418), ServiceError, "418 i'm a teapot"),
        (PlainTextResponse(f"Invalid credentials {TOKEN}", 401), CredentialError, "Invalid credentials …"),
    ],
)
async def test_refused_triggers_say_why(
    service: tuple[BrightDataServer, str], answer: Any, kind: type[FtuiError], why: str
) -> None:
    server, url = service
    server.trigger_faults = [answer]
    said = Said()
    with pytest.raises(kind) as error:
        await listen(run(url), said)
    assert why in error.value.why
    assert TOKEN not in str(error.value)
    assert error.value.do
    assert said.states[-1] == {}


@pytest.mark.parametrize("before", [390, 399, 20_000])
async def test_no_piece_of_the_key_is_told(service: tuple[BrightDataServer, str], before: int) -> None:
    server, url = service
    server.trigger_faults = [PlainTextResponse("x" * before + TOKEN, 400)]
    with pytest.raises(InputError) as error:
        await listen(run(url))
    assert set(error.value.why) <= {"x", "…"}
    server.statuses = [{"status": "failed", "error": f"not for {TOKEN}"}]
    with pytest.raises(ServiceError) as failed:
        await listen(run(url))
    assert failed.value.why == "not for …"


@pytest.mark.parametrize(
    "answer", [PlainTextResponse("<html>one moment</html>"), JSONResponse({"error": "later"}), PlainTextResponse("")]
)
async def test_what_is_no_list_of_snapshots_is_not_taken_for_an_empty_one(
    service: tuple[BrightDataServer, str], answer: Any
) -> None:
    server, url = service
    server.trigger_faults, server.lists = ["lose"], [None, answer]
    said = Said()
    with pytest.raises(ServiceError, match="gives no list"):
        await listen(run(url), said)
    assert "intent" in said.states[-1]
    later = await listen(run(url, past=past_of(said)))
    assert server.triggers == 1, "the job is found later, and not started a second time"
    assert len(later.records) == 2


async def test_how_long_to_wait_may_stand_in_the_text_alone(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.start(AMAZON_PRODUCTS, [{"url": "x"}])
    server.says_when, server.not_ready = False, 1
    async with Api(TOKEN, url) as api:
        with pytest.raises(NotReady) as told:
            async with api.download("s_test1"):
                pass
    assert told.value.wait == 30


async def test_a_service_that_is_not_there() -> None:
    with pytest.raises(NetworkError):
        await listen(run(f"http://127.0.0.1:{refused_port()}"))


async def test_the_key_is_not_carried_to_another_address(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    server.redirects = True
    with pytest.raises(ServiceError) as error:
        await listen(run(url))
    assert "302" in error.value.why
    assert server.hits.total() == 1


async def test_without_a_key_nothing_is_asked(service: tuple[BrightDataServer, str]) -> None:
    server, url = service
    with pytest.raises(CredentialError):
        await listen(collect_dataset(job(), "", base_url=url))
    assert server.hits.total() == 0
