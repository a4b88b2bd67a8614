"""Files of rows, whatever their names say and however broken they are."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from collect.gather import Said, listen
from ftui.collect import collect, cost_at_most, describe, validate
from ftui.collect.files import Files, read_files
from ftui.collect.past import Past
from ftui.errors import FtuiError, InputError
from ftui.events import Checkpoint
from servers.brightdata import error_row, product

LANGUAGES = ("A quiet kettle", "Ein leiser Wasserkocher für 5 €", "静かなやかん")


def rows(count: int) -> list[dict[str, Any]]:
    return [product(n, description=LANGUAGES[n % 3]) for n in range(count)]


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(items: list[Any]) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def table(items: list[dict[str, Any]], delimiter: str = ",") -> str:
    """As services export it: nested values as JSON text, missing ones as `null`."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(items[0])
    for item in items:
        cells = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in item.values()]
        writer.writerow(cells)
    return file.getvalue()


async def read(*paths: Path) -> Said:
    return await listen(read_files(Files(tuple(str(path) for path in paths))))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", ["array", "pretty", "lines", "table", "tabs", "semicolons"])
async def test_every_form_gives_the_same_records(tmp_path: Path, form: str, encoding: str) -> None:
    items = rows(7)
    text = {
        "array": lambda: json.dumps(items, ensure_ascii=False),
        "pretty": lambda: json.dumps(items, ensure_ascii=False, indent=4),
        "lines": lambda: lines(items),
        "table": lambda: table(items),
        "tabs": lambda: table(items, "\t"),
        "semicolons": lambda: table(items, ";"),
    }[form]()
    said = await read(write(tmp_path / "export.dat", text.encode(encoding)))
    assert said.failures == []
    assert [record.data["description"] for record in said.records.values()] == [item["description"] for item in items]
    for record, item in zip(said.records.values(), items, strict=True):
        assert record.data["features"] == item["features"]
        assert (record.title, record.url) == (item["title"], item["url"])
    assert said.progress[-1].done == said.progress[-1].total == 7


async def test_keys_are_file_and_line(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", '{"name": "one"}\n\n{"name": "three"}\n')
    second = write(tmp_path / "b.csv", 'name,text\none,"two\nlines"\nfour,x\n')
    said = await read(first, second)
    assert list(said.records) == ["a.jsonl:1", "a.jsonl:3", "b.csv:2", "b.csv:4"]
    assert said.records["b.csv:2"].data == {"name": "one", "text": "two\nlines"}


async def test_bad_rows_are_failures_and_the_good_ones_go_on(tmp_path: Path) -> None:
    broken = b'{"a": "\xff\xfe broken"}\n'
    many = (
        lines([product(1)]).encode()
        + b'{"title": "cut of'
        + b"\n\0\0\0\n[1, 2]\n{}\n"
        + broken
        + lines([error_row(1), error_row(2, "blocked"), {**product(2), "error": "a word in a real row"}]).encode()
    )
    # Broken bytes further in than a look at the beginning reaches.
    path = write(tmp_path / "rows.jsonl", lines([product(n) for n in range(200)]).encode() + many)
    said = await read(path)
    assert len(said.records) == 202
    assert [(f.subject, f.reason) for f in said.failures] == [
        ("rows.jsonl line 202", "not valid JSON"),
        ("rows.jsonl line 203", "not valid JSON"),
        ("rows.jsonl line 204", "not an object"),
        ("rows.jsonl line 205", "empty row"),
        ("rows.jsonl line 206", "not valid JSON"),
        ("https://shop.test/dp/GONE0001", "dead_page"),
        ("https://shop.test/dp/GONE0002", "blocked"),
    ]
    assert said.results[0]["failed"] == 7


async def test_ragged_tables_and_odd_headers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        b"asin,name,name,\n0012,kettle,null,x\nshort,row\n,,,\nlong,a,b,c,d\n0013,{not json,[1],y\n"
        + b"0014,fine,also,z\n" * 5000
        + b"0015,br\xffken,row,z\n",
    )
    said = await read(path)
    assert said.records["t.csv:2"].data == {"asin": "0012", "name": "kettle", "name_3": None, "column_4": "x"}
    assert said.records["t.csv:6"].data == {"asin": "0013", "name": "{not json", "name_3": [1], "column_4": "y"}
    assert said.reasons == {
        "t.csv line 3": "fewer cells than the header",
        "t.csv line 5": "more cells than the header",
        "t.csv line 5007": "broken characters",
    }


async def test_a_large_cell_is_no_problem(tmp_path: Path) -> None:
    page = "x" * 300_000
    said = await read(write(tmp_path / "t.csv", f'url,html\nhttps://x.test/,"{page}"\n'))
    assert said.records["t.csv:2"].data["html"] == page


async def test_windows_text_is_read_with_a_note(tmp_path: Path) -> None:
    said = await read(write(tmp_path / "t.csv", "name,price\nWasserkocher für zwölf,5 €\n".encode("cp1252")))
    assert said.records["t.csv:2"].data == {"name": "Wasserkocher für zwölf", "price": "5 €"}
    assert said.notes == ["t.csv is not UTF-8; it is read as Windows-1252"]


