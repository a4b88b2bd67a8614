"""`ftui prepare --preview`: what the recipe makes of some records, with nothing prepared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui import cli
from ftui.events import Record
from ftui.store import Store, create_project

NAME = "kettle"


@pytest.fixture
def store(home: Path) -> Store:
    create_project(NAME)
    store = Store(NAME)
    domain = store.sources.add("pages", "files", {"paths": ["x"]})
    general = store.sources.add("general", "files", {"paths": ["y"]}, "general")
    rows = [_page(number) for number in range(40)]
    rows[39] = Record("39", "http://x.test/39", "Bad\x1b[31m", {"error": "timeout"})
    store.records.put(domain.id, rows)
    store.records.put(general.id, [Record("g", "", "", {"question": "Red?", "answer": "Blood."})])
    return store


def _page(number: int) -> Record:
    text = (
        f"# Kettle {number}\n\n## How hot does kettle {number} get?\n\nKettle {number} gets {number + 60} degrees hot."
    )
    return Record(str(number), f"http://x.test/{number}", f"Kettle {number}", {"markdown": text})


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(["prepare", "--project", NAME, *words]) == 0
    return capsys.readouterr().out


def test_records_from_all_over_are_shown_and_nothing_is_prepared(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    with store:
        out = run(capsys, "--preview", "4")
        lines = out.splitlines()
        assert [line.split()[-1] for line in lines if line.startswith(tuple("123456789")) and "http" in line] == [
            f"http://x.test/{number}" for number in (0, 10, 20, 30)
        ]
        assert "  ? How hot does kettle 10 get?  (and 11 more)" in lines
        assert "    Kettle 10 gets 70 degrees hot." in lines
        assert "4 records, 48 pairs, 4 dropped" in lines[-1]
        assert store.pairs.counts().total == 0
        assert store.tasks.all() == []


def test_as_json(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with store:
        rows = [json.loads(line) for line in run(capsys, "--preview", "40", "--json").splitlines()]
        assert len(rows) == 40
        first, last = rows[0], rows[-1]
        assert first["event"] == "preview"
        assert first["pairs"][0]["messages"][-1] == {"role": "assistant", "content": "Kettle 0 gets 60 degrees hot."}
        assert first["pairs"][0]["tokens"] > 10
        assert last["dropped"] == [{"reason": "error row", "detail": "timeout", "scope": "record"}]
        assert "\x1b" not in run(capsys, "--preview", "40")


def test_a_recipe_that_asks_a_model_shows_what_it_would_ask(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with store:
        store.recipe_path.write_text('[model]\nprovider = "engine"\nname = "writer"\n')
        out = run(capsys, "--preview", "1")
        assert "  ~ a model would be asked: wordings, " in out
        [row] = [json.loads(line) for line in run(capsys, "--preview", "1", "--json").splitlines()]
        assert [ask["kind"] for ask in row["requests"]] == ["questions", "wordings"]
        assert row["requests"][0]["messages"][0]["role"] == "system"


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ('template = "own"\n[messages]\nuser = "{{ title"\nassistant = "x"\n', "line 3 cannot be followed"),
        ('template = "own"\n[messages]\nuser = "{{ title.__class__ }}"\nassistant = "x"\n', "unsafe"),
        ("presentations = 3\n", "no setting"),
    ],
)
def test_a_recipe_that_cannot_be_followed(
    store: Store, capsys: pytest.CaptureFixture[str], recipe: str, words: str
) -> None:
    with store:
        store.recipe_path.write_text(recipe)
        assert cli.main(["prepare", "--project", NAME, "--preview", "2"]) == 7
        assert words in capsys.readouterr().err


def test_a_project_without_records(capsys: pytest.CaptureFixture[str]) -> None:
    create_project(NAME)
    assert cli.main(["prepare", "--project", NAME, "--preview", "2"]) == 7
    assert "no records yet" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "1001", "x"])
def test_a_number_that_makes_no_sense(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["prepare", "--preview", number])
    assert "--preview" in capsys.readouterr().err
