"""The recipe: how records become pairs. A TOML file that a person can read and edit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ftui.errors import InputError
from ftui.store import filters

QUESTIONS = "question-and-answer"
PRODUCTS = "product-description"
TRANSCRIPT = "transcript-to-questions"
SUMMARY = "article-to-summary"
STYLE = "house-style"
OWN = "own"
TEMPLATES = (QUESTIONS, PRODUCTS, TRANSCRIPT, SUMMARY, STYLE, OWN)


@dataclass(frozen=True, slots=True)
class Answers:
    """Which answers are fit to train on, in characters.

    Attributes:
        least: a shorter answer does not become a pair.
        most: a longer one is cut at the end of a sentence.
    """

    least: int = 15
    most: int = 1200


@dataclass(frozen=True, slots=True)
class Questions:
    """How many ways a fact is asked. For `question-and-answer` and `transcript-to-questions`.

    Attributes:
        headings: "all", or "questions" for headings with a question mark only.
        presentations: pairs of one fact, all worded differently.
        noise: share of the extra presentations that are roughened (lower case, words
            dropped, greetings).
        reworded: share of the other extra presentations in which a word is replaced by one
            that means the same; the rest is put into another sentence.
        synonyms: words that people use for the same, in any language, "chips, fries" each.
        frames: sentences around a question, beside those built in: "On {topic}: {question}".
        also: what stands before further wordings of a question on the page.
    """

    headings: str = "all"
    presentations: int = 12
    noise: float = 0.6
    reworded: float = 0.3
    synonyms: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    also: tuple[str, ...] = ("Also asked as",)


@dataclass(frozen=True, slots=True)
class Mixture:
    """What the whole consists of.

    Attributes:
        general: share of ordinary pairs in the whole, against forgetting; 0 for none.
        weights: by name or number of a source, 0 to 1. Of a source of the domain that share of
            the facts is used; of general sources those with more weight are drawn from more
            often. A source that is not named has 1.
    """

    general: float = 0.15
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Split:
    """Which pairs are kept for validation.

    Attributes:
        by: "wording" holds back wordings of facts that are trained on. "fact" and "page" hold
            back whole facts or pages; facts that are near-duplicates stay on one side.
        share: of the pairs that are held back with whole facts or pages, 0 to 0.5.
        held: with "wording": wordings of each fact that are never trained on.
        least: with "wording": a fact with fewer wordings of its own is trained on wholly.
    """

    by: str = "wording"
    share: float = 0.1
    held: int = 1
    least: int = 3


@dataclass(frozen=True, slots=True)
class Tokens:
    """Attributes:
    most: a row with more tokens is flagged, since a trainer cuts it there; 0 for the length
        at which the project's own model is cut.
    """

    most: int = 0


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Facts that nearly say what another one says. Equal pairs are never made twice.

    Attributes:
        near: share of three-word runs that two facts have in common when they are near, 0 to 1;
            the better one stays. 0 to keep all.
        numbers: whether facts may be near that hold other numbers: "the K7 weighs 2 kg",
            "the K8 weighs 3 kg".
    """

    near: float = 0.85
    numbers: bool = False


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is done to texts on their way, and what is flagged for a person to look at.

    Always done: Unicode's composed form, spaces and blank lines folded, control characters
    and the special tokens of models taken out.

    Attributes:
        html: tags and entities that were left in a text are undone.
        mojibake: text that was read in the wrong encoding ("Ã¼" for "ü") is mended.
        width: wide and narrow forms of letters and figures become the plain ones (NFKC).
        boilerplate: share of the pages of a site on which a passage has to stand to be left
            out, 0 for never.
        question: no pair is made of a longer question, in characters.
        short: a shorter answer is flagged, in characters.
        long: a longer answer is flagged, in characters.
        languages: codes such as "en" and "ru"; what is surely in another language does not become a
            pair. () for any language.
        personal: what happens with e-mail addresses, phone and card numbers, bank accounts and
            keys: "keep", "flag", "mask" (another word stands for them) or "drop" (no pair).
        region: country ("US") whose phone numbers are known without +1; "" for none.
    """

    html: bool = True
    mojibake: bool = True
    width: bool = False
    boilerplate: float = 0.3
    question: int = 2000
    short: int = 40
    long: int = 4000
    languages: tuple[str, ...] = ()
    personal: str = "flag"
    region: str = "US"


@dataclass(frozen=True, slots=True)
class Messages:
    """A template of one's own: Jinja texts over `title`, `brand`, `features`, `description`,
    `text`, `url` and the raw record as `data`."""

    user: str = ""
    assistant: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that writes what the records do not say in so many words. Off without a name.

    Attributes:
        provider: whose model, by its name in ftui.
        name: as the provider calls the model.
        pairs: questions with answers that are asked for about each passage; 0 for none.
        wordings: further wordings of each question; 0 for none.
        passage: characters of a record that are sent at once.
    """

    provider: str = ""
    name: str = ""
    pairs: int = 4
    wordings: int = 2
    passage: int = 6000


