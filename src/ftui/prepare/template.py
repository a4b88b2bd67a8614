"""The templates: what question, and what answer, a record becomes."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Self

from ftui.prepare import asking, facts, fields, phrasing, support, transcript
from ftui.prepare import recipe as recipes
from ftui.prepare.asking import Ask
from ftui.prepare.clean import clean
from ftui.prepare.facts import Fact
from ftui.prepare.pair import Dropped, Message, Pair, conversation, lost
from ftui.prepare.recipe import Recipe
from ftui.prepare.rendering import BuiltIn, NotRendered, Own, Rendering
from ftui.prepare.sentences import cut
from ftui.units import plural

Written = Callable[[str], Mapping[str, Any] | None]
"""What a model wrote, by the key of the request: `items` as `answer.read` gives them, or
the `problem`; None where it was not asked."""
BUILT_IN = (recipes.PRODUCTS, recipes.SUMMARY, recipes.STYLE)
NO_TITLE, NO_TEXT = "no title", "no text"
NOTHING = (NO_TITLE, NO_TEXT)
"""Reasons of a record that has nothing to make a pair of."""
_NAMED = 5
"""Words without support that are named."""


def system_message(recipe: Recipe) -> str:
    """The system message of every pair that a recipe makes, "" for none."""
    if recipe.system is not None:
        return recipe.system.strip()
    return built_in(recipe.template)["system"] if recipe.template in BUILT_IN else ""


@cache
def built_in(name: str) -> Mapping[str, str]:
    """The texts of a template of `BUILT_IN`: `system`, `user`, `assistant`."""
    return tomllib.loads((files(__package__) / "templates" / f"{name}.toml").read_text("utf-8"))


def nothing_written(_: str) -> None:
    return None


class Maker:
    """Makes pairs of records by one recipe; a context, since a template of one's own has a process.

    Args:
        written: what a model wrote so far.
    """

    def __init__(self, recipe: Recipe, written: Written = nothing_written) -> None:
        self._recipe = recipe
        self._written = written
        self._system = system_message(recipe)
        self._rendering: Rendering | None = None
        if recipe.template == recipes.OWN:
            self._rendering = Own({"user": recipe.messages.user, "assistant": recipe.messages.assistant})
        elif recipe.template in BUILT_IN:
            texts = built_in(recipe.template)
            self._rendering = BuiltIn({"user": texts["user"], "assistant": texts["assistant"]})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._rendering is not None:
            self._rendering.close()

    @property
    def broken(self) -> Sequence[str]:
        """Why a record ran into a limit of the recipe's own template, one for each that did."""
        return self._rendering.broken if self._rendering is not None else ()

    def make(self, record: Mapping[str, Any]) -> Iterator[Pair | Dropped]:
        """The pairs of one record, and the parts of it that did not become one.

        Raises:
            InputError: the recipe's own template cannot be used.
        """
        asks = asking.asks(record, self._recipe)
        match self._recipe.template:
            case recipes.PRODUCTS | recipes.OWN:
                yield from self._described(record)
            case recipes.SUMMARY:
                yield from self._summarised(record, asks)
            case recipes.STYLE:
                yield from self._restyled(record, asks)
            case _:
                yield from self._asked(record, asks)

    # Questions and answers

    def _asked(self, record: Mapping[str, Any], asks: Sequence[Ask]) -> Iterator[Pair | Dropped]:
        recipe = self._recipe
        found = asking.found(record, recipe)
        dropped = list[Dropped]()
        for ask in asks:
            items = self._items(record, ask, dropped)
            if ask.kind == "wordings":
                _reword(found, ask, items)
            else:
                known = {fact.heading.casefold() for fact in found}
                found += [fact for fact in self._facts(record, ask, items) if fact.heading.casefold() not in known]
        if not found and not dropped:
            yield lost(record, self._why_nothing(record))
        for fact in found:
            answer = _fit(record, fact.answer, recipe, fact.heading)
            if isinstance(answer, Dropped):
                yield answer
                continue
            flags = {**fact.flags, **_cut(fact.answer, answer)}
            identity = _identity(fact.question, answer)
            rng = random.Random(f"{recipe.seed} {identity}")
            for each in phrasing.present(fact, recipe, rng):
                origin = {"phrasing": each.kind, "heading": fact.heading, "passage": fact.passage, **fact.origin}
                messages = conversation(self._system, each.question, answer)
                held = {"held": True} if each.held else {}
                yield self._pair(record, messages, identity, origin | held, flags)
        yield from dropped

    def _why_nothing(self, record: Mapping[str, Any]) -> str:
        data = record["data"]
        if asking.other_language(record, self._recipe):
            return "other language"
        if self._recipe.template == recipes.TRANSCRIPT:
            return "no question in the transcript" if transcript.turns(data) else NO_TEXT
        if facts.find(data, ()):
            return "no question among the headings"
        return "no heading" if str(data.get("markdown") or "").strip() else NO_TEXT

    def _facts(self, record: Mapping[str, Any], ask: Ask, items: Sequence[Mapping[str, Any]]) -> Iterator[Fact]:
        """The questions and answers of a model as facts; what the text does not bear out is flagged."""
        for item in items[: self._recipe.model.pairs]:
            place = support.find(item["quote"], ask.source)
            missing = support.unsupported(item["answer"], ask.source)
            flags = {}
            if place is None:
                flags["unsupported"] = "what it quotes is not in the source"
            elif missing:
                flags["unsupported"] = f"not in the source: {', '.join(missing[:_NAMED])}"
            yield Fact(
                item["question"],
                item["answer"],
                list(item["also"])[: self._recipe.model.wordings],
                ask.source[place.start : place.end] if place else "",
                facts.topic(record["data"]),
                self._by_model(),
                flags,
            )

    # Rendered templates

    def _described(self, record: Mapping[str, Any]) -> Iterator[Pair | Dropped]:
        values = fields.read(record)
        if self._recipe.template == recipes.PRODUCTS and not values.title:
            yield lost(record, NO_TITLE)
            return
        named = values._asdict()
        if self._recipe.template == recipes.OWN:
            named["text"] = fields.text(record["data"])
        yield self._rendered(record, named, values.title)

    def _summarised(self, record: Mapping[str, Any], asks: Sequence[Ask]) -> Iterator[Pair | Dropped]:
        text, title = asking.article(record, self._recipe), fields.read(record).title
        summary, origin, flags = asking.own_summary(record, self._recipe), dict[str, str](), dict[str, str]()
        dropped = list[Dropped]()
        if text and not summary:
            for ask in asks:
                for item in self._items(record, ask, dropped)[:1]:
                    summary, origin = item["summary"], self._by_model()
                    if missing := support.unsupported(summary, ask.source):
                        flags["unsupported"] = f"not in the source: {', '.join(missing[:_NAMED])}"
        if not text:
            yield lost(record, NO_TEXT)
        elif summary:
            title = "" if text.startswith(title) else title
            yield self._rendered(record, {"title": title, "text": text, "summary": summary}, title, origin, flags)
        elif asking.other_language(record, self._recipe):
            yield lost(record, "other language")
        elif not dropped:
            yield lost(record, "no summary", "a model can write one: [model] in the recipe")
        yield from dropped

    def _restyled(self, record: Mapping[str, Any], asks: Sequence[Ask]) -> Iterator[Pair | Dropped]:
        title = fields.read(record).title
        if not asks:
            yield self._not_restyled(record)
        dropped = list[Dropped]()
        for ask in asks:
            passage = ask.source
            for item in self._items(record, ask, dropped)[:1]:
                # What only the answer holds, a model would learn to make up.
                invented = support.made_up(passage, item["plain"])
                flags = {"unsupported": f"not in the plain text: {', '.join(invented[:_NAMED])}"} if invented else {}
                values = {"plain": item["plain"], "passage": passage}
                yield self._rendered(record, values, title, self._by_model(), flags)
        yield from dropped

    def _not_restyled(self, record: Mapping[str, Any]) -> Dropped:
        if not asking.style_passages(record, self._recipe):
            return lost(record, "too short" if fields.text(record["data"]) else NO_TEXT)
        if not self._recipe.model.name:
            return lost(record, "not written yet", "[model] in the recipe names none")
        other = asking.other_language(record, self._recipe)
        return lost(record, "other language" if other else "personal data")

    def _rendered(
        self,
        record: Mapping[str, Any],
        values: Mapping[str, Any],
        subject: str,
        origin: Mapping[str, str] | None = None,
        flags: Mapping[str, str] | None = None,
    ) -> Pair | Dropped:
        assert self._rendering is not None
        try:
            texts = self._rendering(values)
        except NotRendered as error:
            return lost(record, error.reason, str(error))
        question, written = clean(texts["user"]), clean(texts["assistant"])
        answer = _fit(record, written, self._recipe, subject)
        if not question:
            return lost(record, "empty question", subject)
        if isinstance(answer, Dropped):
            return answer
        whole = {"phrasing": "site", "heading": subject, "passage": written, **(origin or {})}
        messages = conversation(self._system, question, answer)
        return self._pair(
            record, messages, _identity(question, answer), whole, {**(flags or {}), **_cut(written, answer)}
        )

    # What a model wrote

    def _items(self, record: Mapping[str, Any], ask: Ask, dropped: list[Dropped]) -> Sequence[Mapping[str, Any]]:
        """What a model answered; why there is nothing goes to `dropped`."""
        written = self._written(ask.key)
        if written is None:
            dropped.append(lost(record, "not written yet", f"{ask.kind}: {ask.subject}"))
        elif problem := written.get("problem"):
            dropped.append(lost(record, "the model wrote nothing usable", f"{ask.subject}: {problem}"))
        items: Sequence[Mapping[str, Any]] = (written or {}).get("items") or ()
        return items

    def _by_model(self) -> dict[str, str]:
        return {"model": f"{self._recipe.model.provider} {self._recipe.model.name}"}

    def _pair(
        self,
        record: Mapping[str, Any],
        messages: tuple[Message, ...],
        fact: str,
        origin: Mapping[str, Any],
        flags: Mapping[str, str],
    ) -> Pair:
        origin = {"template": self._recipe.template, **origin}
        source, identifier = record.get("source"), record.get("id")
        return Pair(messages, fact, "domain", _url(record), source, identifier, origin, flags)


