"""Several processes make the same pairs as one, in the same order, and none of them stays behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import ftui
from ftui.errors import FtuiError, InputError
from ftui.prepare import Dropped, Pair, Step, crew, prepare_all
from ftui.prepare.recipe import Cleaning, Duplicates, Messages, Mixture, Model, Questions, Recipe
from ftui.prepare.template import nothing_written
from ftui.prepare.tokens import count_messages

WORDS = "kettle lid handle litre minute water filter button light steel glass base cord switch boil warm pour".split()  # noqa: SIM905
FOOT = "We ship to every country of the world within three days."
RETURNS = "## Can I send it back?\n\nYes, within thirty days and without a reason."


def page(number: int) -> dict[str, Any]:
    """Every kind of trouble comes round: copies, near copies, errors, what a site repeats, odd characters."""
    rng = random.Random(number // 3 if number % 3 else number)
    words = rng.choices(WORDS, k=40)
    if number % 3 == 1:
        words[number % 40] = "otherwise"
    text = f"# How does model {WORDS[number % 17]} work?\n\n{' '.join(words).capitalize()}.\n\n{RETURNS}\n\n{FOOT}"
    odd: Mapping[int, Any] = {
        7: {"error": "timeout"},
        11: None,
        13: {"markdown": "<p>SchÃ¶n &amp; gut</p> \u202e <|fim_suffix|>"},
        17: {"question": "Why?", "answer": "Because."},
        19: {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"Hello {number}!"}]},
    }
    data = odd.get(number % 23, {"markdown": text, "title": f"Model {number}"})
    return {"id": number, "source": 1 + number % 2, "url": f"https://s{number % 2}.test/{number}", "data": data}


PAGES = [page(number) for number in range(450)]
GENERAL = [
    {"id": 5000 + n, "source": 9, "data": {"question": f"What is {n} and {n}?", "answer": f"It is {2 * n}."}}
    for n in range(200)
]


def items(processes: int, recipe: Recipe, **more: Any) -> list[Pair | Dropped]:
    steps = prepare_all(lambda: PAGES, recipe, GENERAL, sources={1: "one", 2: "two"}, processes=processes, **more)
    return [item for item in steps if not isinstance(item, Step)]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(questions=Questions(presentations=4)),
        Recipe(questions=Questions(presentations=2), duplicates=Duplicates(0.5), mixture=Mixture(0.3, {"two": 0.5})),
        Recipe(duplicates=Duplicates(0), questions=Questions(presentations=1), cleaning=Cleaning(personal="mask")),
        Recipe(template="own", messages=Messages("Who is {{ data.title }}?", "{{ data.markdown }}")),
    ],
)
def test_the_number_of_processes_changes_nothing(recipe: Recipe) -> None:
    alone = items(1, recipe)
    assert sum(isinstance(item, Pair) for item in alone) > 100
    assert items(3, recipe) == alone
    assert {"boilerplate"} <= {item.reason for item in alone if isinstance(item, Dropped)}


@pytest.mark.parametrize("near", [0.0, 0.85])
def test_tokens_are_counted_by_the_others(near: float) -> None:
    made = items(2, Recipe(questions=Questions(presentations=2), duplicates=Duplicates(near)))
    pairs = [item for item in made if isinstance(item, Pair)]
    assert len(pairs) > 100
    assert [pair.counted for pair in pairs] == [count_messages(pair.messages) for pair in pairs]


def test_tokens_of_who_has_ended() -> None:
    with (
        tempfile.TemporaryFile() as file,
        crew.Crew(2, Recipe(), {}, nothing_written, None, file.fileno()) as workers,
    ):
        list(workers.started())
        processes = descendants(os.getpid())
        for process in processes:
            os.kill(process, signal.SIGKILL)
        with pytest.raises(FtuiError, match="one of its processes ended"):
            next(counts for counts in workers.tokens([bytes(16)]) if counts)
    gone(processes)


def test_what_a_model_wrote_is_asked_for_here() -> None:
    recipe = Recipe(model=Model("a", "b", pairs=1, wordings=0), questions=Questions(presentations=1))
    here = set[int]()

    def written(key: str) -> Mapping[str, Any] | None:
        here.add(os.getpid())
        if int(key[:2], 16) % 3 == 0:
            return None
        answer = f"It boils {key[:9]} litres of water."
        return {"items": [{"question": f"And {key[:9]}?", "also": [], "answer": answer, "quote": "kettle"}]}

    alone = items(1, recipe, written=written)
    assert items(2, recipe, written=written) == alone
    assert here == {os.getpid()}
    assert any(isinstance(item, Pair) and item.origin.get("model") == "a b" for item in alone)


def test_a_template_is_given_up_after_as_many_records_in_all() -> None:
    loop = "{% for a in range(99999) %}"
    hangs = f"{{% if data.hangs %}}{loop}{loop}{{% endfor %}}{{% endfor %}}{{% endif %}}Nobody at all, of course."
    recipe = Recipe(template="own", messages=Messages("Who is {{ title }}?", hangs), mixture=Mixture(0.0))
    # Two in the first batch and one in the second: no process meets three of them.
    records = [{**page(n), "data": {"title": f"{n}", "hangs": n in (1, 2, 201)}} for n in range(300)]
    with pytest.raises(InputError, match="2 seconds, and so it did on 2 records before"):
        list(prepare_all(lambda: records, recipe, processes=2))


def test_a_few_records_are_not_worth_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(crew.Crew, "_start", no)
    recipe = Recipe(mixture=Mixture(0.0), questions=Questions(presentations=1))
    assert list(prepare_all(lambda: PAGES, recipe))


@contextmanager
def under_way() -> Iterator[tuple[Iterator[Any], set[int]]]:
    """A preparation in the middle, with the numbers of its processes."""
    recipe = Recipe(mixture=Mixture(0.0))
    before = descendants(os.getpid())
    with closing(prepare_all(lambda: PAGES * 80, recipe, processes=2)) as steps:
        next(step for step in steps if isinstance(step, Step) and "making" in step.doing)
        yield steps, descendants(os.getpid()) - before


def test_who_stops_leaves_no_process() -> None:
    with under_way() as (_, processes):
        assert len(processes) == 3
    gone(processes)


def test_a_process_that_is_killed_is_told_and_the_others_end() -> None:
    with under_way() as (steps, processes):
        os.kill(max(processes), signal.SIGKILL)
        with pytest.raises(FtuiError, match="one of its processes ended"):
            list(steps)
    gone(processes)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from prepare.test_crew import under_way
with under_way() as (steps, processes):
    print(*processes, flush=True)
    list(steps)
"""


def test_no_process_outlives_one_that_is_killed() -> None:
    tests = str(Path(__file__).parent.parent)
    source = str(Path(ftui.__file__).parent.parent)
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(tests=tests)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert parent.stdout is not None
    processes = set(map(int, parent.stdout.readline().split()))
    assert len(processes) == 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    gone(processes)


def descendants(pid: int) -> set[int]:
    found, parents = set[int](), dict[int, int]()
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if folder.name.isdigit() and fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    for number in parents:
        above = number
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and number != pid:
            found.add(number)
    return found


def gone(processes: set[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(running, processes)):
        assert time.monotonic() < deadline, "a process is left behind"
        time.sleep(0.02)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
