"""What is said about making pairs: how far it is, what came of it, what to press first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ftui.errors import FtuiError
from ftui.store import Store
from ftui.store.filters import Term, parse, write
from ftui.store.tasks import Task
from ftui.ui import clock
from ftui.ui.flow import wrap
from ftui.ui.text import Row, Span, bar, count, plain, plural, rate, width_of
from ftui.ui.widgets.rows import Lines
from ftui.units import dollars, duration

_BAR = 24


class PairWork(Lines):
    """How far the latest preparation is; its report until the first decision, or `esc`, and when it is asked for."""

    latest: Task | None = None
    bulk: Row | None = None
    """How far a step over many pairs is, shown above all else."""
    offer: Callable[[int], list[Row]] = staticmethod(lambda width: [])
    """Gives lines below the others, for a width: what else could be done."""
    recipe: FtuiError | None = None
    """Why the recipe cannot be followed."""
    dropped = False
    """Whether there is anything that did not become a pair."""
    _seen: object = ()
    _dismissed = 0
    _asked = 0
    _store: Store | None = None

    @property
    def working(self) -> bool:
        """Whether pairs are being made, or will be."""
        return self.latest is not None and self.latest.open

    def look(self, store: Store) -> None:
        """Show what is so now."""
        self._store = store
        # Before the first layout it has no width, and a wrong height would be laid out.
        width = self.size.width or self.app.size.width
        task = self.latest = store.tasks.latest("prepare")
        rows: list[Row] = []
        seen = (task.id, task.state) if task is not None else None
        if seen != self._seen:
            self._seen, self.dropped = seen, store.pairs.any_dropped()
        if task is not None and task.open:
            rows = progress_rows(task, width)
        elif task is not None and self._reports(task):
            if task.id != self._asked and store.pairs.decided_since(task.finished or 0.0):
                self._dismissed = task.id
            else:
                rows = report_rows(task, store, width)
        above = recipe_rows(self.recipe, width) if self.recipe is not None else []
        lines = [*([self.bulk] if self.bulk is not None else []), *above, *rows, *self.offer(width)]
        self.display = bool(lines)
        self.show(lines)

    def on_resize(self) -> None:
        if self._store is not None:
            self.call_after_refresh(self.look, self._store)

    def dismiss(self) -> bool:
        """Take the report away; False when none was shown."""
        if self.latest is None or self.working or self._store is None or not self._reports(self.latest):
            return False
        self._dismissed, self._asked = self.latest.id, 0
        self.look(self._store)
        return True

    def report(self) -> None:
        """Show the report again, whatever was decided since, until it is put away."""
        if self.latest is not None and self._store is not None:
            self._asked = self.latest.id
            self.look(self._store)

    def _reports(self, task: Task) -> bool:
        return task.id == self._asked or task.id != self._dismissed


def progress_rows(task: Task, width: int) -> list[Row]:
    """A preparation that is queued, running or paused, on one line."""
    progress = task.progress
    if task.state == "queued":
        return [(Span(" · ", "dim"), Span("making pairs is next in the queue"))]
    spans = [Span(" ▸ " if task.state == "running" else " ! ", "accent")]
    if task.state != "running":
        # With a price beside it there is no room for all of it on 80 columns; the line at the bottom says it whole.
        spans.append(Span(f"making pairs is {task.state}  " if progress.cost_at_most is None else f"{task.state}  "))
    elif not progress.done and not progress.total:
        return [(*spans, Span(plain(progress.text or "making pairs", width - 4)))]
    if progress.total:
        cells = min(_BAR, width // 4) if progress.cost_at_most is None else min(_BAR, width // 8)
        if task.state == "running":
            spans.append(Span(bar(progress.done, progress.total, cells) + "  ", "accent"))
        spans.append(Span(f"{count(progress.done)} of {count(progress.total)} {progress.unit}"))
    else:
        spans.append(Span(f"{count(progress.done)} {progress.unit}"))
    if progress.cost_at_most is not None:
        spans.append(Span(f" · {dollars(progress.cost or 0.0)} of at most {dollars(progress.cost_at_most, up=True)}"))
    if task.state == "paused":
        spans += [Span("   z ", "key"), Span(going_on(task, "go on", "begin again"), "dim")]
    now = clock.now()
    speed, left = task.rate(now), task.seconds_left(now)
    if speed is not None and task.state == "running" and progress.cost_at_most is None:
        spans.append(Span(f"   {rate(speed)}", "dim"))
    if left is not None:
        spans.append(Span(f"   {duration(left)} left", "dim"))
    return [tuple(spans)]


def going_on(task: Task, on: str, again: str) -> str:
    """What a preparation does after a pause: what models wrote is not asked for again, all else is made anew."""
    return on if task.progress.cost_at_most is not None else again


def recipe_rows(problem: FtuiError, width: int) -> list[Row]:
    """A recipe that cannot be followed, with the line and the key that opens it."""
    said = wrap(f"{problem.what}: {problem.why}" if problem.why else problem.what, width - 4)
    rows: list[Row] = [(Span("   " if at else " ! ", "warn"), Span(line)) for at, line in enumerate(said)]
    key = (Span("   R ", "key"), Span("opens it", "dim"))
    if width_of((*rows[-1], *key)) < width:
        return [*rows[:-1], (*rows[-1], *key)]
    return [*rows, key]


def report_rows(task: Task, store: Store, width: int) -> list[Row]:
    """What a finished preparation gave: pairs, and what did not become one with the reason."""
    if task.state == "failed":
        error = task.error
        what = f"{error.what}: {error.why}" if error and error.why else error.what if error else "it failed"
        said = wrap(f"no pairs were made: {what}", width - 4)
        rows: list[Row] = [(Span("   " if at else " ✗ ", "bad"), Span(line)) for at, line in enumerate(said)]
        do = wrap(error.do if error else "", width - 4)
        rows += [(Span("   " if at else " → ", "accent"), Span(line)) for at, line in enumerate(do)]
        key = (Span("  "), Span("r ", "key"), Span("try again", "dim"))
        if not error or not error.do:
            return [*rows, (Span(" → ", "accent"), *key[1:])]
        return [*rows[:-1], (*rows[-1], *key)] if width_of((*rows[-1], *key)) < width else [*rows, (Span(" "), *key)]
    if task.state == "stopped":
        return [
            (Span(" ! ", "warn"), Span("making pairs was stopped   "), Span("p ", "key"), Span("start again", "dim"))
        ]
    result, pairs = task.result or {}, store.pairs.counts().total
    if "new" in result:
        return _tally_rows(result, task.finished, pairs, width)
    # An earlier ftui did not write its counts down.
    made = _made(pairs, task.finished)
    dropped = store.pairs.dropped()
    if dropped:
        made += f" · {count(sum(number for _, number in dropped))} left out: {_reasons(dict(dropped))}"
    return [*_listed([made], width), *hint_rows([reason for reason, _ in dropped], width)]


def _tally_rows(result: Mapping[str, Any], finished: float | None, pairs: int, width: int) -> list[Row]:
    """Numbers that add up: pairs that are new, were there, went; records with pairs, and left out by reason."""
    made, new, left, parts = result["made"], result["new"], result["dropped"], result["parts"]
    text = _made(made, finished)
    if made - new:
        text += f": {count(new)} new, {count(made - new)} there already"
    if result["removed"]:
        text += f" · {count(result['removed'])} of before removed"
    # An earlier ftui did not count them.
    if kept := result.get("kept", max(pairs - made, 0)):
        text += f" · {count(kept)} of before kept" + (" · is:kept" if "kept" in result else "")
    without, records = sum(left.values()), result["with_pairs"] + sum(left.values())
    of = f"{plural(records, 'record')}: {count(result['with_pairs'])} with pairs"
    texts = [text, of + (f", {count(without)} left out: {_reasons(left)}" if without else "")]
    if parts:
        texts.append(f"also left out, parts of them: {_reasons(parts)}")
    texts += _written(result.get("written") or {})
    return [*_listed(texts, width), *hint_rows([*left, *parts], width)]


def _made(pairs: int, finished: float | None) -> str:
    return f"{plural(pairs, 'pair')} made" + (f" at {clock.clock_time(finished)}" if finished else "")


def _written(result: Mapping[str, Any]) -> list[str]:
    """What models were asked in this run, and what was paid for it."""
    if not result.get("requests"):
        return []
    failed = f", {count(result['failed'])} without use" if result["failed"] else ""
    limit = " · the limit was reached" if result["stopped"] else ""
    return [f"{plural(result['requests'], 'request')} to a model{failed}, {dollars(result['cost'])} paid{limit}"]


def _listed(texts: Sequence[str], width: int) -> list[Row]:
    lines = [line for said in texts for line in wrap(said, width - 4)]
    return [(Span("   " if at else " ✓ ", "ok"), Span(line)) for at, line in enumerate(lines)]


def hint_rows(reasons: Sequence[str], width: int) -> list[Row]:
    """How to look at what was left out: all of it, and what was for the first reason that has room in the line."""
    if not reasons:
        return []
    key = (Span("   "), Span("/ ", "key"))
    for reason in reasons:
        one = plain(write([Term("dropped", reason)]))
        row = (*key, Span(f"dropped shows all, {one} those of one reason", "dim"))
        if width_of(row) <= width:
            return [row]
    return [(*key, Span("dropped shows all", "dim"))]


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count(number)} {reason}" for reason, number in counts.items())


def empty_rows(records: int, working: bool, *, dropped: bool = False) -> list[Row]:
    """What the place says while it has no pairs."""
    rows: list[Row] = [
        (),
        (Span("A pair is a question with its answer."),),
        (Span("The model learns from those that you accept."),),
        (),
    ]
    if working:
        return [*rows, (Span("They are being made now and come here by themselves."),)]
    if not records:
        return [
            *rows,
            (Span("Pairs are made from records, and there are none yet."),),
            (Span("2", "key"), Span(" collects some", "dim")),
        ]
    if dropped:
        rows += [(Span("None was made of what is here: ", ""), Span("/ ", "key"), Span("dropped shows why", "dim")), ()]
    return [
        *rows,
        (Span(f"{plural(records, 'record is', 'records are')} here to make them from."),),
        (
            Span("p", "key"),
            Span(" makes pairs by the recipe    ", "dim"),
            Span("R", "key"),
            Span(" shows the recipe", "dim"),
        ),
    ]


def no_match_rows(where: str, words: str) -> list[Row]:
    """What the list says when its filter lets nothing through."""
    kind = "pair" if where == "all" else f"{where} pair"
    terms = parse(words)
    if any(term.key == "dropped" for term in terms):
        text = f"Nothing that was dropped fits “{plain(words, 40)}”." if len(terms) > 1 else "Nothing was dropped."
    elif terms:
        verb = "fits" if any(term.key for term in terms) else "holds"
        text = f"No {kind} {verb} “{plain(words, 40)}”."
    else:
        text = f"No {kind} is here."
    return [
        (),
        (Span(text),),
        (Span("/", "key"), Span(" changes the filter    ", "dim"), Span("esc", "key"), Span(" shows all", "dim")),
    ]
