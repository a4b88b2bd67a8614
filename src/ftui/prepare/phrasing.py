"""The many ways in which one fact is asked.

What a small model learns from is the variety of the questions, far more than how
often it sees one. A page's own wordings come first; the rest is made of them:
put into another sentence, said in other words, or roughened as people type.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ftui.prepare import synonyms
from ftui.prepare.facts import QUESTION_MARKS, Fact
from ftui.prepare.recipe import Recipe

Kind = Literal["site", "also", "wrapped", "noise", "reworded"]

# Frequent in English and rare or absent in the languages next to it.
_ENGLISH = frozenset(
    """the and of to with it that on you are not this from your which be by or when what how my does has its
    for is will can if we at have""".split()  # noqa: SIM905
)
_SMALL = frozenset(
    """a an the of for to in on at is are was do does did i my me you your it its this that with from have has
    be been will would should can could please""".split()  # noqa: SIM905
)
_AROUND_QUESTION = (
    "I have a question: {}",
    "Please tell me: {}",
    "Can you help me? {}",
    "A friend wants to know: {}",
    "{} I could not find it anywhere.",
    "Quick question. {}",
    "I was wondering: {}",
    "{} Please answer in a sentence or two.",
    "Sorry to bother you. {}",
    "One more thing: {}",
)
_AROUND_SUBJECT = (
    "Tell me about this: {}",
    "What should I know about {}?",
    "Can you explain this? {}",
    "I need help with this: {}",
    "What about {}?",
    "I have a question on {}.",
    "What do you say on {}?",
    "Please give me the facts on {}.",
)
_TRIES = 100
_MANY = 3
"""Words of a question from which some can be dropped."""
_GREETINGS = ("Hi, ", "Hello, ", "Hey, ", "Good morning. ", "Hi there! ", "Excuse me, ")
_CLOSINGS = (" Thanks!", " Thank you.", " Please help.", " Many thanks")
_HOW_TO = re.compile(r"How (?:do|can|should|must) (?:I|you|we) (.+)\?", re.IGNORECASE)
_WHAT_IS = re.compile(r"What (?:is|are) ((?:the|my|your) .+)\?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Presentation:
    """One way to ask a fact. `held` ones are for validation, and nothing is made of them."""

    kind: Kind
    question: str
    held: bool = False


def present(fact: Fact, recipe: Recipe, rng: random.Random) -> list[Presentation]:
    """The presentations of one fact, at most as many as the recipe wants, no two alike."""
    sources = list(dict.fromkeys([fact.question, *fact.also]))
    held = set[str]()
    if len(sources) >= recipe.split.least:
        # The heading is always trained on: it is how the site itself says it.
        held = set(rng.sample(sources[1:], min(recipe.split.held, len(sources) - 2)))
    trained = [source for source in sources if source not in held]
    most = max(recipe.questions.presentations - len(held), 1)
    result = [Presentation("also", source, held=True) for source in sources if source in held]
    result += [Presentation("also" if index else "site", text) for index, text in enumerate(trained[:most])]
    taken = {_key(source) for source in sources}
    forbidden = {_key(source).casefold() for source in held}
    english = is_english(f"{fact.question} {fact.answer}")
    extra = max(most - len(trained), 0)
    rough = round(extra * recipe.questions.noise)
    other = round((extra - rough) * recipe.questions.reworded)
    own = synonyms.groups(recipe.questions.synonyms)
    frames = [frame.replace("{topic}", fact.topic) for frame in recipe.questions.frames]
    plans: list[tuple[Kind, int, Iterator[str]]] = [
        ("noise", rough, _stream(trained, lambda text: roughen(text, english, rng), rng)),
        ("wrapped", extra - rough - other, _stream(trained, lambda text: _wrap(text, frames, english, rng), rng)),
    ]
    if other:
        plans.insert(
            1, ("reworded", other, _stream(trained, lambda text: synonyms.reword(text, own, english, rng), rng))
        )
    left = 0
    for kind, wanted, stream in plans:
        # Not every question has a word that can be replaced.
        wanted += left if kind == "wrapped" else 0
        for question in stream:
            if wanted <= 0:
                break
            if _key(question) not in taken and _key(question).casefold() not in forbidden:
                taken.add(_key(question))
                result.append(Presentation(kind, question))
                wanted -= 1
        left = wanted if kind == "reworded" else 0
    return result


def is_english(text: str) -> bool:
    """Whether a text has enough of the small words of English to be worded in English."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    return sum(word in _ENGLISH for word in words) * 8 >= len(words) > 0


