"""Two dataset versions, row by row."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.prepare.diff import Change, Files, Place, diff
from ftui.prepare.pair import conversation


def write(folder: Path, name: str, train: dict[str, str], validation: dict[str, str] | None = None) -> Files:
    """A version of questions with their answers."""
    paths = []
    for part, rows in (("train", train), ("validation", validation or {})):
        path = folder / f"{name}-{part}.jsonl"
        lines = (json.dumps({"messages": conversation("", *row)}, ensure_ascii=False) for row in rows.items())
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
        paths.append(path)
    return Files(paths[0], paths[1] if validation else None)


def told(change: Change) -> tuple[str, str, Place | None, Place | None]:
    row = change.new or change.old or {}
    return change.kind, row["messages"][0]["content"], change.before, change.after


def test_each_kind_of_change(tmp_path: Path) -> None:
    old = write(tmp_path, "old", {"a": "1", "b": "2", "c": "3", "d": "4"}, {"e": "5"})
    new = write(tmp_path, "new", {"e": "5", "d": "4", "b": "two", "f": "6"}, {"a": "1"})
    assert [told(change) for change in diff(old, new)] == [
        ("moved", "e", Place("validation", 1), Place("train", 1)),
        ("changed", "b", Place("train", 2), Place("train", 3)),
        ("added", "f", None, Place("train", 4)),
        ("moved", "a", Place("train", 1), Place("validation", 1)),
        ("removed", "c", Place("train", 3), None),
    ]
    [changed] = [change for change in diff(old, new) if change.kind == "changed"]
    assert changed.old
    assert changed.new
    assert [row["messages"][-1]["content"] for row in (changed.old, changed.new)] == ["2", "two"]


def test_the_order_of_rows_is_no_difference(tmp_path: Path) -> None:
    old, new = write(tmp_path, "old", {"a": "1", "b": "2"}), write(tmp_path, "new", {"b": "2", "a": "1"})
    assert list(diff(old, new)) == []


ROWS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["1", "2", "猫"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, ROWS, ROWS)
def test_the_changes_lead_from_one_to_the_other(
    train: dict[str, str], held: dict[str, str], later: dict[str, str], later_held: dict[str, str]
) -> None:
    def rows(train: dict[str, str], held: dict[str, str]) -> Counter[tuple[str, str, str]]:
        # An equal row stands in one file only, as in every version.
        held = {question: answer for question, answer in held.items() if train.get(question) != answer}
        return Counter([("train", *row) for row in train.items()] + [("validation", *row) for row in held.items()])

    def without(train: dict[str, str], held: dict[str, str]) -> dict[str, str]:
        return {question: answer for question, answer in held.items() if train.get(question) != answer}

    with TemporaryDirectory() as name:
        old = write(Path(name), "old", train, without(train, held))
        new = write(Path(name), "new", later, without(later, later_held))
        now = rows(train, held)
        for change in diff(old, new):
            for place, row, step in ((change.before, change.old, -1), (change.after, change.new, 1)):
                if place and row:
                    asked, said = row["messages"]
                    now[place.file, asked["content"], said["content"]] += step
    assert +now == rows(later, later_held)
    assert min(now.values(), default=0) >= 0
