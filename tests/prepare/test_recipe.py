"""The recipe file."""

from __future__ import annotations

from importlib.resources import files

import pytest

from ftui.errors import InputError
from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import Cleaning, Messages, Mixture, Model, Questions, Recipe


def test_nothing_gives_the_defaults() -> None:
    assert recipes.parse("") == Recipe()


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(system='Say "yes"\nor no', seed=7, mixture=Mixture(0.0), questions=Questions("questions", 24, 1.0)),
        Recipe(system=""),
        Recipe(template="product-description"),
        Recipe(cleaning=Cleaning(html=False, boilerplate=0.0, languages=("en", "zh"), personal="mask", region="")),
        Recipe(template="own", messages=Messages("{{ title }}\n{{ url }}", "{{ description }}")),
        Recipe(template="house-style", model=Model("engine", "SmolLM2", pairs=2, wordings=0, passage=900)),
        Recipe(questions=Questions(reworded=0.0, synonyms=("chips, fries",), frames=("On {topic}: {question}",))),
    ],
)
def test_what_is_written_is_read_again(recipe: Recipe) -> None:
    assert recipes.parse(recipes.dump(recipe)) == recipe


def test_the_recipe_of_the_demo_can_be_read() -> None:
    text = (files("ftui.demo") / "recipe.toml").read_text("utf-8")
    assert recipes.parse(text).questions.headings == "questions"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ('[questions]\nframes = ["so {questions}"]\n', 2, "has no {question} in it"),
        ("[questions]\nreworded = 1.1\n", 2, "between 0 and 1"),
        ('[model]\nname = "m"\n', 2, 'both "provider" and "name"'),
        ('template = "own"\n[messages]\nassistant = "a"\nuser = "{{ title"\n', 4, "line 1"),
        ("seed = 1\nsystem = oops\n", None, "line 2"),
        ("\n\nsed = 1\n", 3, 'no setting "sed"'),
        ('template = "poem"\n', 1, "question-and-answer, product-description, transcript"),
        ("seed = 1\n[questions]\npresentations = 0\n", 3, "between 1 and 100"),
        ("[mixture]\ngeneral = 1.5\n", 2, "between 0 and 0.9"),
        ("[mixture]\ngeneral = nan\n", 2, "between 0 and 0.9"),
        ("[split]\nheld = true\n", 2, "a whole number"),
        ("[questions]\n\nalso = [1]\n", 3, "a list of texts"),
        ("system = 3\n", 1, "a text"),
        ("answers = 3\n", 1, "[answers] is a table"),
        ("[answer]\nmost = 3\n", 1, 'no setting "answer"'),
        ("[answers]\nleast = 50\nmost = 40\n", 2, "smaller"),
        ('[cleaning]\nlanguages = ["en", "english"]\n', 2, '"english" is not a code'),
        ('[cleaning]\nregion = "us"\n', 2, "two capitals"),
        ('[cleaning]\npersonal = "hide"\n', 2, "keep, flag, mask, drop"),
        ("[cleaning]\nhtml = 1\n", 2, "true or false"),
        ("[cleaning]\nboilerplate = 1.1\n", 2, "between 0 and 1"),
        ('template = "own"\n[messages]\nuser = "x"\n', 1, '"assistant"'),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_line(text: str, line: int | None, part: str) -> None:
    with pytest.raises(InputError) as caught:
        recipes.parse(text, "mine.toml")
    assert part in caught.value.why
    assert caught.value.what.startswith("mine.toml")
    if line:
        assert f"line {line} " in caught.value.what