def _reword(found: Sequence[Fact], ask: Ask, items: Sequence[Mapping[str, Any]]) -> None:
    """Give facts the further wordings that a model found for their questions."""
    by_question = {" ".join(fact.question.split()): fact for fact in found}
    for item in items:
        fact = by_question.get(ask.questions[item["number"] - 1])
        if fact is not None:
            fact.also += [other for other in item["also"] if other not in fact.also]


def _fit(record: Mapping[str, Any], answer: str, recipe: Recipe, subject: str) -> str | Dropped:
    """The answer within the recipe's limits, or why there is none."""
    if not answer:
        return lost(record, "empty answer", subject)
    fitting = cut(answer, recipe.answers.most)
    if not fitting:
        return lost(record, "too long", f"{subject}: a first sentence of {recipe.answers.most} characters or more")
    if len(fitting) < recipe.answers.least:
        return lost(record, "too short", f"{subject}: {plural(len(fitting), 'character')}")
    return fitting


def _cut(whole: str, kept: str) -> dict[str, str]:
    return (
        {"cut": f"{len(whole) - len(kept):,} of {len(whole):,} characters left out"} if len(kept) < len(whole) else {}
    )


def _identity(question: str, answer: str) -> str:
    """Names a fact by what it says, so that it is the same whatever the address it came from."""
    return sha256(f"{question}\n{answer}".encode()).hexdigest()[:16]


def _url(record: Mapping[str, Any]) -> str:
    return str(record.get("url") or "")
