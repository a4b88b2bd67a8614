"""Bright Data: trigger a collection once, wait for it, stream its rows.

Paid for once: the intent is durable before anything is started (the first checkpoint), the
id of the job right after it. Where the answer is lost, or the program ends between the two,
the list of snapshots is searched for the same dataset, time and input before anything is
started again. The jobs of a collector of one's own are in no list: then a checkpoint with
`unclear` is left, and only a person can say what became of the call:

    {"intent": …, "snapshot_id": "j_…", "named": true}   it runs under this id; go on with it
    {}                                                   it was not started; begin anew
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ftui.collect.brightdata_api import BASE_URL as BASE_URL
from ftui.collect.brightdata_api import Api
from ftui.collect.brightdata_http import PATIENCE
from ftui.collect.brightdata_job import Job
from ftui.collect.brightdata_retry import again
from ftui.collect.brightdata_settings import AMAZON_PRODUCTS as AMAZON_PRODUCTS
from ftui.collect.brightdata_settings import BrightData as BrightData
from ftui.collect.brightdata_settings import config_for as config_for
from ftui.collect.brightdata_snapshot import Snapshot as Snapshot
from ftui.collect.past import NOTHING, Past
from ftui.errors import CredentialError, InputError
from ftui.events import Event, Note


async def collect_dataset(
    config: BrightData,
    token: str,
    *,
    base_url: str = BASE_URL,
    past: Past = NOTHING,
    patience: float = PATIENCE,
) -> AsyncGenerator[Event, None]:
    """Run a job to its end and yield its rows.

    Args:
        token: the API key.
        base_url: where the key is for; it is not part of the settings, which others may have written.
        past: of a job that was cut off, to go on from there; with `only`, a job of these failures alone.
        patience: seconds without anything from the service after which an answer counts as lost.

    Raises:
        CredentialError, InputError, MoneyError, ServiceError, NetworkError: see `do` of each.
    """
    _check(token)
    if past.only:
        failed = again(config, past.only)
        config = failed.settings
        if failed.left and not past.state:
            yield Note(f"{failed.left:,} failures lead to no input, and are not tried again", "warn")
    async with Api(token, base_url, pause=config.poll_seconds, patience=patience) as api:
        async with aclosing(Job(config, api, dict(past.state), past.ledger).run()) as events:
            async for event in events:
                yield event


async def wind_up_dataset(
    config: BrightData,
    token: str,
    *,
    base_url: str = BASE_URL,
    past: Past = NOTHING,
    patience: float = PATIENCE,
) -> AsyncGenerator[Event, None]:
    """After a person stopped a job: cancel it at Bright Data and take what has arrived.

    Yields no Result where nothing was started. For the arguments and errors see `collect_dataset`.
    """
    _check(token)
    if past.only:
        config = again(config, past.only).settings
    async with Api(token, base_url, pause=config.poll_seconds, patience=patience) as api:
        async with aclosing(Job(config, api, dict(past.state), past.ledger).wind_up()) as events:
            async for event in events:
                yield event


async def list_snapshots(
    dataset_id: str,
    token: str,
    *,
    base_url: str = BASE_URL,
    status: str = "",
    since: str = "",
    limit: int = 100,
    skip: int = 0,
    patience: float = PATIENCE,
) -> list[Snapshot]:
    """Earlier jobs of a dataset, newest first, also those that were started elsewhere.

    Args:
        status: only "running", "ready" or "failed"; "" for all.
        since: a day (`2026-11-22`), "" for all that Bright Data still has.

    Raises:
        InputError: it is a collector, of which Bright Data has no list.
        CredentialError, ServiceError, NetworkError: see `do` of each.
    """
    _check(token)
    if not dataset_id.startswith("gd_"):
        raise InputError(
            f"There is no list of the jobs of {dataset_id!r}",
            "Bright Data keeps one for datasets (gd_…) alone",
            "Look at brightdata.com/cp, and give the id of the job",
        )
    async with Api(token, base_url, pause=1.0, patience=patience) as api:
        found, _ = await api.snapshots(dataset_id, status=status, since=since, limit=limit, skip=skip)
    return sorted(found, key=lambda snapshot: snapshot.created, reverse=True)


def _check(token: str) -> None:
    if not token:
        raise CredentialError("There is no key for Bright Data", "none is set or saved", "Save one under 1 Connect")
