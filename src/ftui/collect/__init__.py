"""Sources: where records come from. One entry for the worker, the command line and the screens.

    async for event in collect("crawl", {"start": ["https://…"]}, credentials={}):
        ...

The collectors know nothing of the store. What they need after a crash they say in
checkpoints and entries of a ledger, and get it back as `Past`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from ftui.collect import brightdata_checks
from ftui.collect.brightdata import BASE_URL, BrightData, collect_dataset, config_for, wind_up_dataset
from ftui.collect.crawl import Crawl, bill, crawl
from ftui.collect.files import Files, read_files
from ftui.collect.past import NOTHING
from ftui.collect.past import Past as Past
from ftui.errors import InputError
from ftui.events import Batch, Event, Failure, Record, Result

Source = Crawl | BrightData | Files
KINDS: dict[str, type[Source]] = {"crawl": Crawl, "brightdata": BrightData, "files": Files}


def source(kind: str, config: Mapping[str, Any]) -> Source:
    """The checked settings of a source.

    Raises:
        InputError: an unknown kind, or settings that cannot be used.
    """
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of source", f"the kinds are {', '.join(KINDS)}", "Choose one of these")
    return KINDS[kind].from_dict(config)


def validate(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a new source checked and completed with every default, as they are stored.

    Raises:
        InputError: see `source`; or an input lacks what its dataset needs.
    """
    settings = source(kind, config)
    if isinstance(settings, BrightData):
        settings.check_inputs()
    return settings.to_dict()


def name_of(kind: str, config: Mapping[str, Any]) -> str:
    """What to call a source that a person gave no name."""
    return source(kind, config).name()


def describe(kind: str, config: Mapping[str, Any]) -> str:
    """One line for lists."""
    return source(kind, config).describe()


def cost_at_most(kind: str, config: Mapping[str, Any], only: Sequence[str] = ()) -> float:
    """US dollars that a collection can cost.

    Args:
        only: the subjects of the failures to try again, () for everything.

    Raises:
        MoneyError: nothing bounds it.
    """
    settings = source(kind, config)
    if isinstance(settings, BrightData):
        return settings.cost_at_most(only)
    return settings.cost_at_most() if isinstance(settings, Crawl) else 0.0


def needs_key(kind: str, config: Mapping[str, Any]) -> bool:
    """Whether a collection goes through Bright Data."""
    settings = source(kind, config)
    return isinstance(settings, BrightData) or (isinstance(settings, Crawl) and bool(settings.unlocker))


def brightdata_config(
    inputs: Sequence[str],
    *,
    dataset: str | None = None,
    discover_by: str | None = None,
    field: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Settings of a Bright Data source from a few words, see `brightdata.config_for`."""
    return config_for(inputs, dataset=dataset, discover_by=discover_by, field_name=field, limit=limit)


def collect(
    kind: str,
    config: Mapping[str, Any],
    past: Past = NOTHING,
    *,
    credentials: Mapping[str, str],
    brightdata_url: str = BASE_URL,
) -> AsyncGenerator[Event, None]:
    """The events of one collection.

    Args:
        kind: "crawl", "brightdata" or "files".
        past: of a run that was cut off, and of earlier ones.
        credentials: keys by service; "brightdata" is the one that is used.
        brightdata_url: the address that this key was saved for.

    Raises:
        InputError: at once, for settings that cannot be used; all else while iterating.
    """
    settings = source(kind, config)
    token = credentials.get("brightdata", "")
    if isinstance(settings, Crawl):
        return crawl(settings, past, token=token, base_url=brightdata_url)
    if isinstance(settings, Files):
        return read_files(settings, past)
    return collect_dataset(settings, token, base_url=brightdata_url, past=past)


def job_id(text: str) -> str:
    """The id of a job at Bright Data, as a person has typed it.

    Raises:
        InputError: it is none.
    """
    if not text.strip():
        raise InputError("The id of the job is missing", "nothing was given", "Copy it from brightdata.com/cp")
    return brightdata_checks.job(text.strip())


async def read_inputs(path: str) -> list[dict[str, Any]]:
    """The rows of a file as inputs of a Bright Data source.

    Raises:
        InputError: it cannot be read, or a row of it is broken: a job is never started with a part of its inputs.
    """
    inputs: list[dict[str, Any]] = []
    async for event in read_files(Files((path,))):
        for item in event.items if isinstance(event, Batch) else (event,):
            if isinstance(item, Record):
                inputs.append({name: value for name, value in item.data.items() if value is not None})
            elif isinstance(item, Failure):
                raise InputError("The inputs cannot be used", f"{item.subject}: {item.reason}", "Correct the file")
    return inputs


def bill_so_far(kind: str, config: Mapping[str, Any], past: Past) -> Result | None:
    """What a collection has cost that did not come to its end, None where only the service can tell.

    Args:
        past: of this run; where it is empty, nothing was asked for.
    """
    settings = source(kind, config)
    if isinstance(settings, Crawl):
        return bill(settings, past) if settings.unlocker else None
    if isinstance(settings, BrightData) and not past.state and not past.ledger:
        return Result({"cost": 0.0})
    return None


async def wind_up(
    kind: str,
    config: Mapping[str, Any],
    past: Past,
    *,
    credentials: Mapping[str, str],
    brightdata_url: str = BASE_URL,
) -> AsyncGenerator[Event, None]:
    """After a person has stopped a collection: cancel what runs for money at Bright Data, take what has come."""
    settings = source(kind, config)
    if (known := bill_so_far(kind, config, past)) is not None:
        yield known
    elif isinstance(settings, BrightData):
        token = credentials.get("brightdata", "")
        async with aclosing(wind_up_dataset(settings, token, base_url=brightdata_url, past=past)) as events:
            async for event in events:
                yield event
