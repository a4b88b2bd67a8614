"""A recipe to begin with: the settings that a template goes by, each with a line that says what it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import OWN, PRODUCTS, QUESTIONS, STYLE, SUMMARY, TRANSCRIPT, Messages, Recipe

ABOUT = {
    QUESTIONS: ("question and answer", "headings ask, what stands below answers"),
    PRODUCTS: ("product description", "name and features ask for the description"),
    TRANSCRIPT: ("transcript to questions", "what is asked in it, with its answers"),
    SUMMARY: ("article to summary", "the article is given, its summary answers"),
    STYLE: ("house style", "plain words are given, the text answers"),
    OWN: ("a template of your own", "two texts with fields of the record"),
}
"""Each template: its name for people, and what it makes of a record."""

_OF_QUESTIONS = (QUESTIONS, TRANSCRIPT)
_ASKING = (*_OF_QUESTIONS, SUMMARY, STYLE)
_EXAMPLE = Messages(
    user="Describe {{ title }}{% if brand %} by {{ brand }}{% endif %}.\n", assistant="{{ description }}\n"
)

_TABLES: dict[str, tuple[tuple[str, ...], str, dict[str, str]]] = {
    "answers": (
        (),
        "Which answers are fit, in characters",
        {"least": "a shorter answer makes no pair", "most": "a longer one is cut at the end of a sentence"},
    ),
    "questions": (
        _OF_QUESTIONS,
        "How many ways a fact is asked",
        {
            "headings": '"all", or "questions" for those with a question mark',
            "presentations": "pairs of one fact, all worded differently",
            "noise": "share that is roughened: lower case, dropped words",
            "reworded": "share of the others in which a word gives way to a synonym",
            "synonyms": 'what people use for the same: ["chips, fries"]',
            "frames": 'sentences around it: ["On {topic}: {question}"]',
            "also": "what stands before further wordings on a page",
        },
    ),
    "messages": ((OWN,), "Your template: Jinja over title, brand, features,\n# description, text, url and data", {}),
    "model": (
        _ASKING,
        "A model that writes what records do not say; off without a name",
        {
            "provider": "whose model, by its name in 1 Connect",
            "name": "as the provider calls it",
            "pairs": "questions with answers that are asked for per passage",
            "wordings": "further wordings of each question",
        },
    ),
    "mixture": (
        (),
        "What the whole consists of",
        {"general": "share of ordinary pairs, against forgetting; 0 for none"},
    ),
    "replay": (
        (),
        "The model to be tuned answers general questions itself; off without a name",
        {
            "provider": "whose model, by its name in 1 Connect",
            "name": "as the provider calls it",
            "questions": "the most that it is asked",
        },
    ),
    "cleaning": (
        (),
        "What is done to texts, and what is flagged for you",
        {
            "html": "undo tags and entities left in a text",
            "boilerplate": "leave out what stands on this share of a site's pages",
            "languages": 'only these: ["en", "de"]; [] for all',
            "personal": 'mail, phone, cards: "keep", "flag", "mask" or "drop"',
            "short": "flag shorter answers, in characters",
            "long": "flag longer ones",
        },
    ),
    "duplicates": ((), "Facts that nearly say the same", {"near": "how alike they are then, 0 to 1; 0 keeps all"}),
    "split": (
        (),
        "What is kept for validation",
        {"by": '"wording", "fact" or "page"', "share": "of the pairs, with whole facts or pages"},
    ),
    "tokens": ((), "Length", {"most": "flag rows with more tokens; 0 for those that the model cuts"}),
    "rules": (
        (),
        "What is left out, in the words of the filter in 3 Pairs",
        {"reject": '["flag:short -manual"]; L in 3 Pairs learns such rules'},
    ),
    "review": ((), "What 3 Pairs counts down to", {"target": "accepted pairs that are wanted; 0 for all good ones"}),
}
"""Each table: the templates that go by it (none named: all), what it is for, what its settings do."""


def text(template: str) -> str:
    """The recipe file of a template with every default written out; following it is following `Recipe(template)`."""
    return "\n".join(_lines(template)) + "\n"


def is_untouched(recipe: str) -> bool:
    """Whether a recipe file is as it was made, so that nothing is lost with it."""
    found = recipe.strip()
    made = (form(template) for template in ABOUT for form in (text, _bare))
    return not found or any(found == each.strip() for each in made)


def _bare(template: str) -> str:
    return recipes.dump(Recipe(template=template))


def _lines(template: str) -> Iterator[str]:
    name, does = ABOUT[template]
    yield f"# {name[0].upper()}{name[1:]}:"
    yield f"# {does}."
    yield "# What is taken out of this file has its default."
    yield f"template = {_value(template)}"
    yield ""
    yield "# What every pair tells the model first"
    yield '# system = "You are the support of Lumora."'
    yield "# Everything random follows from this number"
    yield f"seed = {Recipe().seed}"
    for table, (templates, what, settings) in _TABLES.items():
        if templates and template not in templates:
            continue
        yield ""
        yield f"# {what}"
        yield f"[{table}]"
        if table == "messages":
            yield from _own()
            continue
        values = getattr(Recipe(), table)
        known = [each.name for each in fields(values)]
        for setting, does in settings.items():
            if setting in known:
                yield f"# {does}"
                yield f"{setting} = {_value(getattr(values, setting))}"


def _own() -> Iterator[str]:
    for role in ("user", "assistant"):
        yield f'{role} = """'
        yield f'{getattr(_EXAMPLE, role).rstrip()}"""'


def _value(value: Any) -> str:
    """A value as TOML writes it."""
    import tomli_w

    return tomli_w.dumps({"x": list(value) if isinstance(value, tuple) else value}).partition("= ")[2].strip()