async def test_a_name_that_is_wrong_about_the_form(tmp_path: Path) -> None:
    said = await read(write(tmp_path / "products.json", table(rows(3))))
    assert len(said.records) == 3
    assert said.notes == ["products.json is not what its name says; it is read as CSV"]
    said = await read(write(tmp_path / "products.csv", json.dumps(rows(3))))
    assert len(said.records) == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (gzip.compress(b'{"a": 1}\n'), "it is a gzip file"),
        (b"%PDF-1.7 ...", "it is a PDF"),
        (b"PAR1....", "it is a Parquet file"),
        (b"\x7fELF\0\0\0\0", "it is a binary file"),
        (b"<!doctype html><p>Hello", "it is a web page or XML"),
        (b" \n ", "it is empty"),
        (b"Just a sentence without any table in it.\nAnd another one.", "it is neither JSON nor JSONL nor CSV"),
        (b'[{"a": 1}, {"a": ', "it is broken JSON: unexpected end of data in line 1"),
    ],
)
async def test_a_file_that_is_something_else(tmp_path: Path, content: bytes, why: str) -> None:
    path = write(tmp_path / "data.jsonl", content)
    with pytest.raises(InputError) as error:
        await read(path)
    assert error.value.what == "data.jsonl cannot be read"
    assert error.value.why == why
    # Beside a good file it is a failure of its own.
    said = await read(path, write(tmp_path / "good.csv", "a,b\n1,2\n"))
    assert list(said.records) == ["good.csv:2"]
    assert [(f.subject, f.reason, f.kind) for f in said.failures] == [("data.jsonl", why, "skipped")]


async def test_a_folder_is_read_in_order_and_never_left(tmp_path: Path) -> None:
    secret = write(tmp_path / "outside" / "secret.csv", "a,b\n1,2\n")
    home = tmp_path / "home"
    write(home / "b.csv", "a,b\n3,4\n")
    write(home / "a" / "z.jsonl", '{"a": 1}\n')
    write(home / ".cache" / "x.csv", "a,b\n5,6\n")
    write(home / "notes.txt", "nothing to see")
    (home / "link.csv").symlink_to(secret)
    (home / "folder").symlink_to(secret.parent)
    said = await read(home)
    assert list(said.records) == ["a/z.jsonl:1", "b.csv:2"]
    assert said.reasons == {"notes.txt": "it is neither JSON nor JSONL nor CSV"}


async def test_what_is_not_there(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, why in ((tmp_path / "no.csv", "there is no such file or folder"), (empty, "the folder holds no file")):
        with pytest.raises(InputError) as error:
            await read(path)
        assert error.value.why == why
    with pytest.raises(InputError) as error:
        await read(write(tmp_path / "errors.jsonl", lines([error_row(1), error_row(2)])))
    assert error.value.why == "2 rows and 0 files could not be read"


async def test_ten_thousand_rows_lose_none(tmp_path: Path) -> None:
    items = [error_row(n) if n % 50 == 7 else row for n, row in enumerate(rows(10_000))]
    path = write(tmp_path / "big.jsonl", lines(items))
    whole = await read(path)
    assert len(whole.records) == 9800
    assert {failure.reason for failure in whole.failures} == {"dead_page"}
    assert len(whole.failures) == 200
    estimates = [progress.total for progress in whole.progress]
    assert all(total is not None and 9000 < total < 10_600 for total in estimates)


async def test_reading_goes_on_after_each_checkpoint(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", lines(rows(1200)))
    second = write(tmp_path / "b.csv", table(rows(700)))
    config = Files((str(first), str(second)))
    whole = await listen(read_files(config))
    assert len(whole.states) == 7
    for stop in range(1, 8):
        said, events = Said(), read_files(config)
        async for event in events:
            said.take(event)
            if isinstance(event, Checkpoint) and len(said.states) == stop:
                break
        await events.aclose()
        rest = await listen(read_files(config, Past(said.states[-1])))
        assert [*said.records, *rest.records] == list(whole.records)
        assert rest.results == whole.results

    write(second, table(rows(800)))
    changed = await listen(read_files(config, Past(whole.states[0])))
    assert len(changed.records) == 2000
    assert "have changed" in changed.notes[0]


async def test_one_entry_for_all_kinds(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines(rows(2)))
    config = validate("files", {"paths": [str(path)]})
    assert json.loads(json.dumps(config)) == config
    assert describe("files", config) == "file a.jsonl"
    assert cost_at_most("files", config) == 0
    said = await listen(collect("files", config, credentials={}))
    assert len(said.records) == 2
    for kind, settings in (("teleport", {}), ("files", {}), ("files", {"path": "x"})):
        with pytest.raises(FtuiError):
            collect(kind, settings, credentials={})
    job = {"inputs": [{"category_url": "https://x.test"}], "discover_by": "best_sellers_url", "limit_per_input": 5}
    assert cost_at_most("brightdata", job) == pytest.approx(0.005)
    with pytest.raises(FtuiError) as error:
        await listen(collect("brightdata", job, credentials={}))
    assert "no key for Bright Data" in error.value.what
    assert describe("crawl", {"start": ["x.test"]}) == "crawl of x.test, at most 500 pages"
