"""Reviewing a million pairs: the start, keys, filters, steps over all pairs, kills; beside bare Textual and VisiData.

The list alone is measured at 80x24, where it is all that is shown; with the source pane at 120x40.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pairs_made
from ftui.store import Store
from ftui.store.pairs import Decision
from measure import Figure, python
from pairs_killed import Killed, bulk_killed, review_killed
from pairs_made import LAST, PROJECT, RARE, at_home, open_in_pairs
from terminal import DOWN, PAGE_DOWN, REDO, Answer, Terminal

_PEERS = Path(__file__).parent / "pairs_peers"
_NARROW, _WIDE = (80, 24), (120, 40)
_CURSOR = "▌".encode()
_WORDS_OF_ROWS = (b"What about", b"How is")
"""Words of the first row, and of the second: what VisiData writes first, and after a `j`."""
_COMMON = "descale"
"""A word of every third pair, but not of the first one."""
_KILOBYTE, _MEGABYTE = 1000, 1_000_000


@dataclass(frozen=True)
class _Sizes:
    """How much of everything.

    Attributes:
        starts: of each program, in turns; the median counts.
        keys: how often each key is pressed.
        reviews, steps: kills of a review, and of steps over many pairs.
    """

    pairs: int
    starts: int
    keys: int
    reviews: int
    steps: int


_FULL = _Sizes(1_000_000, 15, 200, 120, 80)
_QUICK = _Sizes(50_000, 2, 10, 2, 2)


def figures(*, quick: bool) -> Iterator[Figure]:
    sizes = _QUICK if quick else _FULL
    with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        pairs_made.make(folder / "home", sizes.pairs)
        pairs_made.write_csv(folder / "rows.csv", sizes.pairs)
        review = _Review(folder, sizes)
        yield from review.start()
        yield from review.keys()
        yield from review.filters()
        yield from review.steps()
        yield from _killed(folder, review.environment, sizes)


class _Review:
    """One project of many pairs, ftui in its Pairs, and what stands beside it."""

    def __init__(self, folder: Path, sizes: _Sizes) -> None:
        self._folder = folder
        self._home = folder / "home"
        self._sizes = sizes
        self.environment = _environment(folder)

    def _ftui(self, size: tuple[int, int]) -> Terminal:
        with at_home(self._home):
            open_in_pairs()
        return Terminal([python(), "-m", "ftui"], self.environment, size)

    def _bare(self, size: tuple[int, int]) -> Terminal:
        return Terminal([python(), str(_PEERS / "bare_list.py")], self.environment, size)

    def _visidata(self, size: tuple[int, int]) -> Terminal:
        program = Path(python()).with_name("vd")
        if not program.exists():
            raise SystemExit("Pairs are measured beside VisiData. Install it: pip install 'ftui[bench]'")
        environment = {**self.environment, "HOME": str(self._folder)}
        return Terminal([str(program), "-N", str(self._folder / "rows.csv")], environment, size)

    # The start

    def start(self) -> Iterator[Figure]:
        """From the start of the process until the list shows and `j` has moved its cursor; in turns."""
        ours, bare, visidata = list[float](), list[float](), list[float]()
        for turn in range(self._sizes.starts + 1):
            with self._bare(_NARROW) as terminal:
                bare.append(_first_move(terminal, _CURSOR, _CURSOR))
            with self._ftui(_NARROW) as terminal:
                ours.append(_first_move(terminal, _CURSOR, _CURSOR))
                if turn == self._sizes.starts:
                    terminal.drain(1.0)
                    resident, own = terminal.memory()
                    # An extension that only openai brings.
                    client = terminal.loaded("jiter")
            if turn <= 3:
                with self._visidata(_NARROW) as terminal:
                    visidata.append(_first_move(terminal, *_WORDS_OF_ROWS))
        # The first of each fills the cache of byte code.
        value, against, other = (statistics.median(times[1:]) for times in (ours, bare, visidata))
        yield Figure(
            f"{self._sizes.pairs:,} pairs on screen and j taken", value, "s", "a bare Textual list", value / against,
            "at most 1.5 times", value / against <= 1.5,
        )  # fmt: skip
        yield Figure(
            "the same beside VisiData, which has its first rows of a CSV file then", value, "s", "VisiData",
            value / other, "no target", True,
        )  # fmt: skip
        yield Figure("its memory (proportional)", own / _MEGABYTE, "MB", "", None, "below 80 MB", own < 80 * _MEGABYTE)
        yield Figure(
            "its memory (resident)", resident / _MEGABYTE, "MB", "", None, "below 80 MB", resident < 80 * _MEGABYTE
        )
        yield Figure("openai's client in it", client, "", "", None, "0", not client)

    # Keys

    def keys(self) -> Iterator[Figure]:
        with self._bare(_NARROW) as bare, self._visidata(_NARROW) as visidata, self._ftui(_NARROW) as ours:
            for terminal, first in ((bare, _CURSOR), (visidata, _WORDS_OF_ROWS[0]), (ours, _CURSOR)):
                terminal.until_bytes(first)
                terminal.drain(0.5, 20)
            moved = _Keys([bare.press("j") for _ in range(self._sizes.keys)])
            selected = _Keys([visidata.press("s") for _ in range(self._sizes.keys)])
            for name, key in (("a", "a"), ("x", "x"), ("u", "u"), ("ctrl+r", REDO), ("space", " ")):
                keys = _Keys([ours.press(key) for _ in range(self._sizes.keys)])
                yield _cpu(f"{name}, the list alone", keys.cpu, "a bare Textual list's j", moved.cpu, 5)
                yield _bytes(f"{name}, the list alone", keys.bytes, "VisiData's s", selected.bytes, 600)
            for name, key, most in (("down, held", DOWN, 700), ("page down", PAGE_DOWN, 8 * _KILOBYTE)):
                other = _Keys([visidata.press(key) for _ in range(self._sizes.keys)])
                # Enough of them for the list to flip twice.
                keys = _Keys([ours.press(key) for _ in range(max(self._sizes.keys, 26))])
                # Every few rows the list flips: the mean is what a row costs.
                mean, against = (keys.mean_bytes, other.mean_bytes) if key == DOWN else (keys.bytes, other.bytes)
                yield _bytes(name, mean, "VisiData's", against, most)
            for name, first in (("G", "g"), ("g", "G")):
                answers, others = list[Answer](), list[Answer]()
                for _ in range(max(self._sizes.keys // 10, 3)):
                    for terminal, found in ((ours, answers), (bare, others)):
                        terminal.press(first)
                        found.append(terminal.press(name))
                keys, jumps = _Keys(answers), _Keys(others)
                yield _cpu(f"{name}", keys.cpu, f"a bare Textual list's {name}", jumps.cpu, 20)
                yield Figure(f"{name}, from key to first byte", keys.first * 1e3, "ms", "", None, "no target", True)
        yield from self._keys_beside_the_source()

    def _keys_beside_the_source(self) -> Iterator[Figure]:
        with self._ftui(_WIDE) as terminal:
            terminal.until("Pair and source")
            terminal.drain(0.5, 20)
            for name, key in (("a", "a"), ("x", "x"), ("u", "u"), ("ctrl+r", REDO)):
                answers, more = list[Answer](), list[float]()
                for _ in range(self._sizes.keys // 2):
                    before = terminal.text
                    # The source follows the cursor a moment later.
                    answers.append(terminal.press(key, quiet=0.12))
                    more.append(answers[-1].bytes - _new_text(before, terminal.text))
                keys, beyond = _Keys(answers), statistics.median(more)
                yield Figure(
                    f"{name}, with the source pane: CPU time", keys.cpu * 1e3, "ms", "", None, "at most 8 ms",
                    keys.cpu <= 0.008,
                )  # fmt: skip
                yield Figure(
                    f"{name}, with the source pane: bytes beyond its new text", beyond, "B", "", None,
                    "at most 1,000 B", beyond <= _KILOBYTE,
                )  # fmt: skip

    # Filters

    def filters(self) -> Iterator[Figure]:
        """From the last letter of a word until the first row that holds it shows, all pairs being searched."""
        pairs = self._sizes.pairs
        common = next(number for number, row in enumerate(pairs_made.rows(pairs), 1) if _COMMON in row[1].lower())
        asked = (
            ("a common word", _COMMON, common),
            ("a rare word", RARE, 50_000),
            ("one of the last pair", LAST, pairs),
        )
        for name, word, first in asked:
            seconds = list[float]()
            for _ in range(min(self._sizes.starts // 2, 5)):
                with self._ftui(_NARROW) as terminal:
                    terminal.until("▌")
                    _open_filter(terminal)
                    digits = max(len(str(pairs)), 3)
                    began = time.perf_counter()
                    terminal.send(word)
                    terminal.until(_first_row(first, digits), 60)
                    seconds.append(time.perf_counter() - began)
            value = statistics.median(seconds) * 1e3
            target, ok = ("at most 300 ms", value <= 300) if word != LAST else ("no target: all is searched", True)
            yield Figure(f"filter by {name}: its first row", value, "ms", "", None, target, ok)
        yield from self._keys_while_filtering()

    def _keys_while_filtering(self) -> Iterator[Figure]:
        answered = list[float]()
        with self._ftui(_NARROW) as terminal:
            terminal.until("▌")
            _open_filter(terminal)
            for letter in LAST:
                began = time.perf_counter()
                terminal.send(letter)
                terminal.read(5)
                answered.append(time.perf_counter() - began)
                terminal.drain(0.1, 0.2)
        value = max(answered) * 1e3
        yield Figure(
            "a letter while all texts are searched, at worst", value, "ms", "", None, "at most 60 ms", value <= 60
        )

    # Steps over all pairs

    def steps(self) -> Iterator[Figure]:
        """All pairs accepted by another process, and taken back, while this one decides every 0.1 s."""
        seconds = 8.0
        with at_home(self._home):
            command = [python(), str(_PEERS / "bulk.py"), "rejected", "undo"]
            environment = {**self.environment, "PYTHONPATH": _path(self.environment)}
            alone = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
            with Store(PROJECT) as store:
                worker = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
                singles, number = list[float](), 0
                while worker.poll() is None:
                    number += 1
                    began = time.perf_counter()
                    store.pairs.decide([number % 1000 + 1], Decision(number % 2 + 1))
                    singles.append(time.perf_counter() - began)
                    time.sleep(0.1)
                assert worker.stdout is not None
                beside = worker.stdout.read()
                worker.stdout.close()
        for (way, took, changed, reports), (_, free, _, _) in zip(_steps(beside), _steps(alone), strict=True):
            yield Figure(
                f"{way} of {changed:,} pairs, with single decisions beside", took, "s", "the same with none",
                took / free,
                f"at most {seconds:.0f} s", took <= seconds,
            )  # fmt: skip
            yield Figure("  its reports of progress", reports, "", "", None, "more than 10", reports > 10)
        worst = max(singles) * 1e3
        yield Figure(
            f"a single decision meanwhile, the slowest of {len(singles)}", worst, "ms", "", None, "at most 60 ms",
            worst <= 60,
        )  # fmt: skip


class _Keys:
    """Medians of what a key led to."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.cpu = statistics.median(answer.cpu for answer in answers)
        self.first = statistics.median(answer.first for answer in answers)
        self.bytes = statistics.median(answer.bytes for answer in answers)
        self.mean_bytes = statistics.mean(answer.bytes for answer in answers)


