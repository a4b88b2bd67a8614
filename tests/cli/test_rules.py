"""`ftui rules`: the rule that rejections speak for, without a screen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ftui import cli
from ftui.cli.prepare import accept_all
from ftui.prepare import recipe as recipes
from ftui.store import Store, create_project
from ftui.store.pairs import Decision, NewPair


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    create_project("kettle")
    with Store("kettle") as store:
        messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
        plain = [NewPair([*messages[:1], {**messages[1], "content": f"a{n}"}], f"d{n}") for n in range(100)]
        with store.pairs.replacing() as replacing:
            replacing.put([replace(pair, flags={"short": "so"} if n < 50 else {}) for n, pair in enumerate(plain)])
            replacing.finish()


def reject(count: int) -> None:
    with Store("kettle") as store:
        for number in range(1, count + 1):
            store.pairs.decide([number], Decision.REJECTED)
            store.pairs.decide([number + 50], Decision.ACCEPTED)


def counts() -> tuple[int, int, int]:
    with Store("kettle") as store:
        found = store.pairs.counts()
        return found.pending, found.accepted, found.rejected


def test_it_says_what_it_found_and_does_nothing_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rules"]) == 0
    assert capsys.readouterr().out == "0 pairs were rejected by hand; from 24 on ftui looks for a rule\n"
    assert cli.main(["rules", "--apply"]) == 1
    reject(30)
    capsys.readouterr()
    assert cli.main(["rules"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "`flag:short` would have caught 30 of your 30 rejections and 0 of 30 accepted; 20 pending pairs fit\n"
    )
    assert counts() == (40, 30, 30)


def test_a_rule_is_applied_and_put_into_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    reject(30)
    assert cli.main(["rules", "--apply", "--to-recipe", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rejected"], said["rule"]["text"], said["rule"]["pending"], len(said["done"])) == (
        30,
        "flag:short",
        20,
        2,
    )
    assert counts() == (20, 30, 50)
    with Store("kettle") as store:
        assert recipes.parse(store.recipe_path.read_text("utf-8")).rules.reject == ("flag:short",)
        assert store.pairs.rejected_by_hand() == 30
        store.pairs.undo()
    assert counts() == (40, 30, 30)
    assert cli.main(["rules"]) == 0
    assert "no rule fits" in capsys.readouterr().out, "it is followed already"


def test_a_rule_that_was_applied_and_undone_is_found_again(capsys: pytest.CaptureFixture[str]) -> None:
    reject(30)
    assert cli.main(["rules", "--apply"]) == 0
    assert cli.main(["rules"]) == 0
    assert "no rule fits" in capsys.readouterr().out
    with Store("kettle") as store:
        store.pairs.undo()
    assert cli.main(["rules"]) == 0
    assert capsys.readouterr().out.startswith("`flag:short` would have caught 30 of your 30 rejections")
    with Store("kettle") as store:
        store.pairs.redo()
    assert cli.main(["rules"]) == 0
    assert "no rule fits" in capsys.readouterr().out


def test_what_is_accepted_as_a_whole_speaks_against_no_rule() -> None:
    reject(30)
    with Store("kettle") as store:
        steps = store.pairs.steps_by_hand(0)
        accept_all(store)
        assert store.pairs.counts().pending == 0
        assert store.pairs.steps_by_hand(0) == steps


def test_a_declined_rule_does_not_come_again(capsys: pytest.CaptureFixture[str]) -> None:
    reject(30)
    assert cli.main(["rules", "--decline"]) == 0
    assert cli.main(["rules"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == (
        "you declined `flag:short`, and no other rule fits what you rejected (30 pairs) and spares what you accepted"
    )
    assert counts() == (40, 30, 30)


def test_what_contradicts_itself_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    reject(30)
    for words in (("--apply",), ("--to-recipe",)):
        assert cli.main(["rules", "--decline", *words]) == 7
        assert "not both" in capsys.readouterr().err
    assert counts() == (40, 30, 30)
