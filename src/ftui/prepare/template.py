"""The templates: what question, and what answer, a record becomes."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ftui.errors import InputError
from ftui.prepare import facts, fields, phrasing
from ftui.prepare.clean import clean
from ftui.prepare.pair import Dropped, Message, Pair, conversation
from ftui.prepare.recipe import OWN, PRODUCTS, QUESTIONS, Recipe
from ftui.prepare.sentences import cut


def system_message(recipe: Recipe) -> str:
    """The system message of every pair that a recipe makes, "" for none."""
    if recipe.system is not None:
        return recipe.system.strip()
    return _built_in()["system"] if recipe.template == PRODUCTS else ""


def make(record: Mapping[str, Any], recipe: Recipe) -> Iterator[Pair | Dropped]:
    """The pairs of one record, and the parts of it that did not become one.

    Raises:
        InputError: the recipe's own template cannot be rendered.
    """
    if recipe.template == QUESTIONS:
        yield from _questions(record, recipe)
    else:
        yield from _rendered(record, recipe)


def _questions(record: Mapping[str, Any], recipe: Recipe) -> Iterator[Pair | Dropped]:
    found = facts.find(record["data"], recipe.questions.also)
    if not found:
        empty = not str(record["data"].get("markdown") or "").strip()
        yield _drop(record, "no text" if empty else "no heading")
        return
    if recipe.questions.headings == "questions":
        found = [fact for fact in found if fact.is_question]
        if not found:
            yield _drop(record, "no question among the headings")
            return
    system = system_message(recipe)
    for fact in found:
        answer = _fit(record, fact.answer, recipe, fact.heading)
        if isinstance(answer, Dropped):
            yield answer
            continue
        identity = _identity(fact.question, answer)
        rng = random.Random(f"{recipe.seed} {identity}")
        for each in phrasing.present(fact, recipe, rng):
            origin: dict[str, Any] = {"phrasing": each.kind, "heading": fact.heading, "passage": fact.passage}
            origin |= _left_out(fact.answer, answer) | ({"held": True} if each.held else {})
            messages = conversation(system, each.question, answer)
            yield _pair(record, recipe, messages, identity, origin)


def _rendered(record: Mapping[str, Any], recipe: Recipe) -> Iterator[Pair | Dropped]:
    values = fields.read(record)
    if recipe.template == OWN:
        user, assistant = recipe.messages.user, recipe.messages.assistant
    else:
        user, assistant = _built_in()["user"], _built_in()["assistant"]
        if not values.title:
            yield _drop(record, "no title")
            return
    try:
        question = clean(_render(user, values))
        whole = clean(_render(assistant, values))
        answer = _fit(record, whole, recipe, values.title)
    except jinja2.UndefinedError as error:
        yield _drop(record, "a field is missing", str(error))
        return
    if not question:
        yield _drop(record, "empty question", values.title)
        return
    if isinstance(answer, Dropped):
        yield answer
        return
    origin: dict[str, Any] = {"phrasing": "site", "heading": values.title, "passage": whole}
    origin |= _left_out(whole, answer)
    messages = conversation(system_message(recipe), question, answer)
    yield _pair(record, recipe, messages, _identity(question, answer), origin)


def _pair(
    record: Mapping[str, Any],
    recipe: Recipe,
    messages: tuple[Message, ...],
    fact: str,
    origin: Mapping[str, Any],
) -> Pair:
    origin = {"template": recipe.template, **origin}
    return Pair(messages, fact, "domain", _url(record), record.get("source"), record.get("id"), origin)


def _fit(record: Mapping[str, Any], answer: str, recipe: Recipe, subject: str) -> str | Dropped:
    """The answer within the recipe's limits, or why there is none."""
    if not answer:
        return _drop(record, "empty answer", subject)
    fitting = cut(answer, recipe.answers.most)
    if not fitting:
        return _drop(record, "too long", f"{subject}: a first sentence of {recipe.answers.most} characters or more")
    if len(fitting) < recipe.answers.least:
        return _drop(record, "too short", f"{subject}: {len(fitting)} characters")
    return fitting


def _left_out(whole: str, kept: str) -> dict[str, Any]:
    return {"left_out": len(whole) - len(kept)} if len(kept) < len(whole) else {}


def _render(source: str, values: fields.Fields) -> str:
    """Render one text of a template.

    Raises:
        InputError: the text is no template, or does what templates may not do.
    """
    try:
        return _compiled(source).render(asdict(values))
    except jinja2.UndefinedError:
        raise
    except Exception as error:  # A template of one's own can fail in any way that Python can.
        line = getattr(error, "lineno", None)
        where = f"The template of the recipe (line {line} of the text)" if line else "The template of the recipe"
        raise InputError(f"{where} cannot be used", str(error), "Correct [messages] in the recipe") from error


@cache
def _compiled(source: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(source.strip())


@cache
def _built_in() -> dict[str, str]:
    path = files(__package__) / "templates" / f"{PRODUCTS}.toml"
    return tomllib.loads(path.read_text("utf-8"))


def _identity(question: str, answer: str) -> str:
    """Names a fact by what it says, so that it is the same whatever the address it came from."""
    return sha256(f"{question}\n{answer}".encode()).hexdigest()[:16]


def _url(record: Mapping[str, Any]) -> str:
    return str(record.get("url") or "")


def _drop(record: Mapping[str, Any], reason: str, detail: str = "") -> Dropped:
    return Dropped(record.get("id"), _url(record), reason, detail)