@dataclass(frozen=True, slots=True)
class Replay:
    """The model that is to be tuned answers the general questions itself, so that it stays as it
    was: its answers take the place of those that the general records have. Off without a name.

    Attributes:
        provider: whose model, by its name in ftui.
        name: as the provider calls the model.
        questions: the most that are asked; those of ftui's own where no general source has any.
    """

    provider: str = ""
    name: str = ""
    questions: int = 200


@dataclass(frozen=True, slots=True)
class Rules:
    """Attributes:
    reject: filters as in the Pairs screen ("flag:short -manual"); a pair that passes one of
        them is not made. `L` learns such rules from what was rejected by hand.
    """

    reject: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """Attributes:
    target: accepted pairs that are wanted; 0 for all that are good.
    """

    target: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides which pairs a set of records gives.

    Attributes:
        template: one of `TEMPLATES`.
        system: system message of every pair; "" for none; None for the template's own.
        seed: everything random follows from it.
    """

    template: str = QUESTIONS
    system: str | None = None
    seed: int = 0
    answers: Answers = field(default_factory=Answers)
    questions: Questions = field(default_factory=Questions)
    mixture: Mixture = field(default_factory=Mixture)
    split: Split = field(default_factory=Split)
    cleaning: Cleaning = field(default_factory=Cleaning)
    duplicates: Duplicates = field(default_factory=Duplicates)
    tokens: Tokens = field(default_factory=Tokens)
    messages: Messages = field(default_factory=Messages)
    model: Model = field(default_factory=Model)
    replay: Replay = field(default_factory=Replay)
    rules: Rules = field(default_factory=Rules)
    review: Review = field(default_factory=Review)

    @property
    def asks(self) -> bool:
        """Whether a model is asked for anything."""
        return bool(self.model.name or (self.replay.name and self.mixture.general))


_TABLES: dict[str, type[Any]] = {
    "answers": Answers,
    "questions": Questions,
    "mixture": Mixture,
    "split": Split,
    "cleaning": Cleaning,
    "duplicates": Duplicates,
    "tokens": Tokens,
    "messages": Messages,
    "model": Model,
    "replay": Replay,
    "rules": Rules,
    "review": Review,
}
_LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**31 - 1),
    "answers.least": (1, 100_000),
    "answers.most": (20, 100_000),
    "questions.presentations": (1, 100),
    "questions.noise": (0, 1),
    "questions.reworded": (0, 1),
    "mixture.general": (0, 0.9),
    "split.held": (0, 10),
    "split.least": (2, 100),
    "split.share": (0, 0.5),
    "cleaning.boilerplate": (0, 1),
    "cleaning.question": (10, 1_000_000),
    "cleaning.short": (0, 100_000),
    "cleaning.long": (20, 1_000_000),
    "duplicates.near": (0, 1),
    "tokens.most": (0, 10_000_000),
    "model.pairs": (0, 20),
    "model.wordings": (0, 10),
    "model.passage": (500, 100_000),
    "replay.questions": (1, 10_000),
    "review.target": (0, 10_000_000),
}
_NAMES: Mapping[type[Any], str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of texts",
    dict: "a table of numbers",
}
_CHOICES = {
    "template": TEMPLATES,
    "questions.headings": ("all", "questions"),
    "split.by": ("wording", "fact", "page"),
    "cleaning.personal": ("keep", "flag", "mask", "drop"),
}


def parse(text: str, name: str = "recipe.toml") -> Recipe:
    """The recipe that a TOML text describes; what it leaves out has its default.

    Raises:
        InputError: with the line, where the text is not TOML or asks for what does not exist.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is not a recipe", str(error), "Correct the line") from error
    return _Reader(text, name).recipe(data)


def line_of(error: InputError) -> int:
    """The line that an error of `parse` names, 0 for none."""
    named = re.search(r"\bline (\d+)", f"{error.what} {error.why}")
    return int(named[1]) if named else 0


def dump(recipe: Recipe) -> str:
    """The recipe as TOML, every setting written out. `parse` of it gives the same recipe."""
    import tomli_w

    data = {key: value for key, value in asdict(recipe).items() if value is not None}
    if recipe.template != OWN:
        del data["messages"]
    return tomli_w.dumps(data, multiline_strings=True)


