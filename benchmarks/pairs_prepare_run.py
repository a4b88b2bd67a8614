"""One measurement of preparing, in a process of its own: `pairs_prepare_run.py WHAT RECORDS ...` prints JSON.

ours N [LANGUAGE [held]]    prepare, all steps, on as many processes as it takes by itself; held: the
                     records are there beforehand, as they are for the parts
bare N PART PARTS    the parts of it called directly, over every PARTS-th record
store N              the task: records of the store to pairs in the store
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftui.prepare.recipe import PRODUCTS, Cleaning, Mixture, Recipe

_TALK = (
    "kettle lid handle litre minute water filter button light steel glass base cord switch boil keep warm pour spout"
    " rinse descale vinegar lemon week morning tea coffee leaf temperature degree sound quiet fast heavy safe child"
    " lock dry empty clean brush warranty return shop parcel order invoice repair part seal ring belt motor sensor"
)
_WORDS = _TALK.split()
_POOL = random.Random(1).choices(_WORDS, k=2**16)
_SENTENCES, _LENGTH = 4, 14
_STEPS = (40_503, 22_277, 51_749, 9_973)


def records(count: int) -> Iterator[dict[str, Any]]:
    """Products of 60 words each: of 100 five are nearly as another one, and one is the same."""
    for number in range(count):
        kind = number % 100
        like = number - 1 if kind in (7, 27, 47, 67, 87, 93) else number
        seed = like * 2_654_435_761 % 2**32
        parts = list[str]()
        for step in _STEPS:
            start = (seed >> 7) * step % (2**16 - _LENGTH)
            parts.append(" ".join(_POOL[start : start + _LENGTH]).capitalize() + ".")
            seed = seed * 1_664_525 + 1_013_904_223 & 2**32 - 1
        if like != number and kind != 93:
            parts[1] = parts[1].replace(" ", " otherwise ", 1)
        title = " ".join(_POOL[seed % 60_000 : seed % 60_000 + 4])
        data = {"title": title, "brand": "", "features": [], "description": " ".join(parts)}
        url = f"https://shop{number % 7}.test/p/{number}"
        yield {"id": number + 1, "source": 1, "url": url, "title": title, "data": data}


def ours(count: int, language: str = "", held: str = "") -> dict[str, float]:
    from ftui.prepare import Pair, prepare_all

    recipe = Recipe(
        template=PRODUCTS, mixture=Mixture(0.0), cleaning=Cleaning(languages=(language,) if language else ())
    )
    there = list(records(count)) if held else []
    gc.collect()
    gc.freeze()
    started = _now()
    pairs = tokens = 0
    for item in prepare_all(lambda: there or records(count), recipe):
        if isinstance(item, Pair):
            pairs += 1
            tokens += item.tokens
    return _since(started) | {"pairs": pairs, "tokens": tokens}


def bare(count: int, part: int, parts: int) -> dict[str, float]:
    """The parts of preparing, each called directly.

    jinja2 renders; the functions of cleaning (regular expressions, and ftfy where a text is
    suspect) count and leave out boilerplate, mend, clean, look for personal data and flag;
    the SHA-256 of each row tells exact duplicates; rensa signs each text and looks it up in
    its LSH; tiktoken encodes each message; chatfile checks each row. There are no pairs, no
    files, no order and no report, and nothing goes from process to process.
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from rensa import RMinHash, RMinHashLSH

    from ftui import chatfile
    from ftui.prepare import flags, mojibake, near, personal, residue, template, tokens
    from ftui.prepare.boilerplate import Boilerplate
    from ftui.prepare.clean import clean

    some = [record for record in records(count) if record["id"] % parts == part]
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    texts = template.built_in(PRODUCTS)
    ask, answer = (environment.from_string(texts[name].strip()) for name in ("user", "assistant"))
    settings = Cleaning()
    index = RMinHashLSH(threshold=0.85, num_perm=64, num_bands=16)
    rows = set[bytes]()
    tokens.count("")
    encode = tokens._encoding().encode_ordinary
    started = _now()
    boilerplate = Boilerplate(0.3)
    for record in some:
        boilerplate.add(record)
    for number, record in enumerate(some):
        data = {**record["data"], **boilerplate.strip(record)}
        for name in ("title", "description"):
            data[name] = clean(mojibake.mend(residue.strip(data[name])))
        question, said = clean(ask.render(data)), clean(answer.render(data))
        for text in (texts["system"], question, said):
            personal.find(text, settings.region)
        dict(flags.of_answer(said, settings)), dict(flags.of_question(question))
        messages = [
            {"role": "system", "content": texts["system"]},
            {"role": "user", "content": question},
            {"role": "assistant", "content": said},
        ]
        chatfile.row_problem({"messages": messages})
        for message in messages:
            len(encode(message["content"]))
        rows.add(hashlib.sha256(json.dumps(messages).encode()).digest())
        signature = RMinHash(num_perm=64, seed=1)
        signature.update(near.runs(f"{question}\n{said}"))
        index.query(signature)
        index.insert(number, signature)
    return _since(started)


def store(count: int) -> dict[str, float]:
    from ftui.events import Record
    from ftui.prepare import recipe as recipes
    from ftui.runners.preparing import prepare_pairs
    from ftui.store import Store, create_project

    create_project("bench")
    with Store("bench") as there:
        there.recipe_path.write_text(recipes.dump(Recipe(template=PRODUCTS, mixture=Mixture(0.0))))
        source = there.sources.add("shop", "files", {}).id
        batch = list[Record]()
        for record in records(count):
            batch.append(Record(record["url"], record["url"], record["title"], record["data"]))
            if len(batch) == 2000:
                there.records.put(source, batch)
                batch = []
        there.records.put(source, batch)

        async def run() -> None:
            task = there.tasks.get(there.tasks.add("prepare", "make pairs", {}))
            async for _ in prepare_pairs(there, task):
                pass

        started = _now()
        asyncio.run(run())
        return _since(started) | {"pairs": there.pairs.counts().total}


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(started: tuple[float, float]) -> dict[str, float]:
    """The seconds since then, and those of processor time of this process."""
    now = _now()
    return {"seconds": now[0] - started[0], "processor": now[1] - started[1]}


def main(what: str, *values: str) -> None:
    if what == "ours":
        result = ours(int(values[0]), *values[1:])
    elif what == "bare":
        result = bare(*map(int, values))
    else:
        import os

        with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
            os.environ["FTUI_HOME"] = str(Path(folder))
            result = store(int(values[0]))
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
