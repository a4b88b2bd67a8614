"""A project with invented records and pairs, and the app in its Pairs place."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from textual.widgets import Input

from ftui import worker
from ftui.events import Record
from ftui.store import Store, create_project
from ftui.store.pairs import Decision, NewPair, Pair
from ftui.ui.app import FtuiApp
from ftui.ui.places.pairs import PairsPlace
from ui.screen import settle, text_of

NOON = 1_795_348_800.0
SITE = "https://lumora.example"
FACTS = (
    (
        "Error E4",
        "Error E4 means that the lid sensor is wet. Unplug the kettle, leave the lid open for twenty minutes and"
        " press Reset once.",
        ("What does E4 mean on the K7?", "My kettle shows E4, what now?", "kettle says E4"),
    ),
    (
        "Descaling the K7",
        "Twenty minutes with two spoons of citric acid in a litre of cold water.",
        ("How long do I descale the K7?", "how to get the chalk out of my K7"),
    ),
    ("The drive belt", "The B2 takes belt LB-118 — ninety teeth.", ("Which belt fits the B2?", "B2 belt number?")),
    ("Warranty", "41 months on the motor of the M5.", ("How long is the warranty on the M5?",)),
)


def new_store(*, records: bool = True, pairs: bool = True) -> Store:
    """A project `lumora`; this process holds its worker's lease, so that none starts."""
    create_project("lumora")
    store = Store("lumora")
    store.leases.take(worker.fingerprint())
    if records:
        source = store.sources.add("support pages", "crawl", {"start": [f"{SITE}/"]})
        store.records.put(source.id, [_record(number) for number in range(len(FACTS))])
    if pairs:
        ids = [record["id"] for record in store.records.iterate()] or [None] * len(FACTS)
        for number, (heading, answer, questions) in enumerate(FACTS):
            for which, question in enumerate(questions):
                store.pairs.add(new_pair(question, answer, f"f{number}", ids[number], heading, held=which == 2))
    return store


def _record(number: int) -> Record:
    heading, answer, _ = FACTS[number]
    text = f"# {heading}\n\nThis page helps.\n\n{answer}\n\nThe helpline is open from 7 to 8."
    return Record(f"page {number}", f"{SITE}/support/{number}", heading, {"title": heading, "markdown": text})


def new_pair(
    question: str, answer: str, fact: str = "", record: int | None = None, heading: str = "", *, held: bool = False
) -> NewPair:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    origin: dict[str, object] = {"phrasing": "site", "heading": heading, "passage": answer}
    if held:
        origin["held"] = True
    digest = hashlib.sha256(f"{question}{answer}".encode()).hexdigest()
    url = f"{SITE}/support" if record else ""
    return NewPair(messages, digest, record=record, url=url, fact=fact, origin=origin, tokens=len(question + answer))


class Review:
    """The app in its Pairs place."""

    def __init__(self, size: tuple[int, int] = (120, 40)) -> None:
        self.app = FtuiApp("lumora")
        self.running = self.app.run_test(size=size)

    async def __aenter__(self) -> Review:
        self.pilot = await self.running.__aenter__()
        await self.press("3")
        return self

    async def __aexit__(self, *error: object) -> None:
        self.app.exit()
        await self.running.__aexit__(None, None, None)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def type(self, text: str) -> None:
        """Put words into the field that has the focus."""
        field = self.app.screen.focused
        assert isinstance(field, Input)
        field.value = text
        await settle(self.pilot)

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something is so, ten seconds at most."""
        deadline = time.monotonic() + 10
        while not wanted():
            assert time.monotonic() < deadline, text_of(self.app)
            await self.pilot.pause(0.02)

    @property
    def place(self) -> PairsPlace:
        place = self.app.place
        assert isinstance(place, PairsPlace)
        return place

    @property
    def current(self) -> Pair:
        pair = self.place.current
        assert pair is not None
        return pair

    @property
    def screen(self) -> str:
        return text_of(self.app)

    @property
    def bottom(self) -> str:
        return self.screen.splitlines()[-2].strip()

    def decisions(self) -> str:
        """The symbols of all pairs as another connection reads them from the file."""
        with Store("lumora") as other:
            return "".join(pair.decision.symbol for pair in other.pairs.page(list(other.pairs.ids())).values())


def decide(store: Store, **decisions: Decision) -> None:
    """Decide pairs by name: `p3=Decision.ACCEPTED`."""
    for name, decision in decisions.items():
        store.pairs.decide([int(name[1:])], decision)