class _Reader:
    """Checks one text, and knows its lines."""

    def __init__(self, text: str, name: str) -> None:
        self._lines = text.splitlines()
        self._name = name

    def recipe(self, data: Mapping[str, Any]) -> Recipe:
        values: dict[str, Any] = {}
        self._known(data, Recipe, "")
        for key, value in data.items():
            if key not in _TABLES:
                values[key] = self._value(key, value, str if key == "system" else type(getattr(Recipe(), key)))
                continue
            if not isinstance(value, dict):
                self._refuse(key, f"[{key}] is a table")
            kind = _TABLES[key]
            self._known(value, kind, f"{key}.")
            defaults = kind()
            table = {
                inner: self._value(f"{key}.{inner}", given, type(getattr(defaults, inner)))
                for inner, given in value.items()
            }
            values[key] = kind(**table)
        recipe = Recipe(**values)
        if 0 < recipe.duplicates.near < 0.3:
            self._refuse("duplicates.near", "nearly all would be near below 0.3; 0 keeps all")
        if recipe.template == OWN:
            from ftui.prepare.rendering import syntax

            for part in ("user", "assistant"):
                if not getattr(recipe.messages, part).strip():
                    self._refuse("template", f'a template of your own needs [messages] with "{part}"')
                if problem := syntax(getattr(recipe.messages, part)):
                    self._refuse(f"messages.{part}", f"{part}: {problem}")
        for frame in recipe.questions.frames:
            if "{question}" not in frame:
                self._refuse("questions.frames", f'"{frame}" has no {{question}} in it')
        for part, model in (("model", recipe.model), ("replay", recipe.replay)):
            if bool(model.provider) != bool(model.name):
                given = "provider" if model.provider else "name"
                self._refuse(f"{part}.{given}", 'a model has both "provider" and "name"')
        for code in recipe.cleaning.languages:
            if not re.fullmatch("[a-z]{2,3}", code):
                self._refuse("cleaning.languages", f'"{code}" is not a code such as "en" or "ru"')
        if not re.fullmatch("([A-Z]{2})?", recipe.cleaning.region):
            self._refuse("cleaning.region", 'region is a code of two capitals such as "US", or ""')
        for rule in recipe.rules.reject:
            try:
                filters.rule(rule)
            except InputError as error:
                self._refuse("rules.reject", f'"{rule}": {error.what}, {error.why}')
        if recipe.answers.least >= recipe.answers.most:
            self._refuse("answers.least", "least must be smaller than most")
        return recipe

    def _known(self, data: Mapping[str, Any], kind: type[Any], prefix: str) -> None:
        names = [each.name for each in fields(kind)]
        for key in data:
            if key not in names:
                self._refuse(prefix + key, f'there is no setting "{key}" here, only {", ".join(names)}')

    def _value(self, key: str, value: Any, kind: type[Any]) -> Any:
        if kind is float and type(value) is int:
            value = float(value)
        if kind is tuple and isinstance(value, list) and all(isinstance(each, str) for each in value):
            value = tuple(value)
        if type(value) is not kind:
            self._refuse(key, f"{key} has to be {_NAMES[kind]}")
        if key in _LIMITS and not _LIMITS[key][0] <= value <= _LIMITS[key][1]:
            low, high = _LIMITS[key]
            self._refuse(key, f"{key} has to be between {low:g} and {high:,g}")
        if kind is dict:
            value = {inner: self._value(f"{key}.{inner}", given, float) for inner, given in value.items()}
            for inner, given in value.items():
                if not 0 <= given <= 1:
                    self._refuse(f"{key}.{inner}", f"{key}.{inner} has to be between 0 and 1")
        if key in _CHOICES and value not in _CHOICES[key]:
            self._refuse(key, f"{key} has to be one of {', '.join(_CHOICES[key])}")
        return value

    def _refuse(self, key: str, why: str) -> None:
        line = self._line(key)
        where = f"{self._name} line {line}" if line else self._name
        raise InputError(f"{where} cannot be followed", why, "Correct the recipe")

    def _line(self, key: str) -> int:
        """The line on which `key` ("seed", "split.held") is set, 0 if that cannot be told."""
        table, _, name = key.rpartition(".")
        current = ""
        for number, line in enumerate(self._lines, start=1):
            header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
            if header:
                current = header.group(1)
                if current == key:
                    return number
            elif re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line) and current == table:
                return number
        return 0