def _cpu(name: str, seconds: float, against: str, other: float, most: int) -> Figure:
    value = seconds * 1e3
    return Figure(f"{name}: CPU time", value, "ms", against, seconds / other, f"at most {most} ms", value <= most)


def _bytes(name: str, value: float, against: str, other: float, most: int) -> Figure:
    return Figure(f"{name}: bytes", value, "B", against, value / other, f"at most {most:,} B", value <= most)


def _environment(folder: Path) -> dict[str, str]:
    """With a byte code cache of its own: a machine that forbids one would compile at every start."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "FTUI_HOME": str(folder / "home"), "PYTHONPYCACHEPREFIX": str(folder / "pycache")}


def _path(environment: dict[str, str]) -> str:
    return os.pathsep.join(filter(None, (str(Path(__file__).parent), environment.get("PYTHONPATH"))))


def _first_move(terminal: Terminal, shown: bytes, moved: bytes) -> float:
    """Seconds from the start until `shown` was written and, after a `j`, `moved`."""
    terminal.until_bytes(shown)
    terminal.forget()
    terminal.send("j")
    terminal.until_bytes(moved)
    return time.perf_counter() - terminal.started


def _open_filter(terminal: Terminal) -> None:
    terminal.drain(0.2)
    terminal.send("/")
    terminal.until("tab all")
    terminal.drain(0.2)


def _first_row(number: int, digits: int) -> Callable[[str], bool]:
    def there(text: str) -> bool:
        lines = text.splitlines()
        return len(lines) > 2 and f"{number:0{digits}}" in lines[2]

    return there


def _new_text(before: str, after: str) -> int:
    """Bytes of text right of the list in the lines that differ."""
    column = after.splitlines()[1].find("╮╭") + 1
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    return sum(len(new[column:].encode()) for old, new in pairs if old[column:] != new[column:])


def _steps(output: str) -> list[tuple[str, float, int, int]]:
    return [tuple(json.loads(line)) for line in output.splitlines() if line.startswith("[")]


def _killed(folder: Path, environment: dict[str, str], sizes: _Sizes) -> Iterator[Figure]:
    reviews, steps = folder / "reviews", folder / "steps"
    at_reviews, at_steps = ({**environment, "FTUI_HOME": str(home)} for home in (reviews, steps))
    at_steps["PYTHONPATH"] = _path(at_steps)
    some, many = 2000 * max(sizes.reviews // 10, 1), 20_000 if sizes.steps > 10 else 6_000
    yield from _outcome("a review", review_killed(reviews, at_reviews, sizes.reviews, seed=1, pairs=some))
    yield from _outcome("steps over many pairs", bulk_killed(steps, at_steps, sizes.steps, seed=2, pairs=many))


def _outcome(what: str, killed: Killed) -> Iterator[Figure]:
    yield Figure(
        f"{killed.kills} kills of {what}: decisions shown before and not there after", killed.lost,
        f"of {killed.shown:,}", "", None, "0", killed.lost == 0 and killed.shown > 0,
    )  # fmt: skip
    others = (("integrity checks failed", killed.broken), ("undo or redo that does not work", killed.stuck))
    for name, value in (*others, ("steps half done", killed.halves)):
        yield Figure(f"  {name}", value, "", "", None, "0", value == 0)
