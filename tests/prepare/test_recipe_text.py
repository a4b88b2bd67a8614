"""A rule is put into a recipe that a person wrote, and all that they wrote stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.errors import InputError
from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import Recipe
from ftui.prepare.recipe_text import with_rule, without_rule


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[rules]\nreject = ["flag:short"]\n'),
        ("seed = 1 # mine", 'seed = 1 # mine\n\n[rules]\nreject = ["flag:short"]\n'),
        ("seed = 1\n", 'seed = 1\n\n[rules]\nreject = ["flag:short"]\n'),
        ("[rules] # why\n", '[rules] # why\nreject = ["flag:short"]\n'),
        ("[rules]\n[split]\nheld = 2\n", '[rules]\nreject = ["flag:short"]\n[split]\nheld = 2\n'),
        ("[rules]\nreject = []\n", '[rules]\nreject = ["flag:short"]\n'),
        ("[rules]\nreject = ['a]' , \"b\" ]\n", '[rules]\nreject = [\'a]\' , "b", "flag:short" ]\n'),
        (
            '[rules]\nreject = [ # all of them\n  "a", # ] not here\n  "b" # last\n]\n\n[split]\nheld = 2 # two\n',
            '[rules]\nreject = [ # all of them\n  "a", # ] not here\n  "b", # last\n  "flag:short",\n]\n\n'
            "[split]\nheld = 2 # two\n",
        ),
        ("[rules]\nreject = [\n]\n", '[rules]\nreject = [\n    "flag:short",\n]\n'),
        ('[rules]\nreject = [\n    "a"]\n', '[rules]\nreject = [\n    "a",\n    "flag:short",]\n'),
        ('[rules]\nreject = ["flag:short"] # there\n', '[rules]\nreject = ["flag:short"] # there\n'),
        ('[rules]\r\nreject = ["a"]\r\n', '[rules]\r\nreject = ["a", "flag:short"]\r\n'),
    ],
)
def test_only_the_rule_is_added(before: str, after: str) -> None:
    changed = with_rule(before, "flag:short")
    assert changed == after
    assert recipes.parse(changed).rules.reject[-1] == "flag:short"
    assert with_rule(changed, "flag:short") == changed


# `dropped` asks for what did not become a pair: that is no rule.
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() and "dropped" not in text.casefold()
)


@given(st.lists(WORDS, max_size=4))
def test_any_rule_is_read_as_it_was_put_in(words: list[str]) -> None:
    text = recipes.dump(Recipe())
    rules = [f'a"b{word.replace(":", "")}' for word in words]
    for rule in rules:
        text = with_rule(text, rule)
    assert recipes.parse(text).rules.reject == tuple(dict.fromkeys(rules))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[rules]\nreject = ["flag:short"]\n', ""),
        ('seed = 1\n\n[rules]\nreject = ["flag:short"]\n', "seed = 1\n"),
        ('[rules] # why\nreject = ["flag:short"]\n', "[rules] # why\nreject = []\n"),
        ('[rules]\nreject = ["flag:short"]\n[split]\nheld = 2\n', "[rules]\nreject = []\n[split]\nheld = 2\n"),
        ('[rules]\nreject = ["flag:short", "a"]\n', '[rules]\nreject = ["a"]\n'),
        ("[rules]\nreject = [\"a\" , 'flag:short']\n", '[rules]\nreject = ["a" ]\n'),
        (
            '[rules]\nreject = [ # all\n  "a", # ] not here\n  "flag:short",\n  "b" # last\n]\n',
            '[rules]\nreject = [ # all\n  "a", # ] not here\n  "b" # last\n]\n',
        ),
        ('[rules]\nreject = [\n    "a",\n    "flag:short"]\n', '[rules]\nreject = [\n    "a"]\n'),
        ('[rules]\nreject = ["a"] # flag:short\n', '[rules]\nreject = ["a"] # flag:short\n'),
        ("seed = 1\n", "seed = 1\n"),
        ('[rules]\nreject = ["flag:short", "a", "flag:short"]\n', '[rules]\nreject = ["a"]\n'),
        ('[rules]\r\nreject = ["a", "flag:short"]\r\n', '[rules]\r\nreject = ["a"]\r\n'),
    ],
)
def test_only_the_rule_is_taken_out(before: str, after: str) -> None:
    changed = without_rule(before, "flag:short")
    assert changed == after
    assert "flag:short" not in recipes.parse(changed).rules.reject


# `dropped` asks for what did not become a pair: that is no rule.
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() and "dropped" not in text.casefold()
)


@given(st.lists(WORDS, max_size=4))
def test_any_rule_is_taken_out_as_it_was_put_in(words: list[str]) -> None:
    texts = [recipes.dump(Recipe()), "seed = 1 # mine\n", "[rules]\nreject = [\n  'tokens:<3', # few\n]\n"]
    rules = list(dict.fromkeys(f'a"b{word.replace(":", "")}' for word in words))
    for text in texts:
        steps = [text]
        for rule in rules:
            steps.append(with_rule(steps[-1], rule))
        for rule, before, changed in zip(reversed(rules), reversed(steps[:-1]), reversed(steps[1:]), strict=True):
            assert without_rule(changed, rule) == before


@pytest.mark.parametrize("text", ["rules = { reject = [] }\n", "rules.reject = ['a']\n"])
def test_an_unusual_recipe_is_left_to_the_person(text: str) -> None:
    with pytest.raises(InputError, match=r"flag:short"):
        with_rule(text, "flag:short")


@pytest.mark.parametrize("text", ["rules = { reject = ['flag:short'] }\n", "rules.reject = ['flag:short']\n"])
def test_an_unusual_recipe_keeps_its_rule(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot be taken out"):
        without_rule(text, "flag:short")


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("is:pending", "neither decided on nor edited"),
        ("tokens:many", "no number"),
        ("", "leave out every pair"),
        ("is:odd", "not known"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_told_with_its_line(rule: str, why: str) -> None:
    with pytest.raises(InputError, match="line 3") as caught:
        recipes.parse(f'seed = 1\n[rules]\nreject = ["flag:short", "{rule}"]\n', "mine.toml")
    assert why in caught.value.why
