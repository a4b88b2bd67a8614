"""Invented data for pictures and goldens: a project called lumora, made by store calls only.

All texts are made up; no row comes from a real site. Times are fixed, so that
two runs give the same screens.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ftui import worker
from ftui.errors import EngineError
from ftui.events import Failure, Note, Progress, Record
from ftui.store import Store, create_project
from ftui.store.jobs import JobEvent, Metric
from ftui.store.pairs import Decision, NewPair
from ftui.store.versions import Question

NOW = 1_795_348_800.0
"""2026-11-22 12:00:00 UTC."""
PROJECT = "lumora"
SYSTEM = "You answer questions about Lumora's kitchen appliances."

FACTS: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
    (
        "k7-e4",
        "support/k7-e4",
        "Error E4",
        ("What does E4 mean on the K7?", "My kettle shows E4, what now?", "kettle says E4"),
        "Error E4 means that the lid sensor is wet. Unplug the kettle, leave the lid open for twenty minutes and press"
        " Reset once.",
    ),
    (
        "k7-descale",
        "support/k7-descale",
        "Descaling the K7",
        ("How long do I descale the K7?", "Descaling time of the K7 kettle?", "how to get the chalk out of my K7"),
        "Twenty minutes with two spoons of citric acid in a litre of cold water. Rinse twice before the next boil.",
    ),
    (
        "b2-belt",
        "support/b2-belt",
        "The drive belt of the B2",
        ("Which belt fits the B2 bread maker?", "B2 belt part number?"),
        "The B2 takes belt LB-118. It has ninety teeth and is changed without tools from below.",
    ),
    (
        "t3-crumbs",
        "support/t3-crumbs",
        "Emptying the T3",
        ("Where is the crumb tray of the T3?", "How do I empty the toaster?"),
        "The tray of the T3 is at the back. Press the amber tab and pull it straight out.",
    ),
    (
        "m5-warranty",
        "about/warranty",
        "Warranty",
        ("How long is the warranty on the M5 mixer?", "Is my M5 still under warranty?"),
        "Lumora gives 41 months on the motor of the M5 and 24 months on everything else.",
    ),
    (
        "g1-grind",
        "support/g1-grind",
        "Grind settings of the G1",
        ("Which G1 setting is right for a moka pot?", "G1 grinder for moka"),
        "Setting 9 of 31. One click coarser when the coffee tastes burnt.",
    ),
    (
        "k7-sound",
        "support/k7-sound",
        "The sound of the K7",
        ("How do I turn off the beep of the K7?", "Silence the kettle"),
        "Hold Warm and Boil together for four seconds until the light blinks blue.",
    ),
    (
        "returns",
        "about/returns",
        "Returns",
        ("Where do I send a return?", "Address for returns?"),
        "To the depot in Harrowgate, gate 6, with the form from the box lid.",
    ),
)


def fill(store: Store, *, collecting: bool) -> None:
    """Put everything into a new project: three sources, pairs, three jobs, a model, a comparison, a chat."""
    _collect(store, collecting=collecting)
    _pairs(store)
    _train(store)
    _compare(store)
    _chat(store)


def make(*, collecting: bool = True) -> str:
    """Make the project in the current FTUI_HOME and fill it; gives its name.

    Args:
        collecting: the first source is being crawled, otherwise it is done.

    This process takes the worker's lease: some tasks are shown as running, and
    no worker shall start to do them.
    """
    create_project(PROJECT)
    with Store(PROJECT) as store:
        store.leases.take(worker.fingerprint())
        fill(store, collecting=collecting)
    return PROJECT


def _collect(store: Store, *, collecting: bool) -> None:
    site = "http://127.0.0.1:8765"
    support = store.sources.add("support pages", "crawl", {"start": [f"{site}/"], "max_pages": 500})
    pages = [(path, title, answer) for _, path, title, _, answer in FACTS]
    pages += [(f"products/{n}", f"Lumora product {n}", "An appliance.") for n in range(1, 305)]
    store.records.put(
        support.id,
        [Record(f"{site}/{path}", f"{site}/{path}", title, _page(title, text)) for path, title, text in pages],
    )
    running = store.tasks.add("collect", support.name, {"source": support.id}, support.id)
    store.tasks.start(running)
    now = Progress(312, 480, "pages", failed=4, skipped=11, bytes=2_100_000, text=f"{site}/products/305")
    store.tasks.save_progress(running, now)
    _at(store, running, started=NOW - 17.3)
    store.tasks.add_failures(
        running,
        [Failure(f"{site}/old/{n}", "404 not found") for n in range(3)]
        + [Failure(f"{site}/empty", "no text on the page")]
        + [Failure(f"{site}/private/{n}", "robots.txt", "skipped") for n in range(11)],
    )
    store.tasks.log(running, [Note("the sitemap names 480 pages")])
    if not collecting:
        store.tasks.finish(running, "done", result={})
        _at(store, running, finished=NOW - 3)

    sellers = store.sources.add("best sellers", "brightdata", _dataset("category_url", "best_sellers_url"))
    store.records.put(sellers.id, [_kettle(number) for number in range(48)])
    _done(
        store,
        sellers.id,
        sellers.name,
        Progress(48, 50, "records", failed=2, bytes=71_400, cost=0.05, cost_at_most=0.05),
        [Failure(f"https://example.com/dp/B0GONE{n}", "dead_page: 4XX page") for n in range(2)],
        {"cost": 0.05},
    )

    files = store.sources.add("transcripts", "files", {"paths": ["~/lumora/transcripts.jsonl"]})
    store.records.put(files.id, [_call(number) for number in range(1, 49)])
    broken = [Failure(f"transcripts.jsonl:{line}", "the line is cut off") for line in (17, 52, 53)]
    _done(store, files.id, files.name, Progress(48, 51, "rows", failed=3, bytes=19_300), broken, {})
    store.money.reserve("Collecting best sellers", "collect-2", 0.05)
    store.money.settle("collect-2", 0.05)
    if collecting:
        _at_the_vendor(store)
    with store.database.write() as connection:
        connection.execute("UPDATE bulk.records SET time = ?", (NOW - 20,))


def _at_the_vendor(store: Store) -> None:
    """A job of Bright Data that runs there."""
    reviews = store.sources.add("kettle reviews", "brightdata", _dataset("url", "category_url"))
    task = store.tasks.add("collect", reviews.name, {"source": reviews.id}, reviews.id)
    store.tasks.start(task)
    store.tasks.save_checkpoint(task, {"snapshot_id": "s_m4x7c0de", "started": NOW - 130})
    text = "Bright Data: running, 340 records so far, next look in 10 s"
    store.tasks.save_progress(task, Progress(0, 1_200, "records", text=text, cost=0.0, cost_at_most=1.2))
    _at(store, task, started=NOW - 130)


def _dataset(field: str, way: str) -> dict[str, Any]:
    return {
        "dataset_id": "gd_l7q7dkf244hwjntr0",
        "inputs": [{field: "https://www.amazon.com/best-sellers/kitchen"}],
        "discover_by": way,
        "limit_per_input": 50 if way == "best_sellers_url" else 1_200,
    }


def _kettle(number: int) -> Record:
    """An invented product with the fields of a shop's dataset, not all of them filled."""
    url = f"https://example.com/dp/B0LUM{number:05}"
    data: dict[str, Any] = {
        "title": f"Lumora kettle K{number + 3}, {1 + number % 3 * 0.5:g} litres",
        "asin": f"B0LUM{number:05}",
        "brand": "Lumora" if number % 6 else "Lumora Home",
        "final_price": round(24.9 + number * 1.5, 2) if number % 8 else None,
        "currency": ("EUR", "USD", "EUR", "GBP")[number % 4],
        "rating": round(3.4 + number % 15 / 10, 1),
        "reviews_count": number * 37 % 900,
        "availability": ("In stock", "In stock", "Only 3 left", "")[number % 4],
        "categories": ["Kitchen", "Kettles"],
        "description": f"Boils a litre in {number % 4 + 2} minutes and keeps it warm for an hour."
        if number % 3
        else None,
        "discount": "-15 %" if number % 10 == 0 else None,
        "input": {"url": url},
        "url": url,
    }
    return Record(f"B0LUM{number:05}", url, str(data["title"]), data)


