"""Dataset versions on the command line: export, list, what is different."""

from __future__ import annotations

import json
from pathlib import Path

from cli.test_cli import fails, rows, run
from ftui.store.pairs import Decision
from projects import project_with_pairs


def test_what_is_accepted_is_exported(tmp_path: Path) -> None:
    project_with_pairs().close()
    folder = tmp_path / "out"
    done = run("export", str(folder))
    assert done.returncode == 0, done.stderr
    assert "18 rows to train on, 6 to check on" in done.stdout
    names = ["recipe.toml", "train.jsonl", "validation.jsonl", "version.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert len(rows((folder / "train.jsonl").read_text("utf-8"))) == 18
    manifest = json.loads((folder / "version.json").read_text("utf-8"))
    assert (manifest["train_rows"], manifest["validation_rows"]) == (18, 6)
    # The same pairs are the same version and the same bytes.
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run("export", str(folder)).returncode == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(rows(run("versions", "--json").stdout)[0]) == 1
    assert run("export", "-").stdout.encode() == before["train.jsonl"]


def test_where_nothing_is_held_out_it_is_said_why(tmp_path: Path) -> None:
    project_with_pairs(phrasings=3).close()
    done = run("export", str(tmp_path / "out"))
    assert "18 rows to train on, 0 to check on" in done.stdout
    assert "nothing to check on: the recipe splits by wording, and no accepted pair is" in done.stderr


def test_files_of_others_are_not_overwritten(tmp_path: Path) -> None:
    project_with_pairs().close()
    (tmp_path / "train.jsonl").write_text("mine")
    fails(run("export", str(tmp_path)), 7, "--force")
    assert (tmp_path / "train.jsonl").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["train.jsonl"]
    assert run("export", str(tmp_path), "--force").returncode == 0
    assert (tmp_path / "train.jsonl").read_text() != "mine"


def test_too_little_is_refused(tmp_path: Path) -> None:
    project_with_pairs(accept=False).close()
    fails(run("export", str(tmp_path / "out")), 7, "at least 10")
    assert not (tmp_path / "out").exists()


def test_what_is_different_between_two(tmp_path: Path) -> None:
    with project_with_pairs() as store:
        assert run("export", str(tmp_path / "one")).returncode == 0
        first = store.pairs.page(list(store.pairs.ids()))
        trained = [pair for pair in first.values() if not pair.origin.get("held")]
        edited, rejected = trained[0], trained[1]
        store.pairs.edit(edited.id, [edited.messages[0], {"role": "assistant", "content": "Now \x1b[31mred."}])
        store.pairs.decide([rejected.id], Decision.REJECTED)
    assert run("export", str(tmp_path / "two"), "--json").returncode == 0
    listed = run("versions").stdout
    assert "17" in listed
    assert "18" in listed
    told = run("versions", "diff", "1")
    assert told.returncode == 0, told.stderr
    assert "1 removed, 1 changed" in told.stdout
    assert "~ train" in told.stdout
    assert "\x1b" not in told.stdout
    assert "now: Now  [31mred." in told.stdout or "now: Now [31mred." in told.stdout
    changes = rows(run("versions", "diff", "1", "2", "--json").stdout)
    assert sorted(str(change["kind"]) for change in changes) == ["changed", "removed"]
    digest = str(rows(run("versions", "--json").stdout)[0][0]["digest"])  # type: ignore[index]
    assert "the same rows" in run("versions", "diff", digest[:10], "2").stdout
    fails(run("versions", "diff", "9"), 7, "ftui versions")
    assert run("export", str(tmp_path / "old"), "--version", "1").returncode == 0
    assert (tmp_path / "old" / "train.jsonl").read_bytes() == (tmp_path / "one" / "train.jsonl").read_bytes()
