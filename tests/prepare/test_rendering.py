"""Templates of a person's own that are wrong, malicious or without end: none does harm, none stops the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftui.errors import InputError
from ftui.prepare import Dropped, Pair, prepare, rendering
from ftui.prepare.recipe import Messages, Mixture, Recipe
from ftui.prepare.rendering import NotRendered, Own


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SECONDS", 0.2)


@pytest.fixture
def opened() -> Iterator[list[Own]]:
    made: list[Own] = []
    yield made
    for each in made:
        each.close()


def own(opened: list[Own], text: str) -> Own:
    opened.append(Own({"user": text, "assistant": "{{ title }}"}))
    return opened[-1]


def children() -> list[int]:
    """Processes of this one that render."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"sandbox.py" in command:
            found.append(int(status.parent.name))
    return found


ENDLESS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{{ 9 ** (9 ** 9) }}",
    "{% set n = 9 %}{{ n ** (n ** n) }}",
]


@pytest.mark.parametrize("text", ENDLESS)
def test_a_template_without_end_is_ended(text: str, quick: None, opened: list[Own]) -> None:
    render = own(opened, text)
    with pytest.raises((NotRendered, InputError)) as caught:
        render({"title": "Pan"})
    error = caught.value
    said = error.why if isinstance(error, InputError) else str(error)
    assert "it took more than 0.2 seconds" in said or "unsafe" in said


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 10 ** 10 }}",
        "{{ title.center(10 ** 10) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '{:9999999999}'.format(1) }}",
        "{% set x = namespace(s='x') %}{% for i in range(60) %}{% set x.s = x.s ~ x.s %}{% endfor %}{{ x.s }}",
        "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
    ],
)
def test_a_template_that_fills_the_memory_is_refused_it(text: str, opened: list[Own]) -> None:
    render = own(opened, text)
    with pytest.raises((NotRendered, InputError)) as caught:
        render({"title": "Pan"})
    error = caught.value
    said = error.why if isinstance(error, InputError) else str(error)
    assert any(words in said for words in ("too much memory", "more than 1,000,000 characters", "it took more than"))


def test_one_record_without_end_leaves_the_others_alone(quick: None) -> None:
    text = "{% for a in range(data.n) %}{% for b in range(data.n) %}{% endfor %}{% endfor %}Who sells {{ title }}?"
    recipe = Recipe(template="own", messages=Messages(text, "Nobody sells {{ title }} here."), mixture=Mixture(0.0))
    items = run([record(n, title=f"Pan {n}", n=99999 if n == 1 else 2) for n in range(4)], recipe)
    assert [item.record for item in items if isinstance(item, Pair)] == [0, 2, 3]
    [dropped] = [item for item in items if isinstance(item, Dropped)]
    assert (dropped.record, dropped.reason) == (1, "the template fails")
    assert dropped.detail == "it took more than 0.2 seconds ([messages])"
    assert children() == []


def test_one_that_never_ends_is_given_up_after_a_few(quick: None) -> None:
    recipe = Recipe(template="own", messages=Messages(ENDLESS[0], "Nobody sells {{ title }} here."))
    with pytest.raises(InputError, match="template") as caught:
        run([record(n, title="Pan") for n in range(1000)], recipe)
    assert "0.2 seconds" in caught.value.why
    assert children() == []


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ title.__class__.__base__.__subclasses__() }}",
        "{{ title['__class__']['__mro__'] }}",
        "{{ title|attr('__class__')|attr('__mro__') }}",
        "{{ range.__globals__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ '{0.__class__.__mro__}'.format(title) }}",
        "{{ joiner.__init__.__globals__.os.environ }}",
    ],
)
def test_pythons_internals_are_out_of_reach(text: str, opened: list[Own]) -> None:
    with pytest.raises((InputError, NotRendered)) as caught:
        own(opened, text)({"title": "Pan"})
    error = caught.value
    said = error.why if isinstance(error, InputError) else str(error)
    assert "unsafe" in said or "no attribute" in said or "undefined" in said


def test_no_key_goes_along(monkeypatch: pytest.MonkeyPatch, opened: list[Own]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-000000")
    own(opened, "{{ title }}?")({"title": "Pan"})
    [process] = children()
    environment = (Path("/proc") / str(process) / "environ").read_bytes()
    assert b"PATH=" in environment
    assert b"sk-secret" not in environment


def test_what_is_missing_is_named_with_what_there_is(opened: list[Own]) -> None:
    with pytest.raises(NotRendered) as caught:
        own(opened, "{{ data.prise }}")({"title": "Pan", "data": {"price": 3, "colour": "red"}})
    assert caught.value.reason == "a field is missing"
    assert str(caught.value) == "there is no 'prise'; data has price, colour"


def test_a_failure_of_one_record_is_no_failure_of_the_template() -> None:
    recipe = Recipe(
        template="own", messages=Messages("{{ 6 // data.n }} of {{ title }}?", "{{ title }} as ever, and more."),
        mixture=Mixture(0.0),
    )  # fmt: skip
    items = run([record(1, title="Pan", n=2), record(2, title="Pot", n=0), record(3, title="Cup", n=None)], recipe)
    assert [item.record for item in items if isinstance(item, Pair)] == [1]
    dropped = {item.record: (item.reason, item.detail) for item in items if isinstance(item, Dropped)}
    assert set(dropped) == {2, 3}
    assert all(reason == "the template fails" for reason, _ in dropped.values())
    assert "zero" in dropped[2][1]


@pytest.mark.parametrize("filter_", ["title|random", "lipsum()"])
def test_the_same_record_gives_the_same_text(filter_: str, opened: list[Own]) -> None:
    with pytest.raises((InputError, NotRendered)):
        own(opened, "{{ " + filter_ + " }}")({"title": "Pan"})


def test_odd_values_reach_the_template_as_they_are(opened: list[Own]) -> None:
    texts = own(opened, "{{ title }}|{{ data.x }}|{{ data.y[0].z }}")(
        {"title": 'a"\n{{ b }}\u202e\x1b[31m😀', "data": {"x": None, "y": [{"z": 10**12}]}}
    )
    assert texts["user"] == 'a"\n{{ b }}\u202e\x1b[31m😀|None|1000000000000'


def record(identifier: int, **data: Any) -> dict[str, Any]:
    return {"id": identifier, "source": 1, "url": "", "title": "", "data": data}


def run(records: list[dict[str, Any]], recipe: Recipe) -> list[Pair | Dropped]:
    return list(prepare(records, recipe))


def test_half_a_surrogate_spoils_its_own_record_alone() -> None:
    recipe = Recipe(template="own", messages=Messages("Who?", "{{ data.said }}"), mixture=Mixture(0.0))
    said = ["Somebody or other.", "Half \ud800 of a character.", "Nobody at all, of course."]
    made = list(prepare([{"id": n, "data": {"said": each}} for n, each in enumerate(said)], recipe))
    assert [type(each) for each in made] == [Pair, Dropped, Pair]
    assert isinstance(made[1], Dropped)
    assert made[1].reason == "the template fails"
    assert "cannot be written as JSON" in made[1].detail