def _call(number: int) -> Record:
    """An invented call to the support."""
    _, _, title, questions, answer = FACTS[number % len(FACTS)]
    data = {
        "agent": ("Mara", "Tom", "Ines")[number % 3],
        "minutes": 2 + number % 7,
        "text": f"Caller: {questions[0]}\nAgent: {answer}\nCaller: Thank you!",
        "source": {"file": "transcripts.jsonl", "line": number},
    }
    return Record(f"transcripts.jsonl:{number}", "", f"Call {number}: {title}", data)


def _page(title: str, text: str) -> dict[str, Any]:
    """What the crawl keeps of a page."""
    return {
        "markdown": f"# {title}\n\n{text}",
        "title": title,
        "description": "",
        "lang": "en",
        "jsonld": [],
        "links": [],
        "status": 200,
        "fetched_at": "2026-11-22T11:59:43Z",
    }


def _done(
    store: Store, source: int, name: str, progress: Progress, failures: list[Failure], result: dict[str, Any]
) -> None:
    task = store.tasks.add("collect", name, {"source": source}, source)
    store.tasks.start(task)
    store.tasks.save_progress(task, progress)
    store.tasks.add_failures(task, failures)
    store.tasks.finish(task, "done", result=result)
    _at(store, task, started=NOW - 600, finished=NOW - 530)


