"""Bright Data: trigger a collection once, wait for it, stream its rows.

Paid for once: the intent is durable before the trigger is sent (the first checkpoint),
the snapshot's id right after it. Where the answer is lost, or the program ends between
the two, the list of snapshots is searched for the same dataset, time and input before
anything is triggered again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ftui.collect.brightdata_api import BASE_URL, Api
from ftui.collect.brightdata_job import Job
from ftui.collect.brightdata_settings import AMAZON_PRODUCTS as AMAZON_PRODUCTS
from ftui.collect.brightdata_settings import BrightData as BrightData
from ftui.collect.brightdata_settings import config_for as config_for
from ftui.collect.past import NOTHING, Past
from ftui.errors import CredentialError
from ftui.events import Event


async def collect_dataset(
    config: BrightData, token: str, *, base_url: str = BASE_URL, past: Past = NOTHING
) -> AsyncGenerator[Event, None]:
    """Run a job to its end and yield its rows.

    Args:
        token: the API key.
        base_url: where the key is for; it is not part of the settings, which others may have written.
        past: of a job that was cut off, to go on from there.

    Raises:
        CredentialError, InputError, ServiceError, NetworkError: see `do` of each.
    """
    if not token:
        raise CredentialError("There is no key for Bright Data", "none is set or saved", "Save one under 1 Connect")
    async with Api(token, base_url, config.poll_seconds) as api:
        job = Job(config, api, dict(past.state))
        for part in (job.obtain, job.wait, job.download):
            async with aclosing(part()) as events:
                async for event in events:
                    yield event
