"""An invented project of any number of pairs, and the same rows as files for other programs.

They are as preparing makes them: the phrasings of a fact one after the other, and so the facts of a page.
"""

from __future__ import annotations

import csv
import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftui import settings
from ftui.events import Record
from ftui.store import Store, create_project
from ftui.store.pairs import NewPair

PROJECT = "bench"
COMMON, RARE, LAST = "kettle", "zwieback", "quixotic"
"""Words of all pairs, of every 50,000th, and of the last one alone."""
_BATCH = 2000
_FACTS = 5
"""Of a record."""
_PHRASINGS = ("What about {}?", "How is it in {}?", "Tell me of {}", "Why {}?")
_TEXT = (
    "the lid sensor is wet unplug it leave open for twenty minutes and press reset once then fill water up to mark"
    " never over a litre descale with two spoons of acid every month the belt of motor has ninety teeth warranty"
    " runs from day sale button on left side base turns light red when hot or cold keep handle dry filter comes out"
)
_WORDS = _TEXT.split()


def sentence(number: int) -> str:
    """A sentence of some twenty words that no other number has."""
    source = random.Random(number)
    words = " ".join(source.choices(_WORDS, k=source.randrange(14, 28)))
    return f"{words.capitalize()} in case {number}."


def rows(count: int) -> Iterator[tuple[str, str, int, int]]:
    """(question, answer, number of the record, number of the fact) of each pair."""
    for number in range(count):
        fact, phrasing = divmod(number, len(_PHRASINGS))
        rare = f" with {RARE}" if number % 50_000 == 49_999 else ""
        last = f" and {LAST}" if number == count - 1 else ""
        question = _PHRASINGS[phrasing].format(f"case {number} of the {COMMON}{rare}{last}")
        yield question, sentence(fact), fact // _FACTS, fact


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    """This process uses the FTUI_HOME `home` in the block."""
    before = os.environ.get("FTUI_HOME")
    os.environ["FTUI_HOME"] = str(home)
    try:
        yield
    finally:
        os.environ.pop("FTUI_HOME")
        if before is not None:
            os.environ["FTUI_HOME"] = before


def make(home: Path, count: int) -> Path:
    """A project with `count` pending pairs, to be opened in its Pairs; gives the file of its pairs."""
    with at_home(home):
        create_project(PROJECT)
        with Store(PROJECT) as store:
            source = store.sources.add("pages", "crawl", {"start": ["https://kettle.test/"]})
            records = -(-count // (_FACTS * len(_PHRASINGS)))
            for start in range(0, records, _BATCH):
                store.records.put(source.id, [_record(n) for n in range(start, min(start + _BATCH, records))])
            with store.pairs.replacing() as replacing:
                batch: list[NewPair] = []
                for row in rows(count):
                    batch.append(_pair(row, source.id))
                    if len(batch) == _BATCH:
                        replacing.put(batch)
                        batch = []
                replacing.put(batch)
            store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            file = store.database.path
        open_in_pairs()
    return file


def open_in_pairs() -> None:
    """The next start goes on in Pairs, with nothing remembered of where the cursor was."""
    settings.save_state(project=PROJECT, projects={PROJECT: {"place": 3, "places": {}, "seen_at": 0.0}})


def _record(number: int) -> Record:
    text = "\n\n".join(sentence(number * _FACTS + fact) for fact in range(_FACTS))
    url = f"https://kettle.test/case/{number}"
    return Record(f"case {number}", url, f"Case {number}", {"title": f"Case {number}", "markdown": text})


def _pair(row: tuple[str, str, int, int], source: int) -> NewPair:
    question, answer, record, fact = row
    return NewPair(
        [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        hashlib.sha256(f"{question}{answer}".encode()).hexdigest(),
        source=source,
        record=record + 1,
        url=f"https://kettle.test/case/{record}",
        fact=f"fact {fact}",
        origin={"template": "facts", "phrasing": "site", "heading": f"Case {record}", "passage": answer},
        tokens=20 + fact % 60,
        risk=fact % 1000 / 1000,
    )


def write_csv(file: Path, count: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("question", "answer", "record", "fact"))
        writer.writerows(rows(count))
