"""How a collection goes, as rows: bar, rate, time left, what failed and why."""

from __future__ import annotations

from urllib.parse import urlsplit

from ftui.store.records import Source
from ftui.store.tasks import Task
from ftui.ui.text import Row, Tone, bar, count, fit, plain, plural, rate, row, size, wrapped
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


def source_row(source: Source, task: Task | None, records: int, width: int) -> Row:
    """`✓ support pages   crawl   312`."""
    symbol = _STATES[task.state] if task else ("·", "dim")
    kind = fit(KINDS.get(source.kind, source.kind), 12)
    last = fit(count(records), 8, "right") + " "
    return row(
        (f"{symbol[0]} ", symbol[1]), fit(plain(source.name), max(width - 24, 4)), " ", (kind, "dim"), (last, "dim")
    )


def reason_row(kind: str, reason: str, number: int, width: int) -> Row:
    """`✗ 404 not found       3`."""
    symbol: tuple[str, Tone] = ("✗ ", "bad") if kind == "failed" else ("· ", "dim")
    return row(symbol, fit(plain(reason), max(width - 11, 4)), (fit(count(number), 8, "right") + " ", "dim"))


def progress_rows(source: Source, task: Task | None, records: int, now: float, width: int) -> list[Row]:
    """The lines above the reasons."""
    if task is None:
        lead = row("not collected yet · ", ("r ", "key"), "collects it")
        return [lead, (), *_where(source, width)]
    lines = [_head(task, now, width), _numbers(task, records)]
    if task.error is not None:
        lines += [(), row(("✗ ", "bad"), (plain(task.error.what, width - 2), "bold"))]
        lines += [row(f"  {line}") for line in wrapped(task.error.why, width - 2)]
        lines += [row(("→ ", "accent"), line) for line in wrapped(task.error.do, width - 2)]
    return [*lines, (), *_where(source, width)]


def _head(task: Task, now: float, width: int) -> Row:
    progress = task.progress
    if task.state == "queued":
        return row(("waits for the worker", "dim"))
    if task.state != "running":
        took = f" in {duration(task.finished - task.started)}" if task.finished and task.started else ""
        word = {
            "done": "done",
            "paused": "paused · z goes on",
            "stopped": "stopped · r goes on",
            "failed": "failed · r tries again",
        }
        return row((word[task.state] + (took if task.state == "done" else ""), "bold"))
    parts = []
    if progress.total:
        parts.append(f"{count(progress.done)} of {count(progress.total)} {progress.unit}")
    else:
        parts.append(f"{count(progress.done)} {progress.unit} so far")
    speed, left = task.rate(now), task.seconds_left(now)
    if speed:
        parts.append(rate(speed))
    if left is not None and progress.done:
        parts.append(f"{duration(left)} left")
    said = "   ".join(parts)
    if not progress.total:
        return row((plain(progress.text), "accent") if progress.text else "", "   " if progress.text else "", said)
    room = min(max(width - len(said) - 3, 6), 40)
    return row((bar(progress.done, progress.total, room), "accent"), "  ", said)


def _numbers(task: Task, records: int) -> Row:
    progress = task.progress
    parts = [plural(records, "record"), f"failed {count(progress.failed)}", f"left out {count(progress.skipped)}"]
    if progress.bytes:
        parts.append(size(progress.bytes))
    return row(("   ".join(parts), "dim"))


def _where(source: Source, width: int) -> list[Row]:
    """Where the records come from, in a line or two."""
    config = source.config
    if source.kind == "crawl":
        places = [str(config.get("sitemap") or ""), *map(str, config.get("start", ()))]
    elif source.kind == "brightdata":
        limit = config.get("limit") or config.get("limit_per_input")
        places = [str(config.get("dataset_id", "")) + (f", at most {limit} records" if limit else "")]
        places += [str(value) for item in config.get("inputs", ()) for value in item.values()]
    else:
        places = list(map(str, config.get("paths", ())))
    shown = [place for place in places if place][:3]
    label = "from "
    return [
        row((label if index == 0 else "     ", "dim"), (plain(_short(place), width - 5), "dim"))
        for index, place in enumerate(shown)
    ]


def _short(place: str) -> str:
    parts = urlsplit(place)
    return f"{parts.netloc}{parts.path}".rstrip("/") if parts.scheme in ("http", "https") else place