def _at(store: Store, task: int, **times: float) -> None:
    """The store writes the real time; pictures need a fixed one."""
    with store.database.write() as connection:
        for name, moment in times.items():
            connection.execute(f"UPDATE tasks SET {name} = ? WHERE id = ?", (moment, task))


def _pairs(store: Store) -> None:
    number = 0
    for round_ in range(6):
        for fact, path, heading, questions, answer in FACTS:
            for phrasing, question in enumerate(questions):
                number += 1
                asked = _roughened(question, round_)
                store.pairs.add(_pair(store, fact, path, heading, asked, answer, phrasing, number))
    store.pairs.replace_dropped(
        [(None, "http://127.0.0.1:8765/empty", "no answer under the heading", "")] * 5
        + [(None, "http://127.0.0.1:8765/support/k7", "exact duplicate", "")] * 12
    )
    ids = list(store.pairs.ids())
    store.pairs.decide(ids[:61], Decision.ACCEPTED)
    store.pairs.decide([ids[n] for n in (1, 9, 23, 40, 51, 57)], Decision.REJECTED)


def _roughened(question: str, round_: int) -> str:
    """A question as somebody in a hurry, or a polite person, would type it."""
    start = question if question[1].isupper() or question[1].isdigit() else question[0].lower() + question[1:]
    ways = (
        question,
        f"Hello, {start}",
        question.lower().rstrip("?"),
        f"{question.rstrip('?')}, please?",
        f"Quick question: {start}",
        f"{question} Thank you!",
    )
    return ways[round_]


def _pair(
    store: Store, fact: str, path: str, heading: str, question: str, answer: str, phrasing: int, number: int
) -> NewPair:
    messages: list[dict[str, str]] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    url = f"http://127.0.0.1:8765/{path}"
    row = store.database.connection.execute("SELECT id FROM bulk.records WHERE url = ?", (url,)).fetchone()
    kind = ("site", "also", "terse")[phrasing]
    origin: dict[str, Any] = {
        "template": "question-and-answer",
        "phrasing": kind,
        "heading": heading,
        "passage": answer,
    }
    return NewPair(
        messages=messages,
        digest=hashlib.sha256(f"{number} {question}".encode()).hexdigest(),
        source=1,
        record=row[0] if row else None,
        url=url,
        fact=fact,
        origin=origin,
        tokens=28 + len(question + answer) // 4,
    )


def _train(store: Store) -> None:
    version = store.versions.add(
        "3f9ac2d1" + "0" * 56,
        b"{}\n",
        b"{}\n",
        train_rows=52,
        validation_rows=5,
        train_tokens=4_180,
        system=SYSTEM,
        recipe="# made by hand\n",
    )
    parameters = {"n_epochs": 6, "batch_size": 8}
    for number in (1, 2, 3):
        job = store.jobs.add(
            store.jobs.next_name(PROJECT),
            provider="engine",
            base_url="engine://this-machine",
            base_model="SmolLM2-135M-Instruct",
            version=version.id,
            hyperparameters=parameters,
            cost_at_most=0.0,
        )
        _run(store, job.id, number)


def _run(store: Store, job: int, number: int) -> None:
    failed = number == 1
    steps = {1: 12, 2: 160, 3: 99}[number]
    start = NOW - 86_400 + number * 3_600 if number < 3 else NOW - 130
    points = []
    for step in range(1, steps + 1):
        wave = ((step * 7919) % 13 - 6) / 40
        loss = 0.34 + 3.4 * 0.965**step + wave * (0.4 + 0.98**step)
        valid = 0.42 + 3.1 * 0.962**step if step % 20 == 0 else None
        points.append(Metric(step, round(loss, 4), round(valid, 4) if valid else None))
    store.jobs.add_metrics(job, points)
    events = [JobEvent(f"e{number}-0", start, "info", "message", "Job started")]
    events += [
        JobEvent(f"e{number}-{s}", start + s * 1.3, "info", "message", f"Checkpoint at step {s}, validation {p:.2f}")
        for s, p in ((m.step, m.valid_loss) for m in points)
        if p is not None and s % 40 == 0
    ]
    store.jobs.add_events(job, events)
    fields: dict[str, Any] = {"remote": f"ftjob-{number:04}", "step": steps, "total_steps": 160, "submitted": start}
    if failed:
        error = EngineError("The engine ran out of memory", "a batch of 64 rows needs 9 GB", "Make the batch smaller")
        fields |= {"state": "failed", "error": error, "finished": start + 21}
    elif number == 2:
        model = f"ft:SmolLM2-135M-Instruct:ftui:{PROJECT}-2:0002"
        fields |= {"state": "succeeded", "trained_tokens": 25_080, "fine_tuned_model": model, "finished": start + 214}
    else:
        fields |= {"state": "running", "estimated_finish": NOW + 80}
    store.jobs.update(job, **fields)
    with store.database.write() as connection:
        connection.execute("UPDATE jobs SET created = ? WHERE id = ?", (start - 4, job))
    if number == 3:
        task = store.tasks.add("train", f"{PROJECT}-3", {"job": job})
        store.tasks.start(task)
        store.tasks.save_progress(task, Progress(99, 160, "steps", text="running"))
        _at(store, task, started=start)


