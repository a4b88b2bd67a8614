"""How a collection goes, as rows: bar, rate, time left, what it costs, what failed and why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ftui.store import Store
from ftui.store.records import Source
from ftui.store.tasks import Task
from ftui.ui.text import Row, Tone, bar, count, fit, money, plain, plural, rate, row, size, wrapped
from ftui.units import duration

KINDS = {"crawl": "crawl", "brightdata": "Bright Data", "files": "files"}
_STATES: dict[str, tuple[str, Tone]] = {
    "running": ("▸", "accent"),
    "queued": ("▸", "dim"),
    "paused": ("…", "warn"),
    "done": ("✓", "ok"),
    "failed": ("✗", "bad"),
    "stopped": ("!", "warn"),
}
_LABEL = 8
_PLACES = 3
"""Addresses or paths of a source that are shown."""
_SLOW = 0.03
"""Seconds that grouping the failures may take every time that one is added."""


class Reasons:
    """What failed and what was left out in a collection, by reason; asked of the store no more than needed."""

    def __init__(self) -> None:
        self.task: int | None = None
        self.groups: list[tuple[str, str, int]] = []
        self._known: object = None
        self._due = 0.0

    @property
    def failed(self) -> int:
        """How many failed; what was left out on purpose is not among them."""
        return sum(number for kind, _, number in self.groups if kind == "failed")

    @property
    def skipped(self) -> int:
        """How many were left out on purpose."""
        return sum(number for kind, _, number in self.groups if kind != "failed")

    def look(self, store: Store, task: Task | None) -> None:
        """Bring them up to date with a task; of one with very many failures less often while it runs."""
        if task is None:
            self.task, self.groups, self._known = None, [], None
            return
        known = (task.id, task.state, task.progress.failed, task.progress.skipped)
        began = time.monotonic()
        if known == self._known or (task.id == self.task and task.state == "running" and began < self._due):
            return
        self.task, self._known, self.groups = task.id, known, store.tasks.failures(task.id)
        took = time.monotonic() - began
        self._due = began + 20 * took if took > _SLOW else 0.0


def source_row(source: Source, task: Task | None, records: int, width: int) -> Row:
    """`✓ support pages   crawl   312`; a source that is not of the domain says so."""
    symbol = _STATES[task.state] if task else ("·", "dim")
    kind = fit(KINDS.get(source.kind, source.kind), 12)
    last = fit(count(records), 10, "right") + " "
    tag = f" {source.tag}" if source.tag != "domain" else ""
    names = max(width - 26 - len(tag), 4)
    return row(
        (f"{symbol[0]} ", symbol[1]),
        fit(plain(source.name), names),
        (f"{tag} ", "accent"),
        (kind, "dim"),
        (last, "dim"),
    )


def reason_head(width: int) -> Row:
    """What the columns of `reason_row` are."""
    return row((fit("  reason", max(width - 11, 4)) + fit("times", 10, "right"), "dim"))


def reason_row(kind: str, reason: str, number: int, width: int) -> Row:
    """`✗ 404 not found       3`."""
    symbol: tuple[str, Tone] = ("✗ ", "bad") if kind == "failed" else ("· ", "dim")
    return row(symbol, fit(plain(reason), max(width - 13, 4)), (fit(count(number), 10, "right") + " ", "dim"))


def progress_rows(source: Source, task: Task | None, records: int, now: float, width: int, again: str) -> list[Row]:
    """The lines above the reasons.

    Args:
        again: what `r` does, as in "r goes on".
    """
    if task is None:
        return [row("not collected yet · ", ("r", "key"), " collects it"), (), *_about(source, None, now, width)]
    lines = [_head(task, now, width, again), _numbers(task, records)]
    if task.error is not None:
        lines += [(), row(("✗ ", "bad"), (plain(task.error.what, width - 2), "bold"))]
        lines += [row(f"  {line}") for line in wrapped(task.error.why, width - 2)]
        for number, line in enumerate(wrapped(task.error.do, width - 2)):
            lines.append(row(("→ " if number == 0 else "  ", "accent"), line))
    return [*lines, (), *_about(source, task, now, width)]


def _head(task: Task, now: float, width: int, again: str) -> Row:
    if task.state == "queued":
        return row(("waits for the worker", "dim"))
    if task.state != "running":
        took = f" in {duration(task.finished - task.started)}" if task.finished and task.started else ""
        word = {
            "done": f"done{took}",
            "paused": "paused · z goes on",
            "stopped": f"stopped · {again}",
            "failed": f"failed · {again}",
        }
        return row((word[task.state], "bold"))
    progress = task.progress
    in_bytes = progress.unit == "bytes"
    done = size(progress.done) if in_bytes else count(progress.done)
    unit = "" if in_bytes else f" {progress.unit}"
    if progress.total:
        parts = [f"{done} of {size(progress.total) if in_bytes else count(progress.total)}{unit}"]
    else:
        parts = [f"{done}{unit} so far"]
    speed, left = task.rate(now), task.seconds_left(now)
    if speed:
        parts.append(f"{size(speed)}/s" if in_bytes else rate(speed))
    if left is not None and progress.done:
        parts.append(f"{duration(left)} left")
    said = "   ".join(parts)
    # Without a total the line is all light: it runs, and nobody knows how long.
    room = min(max(width - len(said) - 2, 6), 40)
    return row((bar(progress.done, progress.total, room), "accent"), "  ", said)


def _numbers(task: Task, records: int) -> Row:
    progress = task.progress
    parts = [plural(records, "record"), f"failed {count(progress.failed)}", f"left out {count(progress.skipped)}"]
    if progress.bytes and progress.unit != "bytes":
        parts.append(size(progress.bytes))
    return row(("   ".join(parts), "dim"))


def _about(source: Source, task: Task | None, now: float, width: int) -> Iterator[Row]:
    """What it does now, since when, what it costs, where the records come from: label and text."""
    if task is not None:
        if task.state == "running" and task.progress.text:
            yield _labelled("now", _short(task.progress.text), width)
        # A job at the vendor goes on while nobody looks at it: its own time counts.
        since = task.checkpoint.get("started") or task.started
        if task.state == "running" and isinstance(since, float):
            yield _labelled("since", f"{_clock(since)}, {duration(now - since)} ago", width)
        if task.checkpoint.get("snapshot_id"):
            yield _labelled("job", f"{task.checkpoint['snapshot_id']} at Bright Data", width)
        cost = _cost(task)
        if cost:
            yield _labelled("cost", cost, width)
    for number, place in enumerate(_places(source)):
        yield _labelled("from" if number == 0 else "", place, width)
    yield _labelled("tag", source.tag, width)


def _labelled(label: str, text: str, width: int) -> Row:
    return row((fit(label, _LABEL), "dim"), plain(text, width - _LABEL))


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


def _cost(task: Task) -> str:
    """What has been spent and what it can come to; "" where nothing is paid."""
    progress, result = task.progress, task.result or {}
    spent = result.get("cost", progress.cost)
    most = progress.cost_at_most
    if task.state == "done":
        return dollars(float(spent)) if spent is not None and (spent or most) else ""
    if most is None and not spent:
        return ""
    so_far = f"{dollars(float(spent or 0))} so far"
    return so_far if most is None else f"{so_far}, at most {dollars(most)}"


def dollars(amount: float) -> str:
    """An amount of money of which a few records cost less than a cent."""
    return money(amount) if amount >= 0.01 or not amount else f"${amount:.4f}".rstrip("0")


def _places(source: Source) -> list[str]:
    """Where the records come from, a few lines at most."""
    config: Mapping[str, Any] = source.config
    if source.kind == "crawl":
        places = [str(config.get("sitemap") or ""), *map(str, config.get("start", ()))]
        places = [_short(place) for place in places if place not in ("", "none")]
        if config.get("unlocker"):
            places.append(f"through Web Unlocker, zone {config['unlocker']}")
    elif source.kind == "brightdata":
        places = list(_brightdata_places(config))
    else:
        places = list(map(str, config.get("paths", ())))
    if len(places) > _PLACES:
        places[_PLACES - 1 :] = [f"and {count(len(places) - _PLACES + 1)} more"]
    return places


def _brightdata_places(config: Mapping[str, Any]) -> Iterator[str]:
    name = str(config.get("dataset_id", ""))
    if config.get("snapshot_id"):
        yield f"snapshot {config['snapshot_id']} of {name}"
        return
    way = f" by {config['discover_by']}" if config.get("discover_by") else ""
    limit, each = config.get("limit"), config.get("limit_per_input")
    bound = f", at most {plural(limit, 'record')}" if limit else f", at most {count(each)} for each" if each else ""
    yield name + way + bound
    for item in config.get("inputs", ()):
        yield ", ".join(_short(str(value)) for value in item.values())


def _short(place: str) -> str:
    parts = urlsplit(place)
    return f"{parts.netloc}{parts.path}".rstrip("/") if parts.scheme in ("http", "https") else place