def roughen(question: str, english: bool, rng: random.Random) -> str:
    """A question as people type it: carelessly, in key words, or with a greeting."""
    careless: list[Callable[[str, random.Random], str]] = [_lower]
    if english:
        careless += [_drop_small, _key_words, _greet, _close, _mine]
    elif len(question.split()) > _MANY:
        careless += [_drop_short]
    rough = rng.choice(careless)(question, rng)
    return _lower(rough, rng) if rng.random() < 0.3 else rough


def greeted(question: str, rng: random.Random) -> str:
    """A question with a polite word before or after it, otherwise as it is."""
    return rng.choice((_greet, _close))(question, rng)


def _stream(sources: Sequence[str], make: Callable[[str], str], rng: random.Random) -> Iterator[str]:
    """Made from each source in turn; ends, since not every text has enough to vary."""
    for _ in range(max(12, _TRIES // len(sources))):
        for source in rng.sample(sources, len(sources)):
            yield make(source)


def _key(text: str) -> str:
    """Equal for wordings that differ in spaces or the last mark only; case counts."""
    return " ".join(text.split()).rstrip("?!. ？。؟")


def _wrap(question: str, own: Sequence[str], english: bool, rng: random.Random) -> str:
    if own and (not english or rng.random() < 0.5):
        return rng.choice(own).replace("{question}", question)
    if not english:
        return question
    is_question = question.endswith(QUESTION_MARKS)
    if is_question and rng.random() < 0.4:
        to_do, thing = _HOW_TO.fullmatch(question), _WHAT_IS.fullmatch(question)
        if to_do:
            frame = rng.choice(("I want to {}. How?", "Please explain how to {}.", "What is the way to {}?"))
            return frame.format(to_do.group(1))
        if thing:
            return rng.choice(("Tell me {}.", "I would like to know {}.")).format(thing.group(1))
    frames = _AROUND_QUESTION if is_question or question.endswith((".", "!")) else _AROUND_SUBJECT
    return rng.choice(frames).format(question)


def _lower(text: str, rng: random.Random) -> str:
    return text.lower().rstrip("?!.")


def _words(text: str) -> list[str]:
    return [word.strip("?!.,:;\"'()") for word in text.split()]


def _drop_small(text: str, rng: random.Random) -> str:
    kept = [word for word in _words(text) if word.casefold() not in _SMALL or rng.random() < 0.35]
    return " ".join(kept) or text


def _key_words(text: str, rng: random.Random) -> str:
    kept = [word for word in _words(text) if word and word.casefold() not in _SMALL]
    rng.shuffle(kept)
    return " ".join(kept) or text


def _drop_short(text: str, rng: random.Random) -> str:
    """Of any language that has spaces: its smallest words are its shortest."""
    words = _words(text)
    kept = [word for word in words if len(word) > 3 or word[:1].isupper() or rng.random() < 0.35]
    return " ".join(kept) if len(kept) > 1 else text


def _greet(text: str, rng: random.Random) -> str:
    return rng.choice(_GREETINGS) + text


def _close(text: str, rng: random.Random) -> str:
    return text + rng.choice(_CLOSINGS)


def _mine(text: str, rng: random.Random) -> str:
    """ "the Tavrik" becomes "my Tavrik"."""
    return re.sub(r"\b[Tt]he (?=[A-Z])", "my ", text)