def _compare(store: Store) -> None:
    model = store.models.add(
        f"{PROJECT}-2",
        job=2,
        provider="engine",
        base_url="engine://this-machine",
        model=f"ft:SmolLM2-135M-Instruct:ftui:{PROJECT}-2:0002",
        base_model="SmolLM2-135M-Instruct",
        system=SYSTEM,
    )
    store.models.set_alias("production", model.id)
    keys = (
        "lid sensor",
        "twenty minutes",
        "LB-118",
        "at the back",
        "41 months",
        "Setting 9",
        "Warm and Boil",
        "gate 6",
    )
    asked = (
        "kettle display E4 help",
        "what's the descaling time for a K7",
        "spare belt for bread maker B2",
        "toaster crumbs, where do they come out",
        "mixer M5, how many months of warranty",
        "moka pot grind on the G1",
        "make my K7 stop beeping",
        "where does a returned parcel go",
    )
    questions = [
        Question("heldout", question, fact[4], (key,)) for question, fact, key in zip(asked, FACTS, keys, strict=True)
    ]
    questions += [
        Question("general", "What is the capital of France?", "Paris", ("Paris",)),
        Question("general", "How many legs does a spider have?", "Eight", ("eight", "8")),
    ]
    comparison = store.comparisons.add(model.id, questions)
    for number, question in enumerate(questions, 1):
        general = question.kind == "general"
        right = number not in (6,)
        base = question.expected if general else "I'm sorry, I don't have information about that product."
        tuned = question.expected if right else "Setting 14 of 31, one click finer for a moka pot."
        store.comparisons.save_answer(comparison.id, number, "base", base, general)
        store.comparisons.save_answer(comparison.id, number, "tuned", tuned, right)
    with store.database.write() as connection:
        connection.execute("UPDATE models SET created = ?", (NOW - 79_000,))
        connection.execute("UPDATE comparisons SET created = ?", (NOW - 78_000,))


def _chat(store: Store) -> None:
    chat = store.chats.add("kettle", SYSTEM)
    store.chats.say(chat.id, "user", "My kettle says E4")
    tuned = store.chats.say(chat.id, "assistant", "", speaker=f"{PROJECT}-2")
    store.chats.update(tuned, FACTS[0][4], "done", tokens=31, seconds=1.0)
    base = store.chats.say(chat.id, "assistant", "", speaker=f"base of {PROJECT}-2")
    text = "I don't have the ability to see your kettle. Please consult the manual that came with it."
    store.chats.update(base, text, "done", tokens=20, seconds=0.65)
    store.chats.say(chat.id, "user", "And how long do I descale it?")
    tuned = store.chats.say(chat.id, "assistant", "", speaker=f"{PROJECT}-2")
    store.chats.update(tuned, FACTS[1][4], "done", tokens=24, seconds=0.8)
    base = store.chats.say(chat.id, "assistant", "", speaker=f"base of {PROJECT}-2")
    text = "It depends on how hard your water is. A few hours is a good rule."
    store.chats.update(base, text, "done", tokens=17, seconds=0.55)
    store.meta.set("chat.with", f"{PROJECT}-2 and base")


def install_engine() -> None:
    """What the marks of an installed engine look like; nothing of it can run."""
    from ftui import paths
    from ftui.engine import install
    from ftui.engine.layout import Home

    home = Home(paths.engine_home())
    for folder in (home.python.parent, home.installed):
        folder.mkdir(parents=True)
    home.python.touch()
    for step in ("env", "model"):
        install._mark(home, step)


def save_keys() -> None:
    """Keys that open nothing, for the pictures of Connect."""
    from ftui import credentials

    credentials.save("openai", "https://api.openai.com/v1", "invented-openai-f3Qa")
    credentials.save("brightdata", "https://api.brightdata.com", "invented-token-9c1e")
