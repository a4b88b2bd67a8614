"""Files of rows, whatever their names say and however broken they are."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from collect.gather import Said, listen
from ftui.collect import collect, cost_at_most, describe, name_of, validate
from ftui.collect.files import Files, read_files
from ftui.collect.past import Past
from ftui.errors import FtuiError, InputError
from ftui.events import Batch, Checkpoint
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
    path = write(tmp_path / "rows.jsonl", lines(rows(200)).encode() + many)
    said = await read(path)
    assert len(said.records) == 202
    assert [(f.subject, f.reason) for f in said.failures] == [
        ("rows.jsonl line 202", "not valid JSON"),
        ("rows.jsonl line 203", "not valid JSON"),
        ("rows.jsonl line 204", "not an object"),
        ("rows.jsonl line 205", "empty row"),
        ("rows.jsonl line 206", "broken characters"),
        ("https://shop.test/dp/GONE0001", "dead_page"),
        ("https://shop.test/dp/GONE0002", "blocked"),
    ]
    assert said.results[0]["failed"] == 7


async def test_ragged_tables_and_odd_headers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        b"asin,name,name,\n0012,kettle,null,x\nshort,row\n,,,\nlong,a,b,c,d\n0013,{not json,[1],y\n"
        + b"0014,fine,also,z\n" * 20000
        + b"0015,br\xffken,row,z\n0016,nul\0,row,z\n0017,fine,[],z\n",
    )
    said = await read(path)
    assert said.records["t.csv:2"].data == {"asin": "0012", "name": "kettle", "name_3": None, "column_4": "x"}
    assert said.records["t.csv:6"].data == {"asin": "0013", "name": "{not json", "name_3": [1], "column_4": "y"}
    assert said.records["t.csv:20009"].data == {"asin": "0017", "name": "fine", "name_3": [], "column_4": "z"}
    assert said.reasons == {
        "t.csv line 3": "fewer cells than the header",
        "t.csv line 5": "more cells than the header",
        "t.csv line 20007": "broken characters",
        "t.csv line 20008": "holds NUL bytes",
    }


async def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    good = "".join(f"{n},row {n}\n" for n in range(3000))
    said = await read(write(tmp_path / "t.csv", f'id,text\n1,"open\n{good}2,"two\nlines"\n{good}3,"open again\n{good}'))
    assert len(said.records) == 9001
    assert said.records["t.csv:7"].data == {"id": "4", "text": "row 4"}
    assert said.records["t.csv:3003"].data == {"id": "2", "text": "two\nlines"}
    assert said.reasons == {
        "t.csv line 2": "a quote that is never closed",
        "t.csv line 6005": "a quote that is never closed",
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
        (gzip.compress(gzip.compress(b'{"a": 1}\n')), "it is packed twice"),
        (b"%PDF-1.7 ...", "it is a damaged PDF"),
        (b"PAR1....", "it is a Parquet file that is cut off or damaged"),
        (b"PK\x03\x04....", "it is a zip file or an office document"),
        (b"\x7fELF\x01\0\0\0", "it is a binary file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "it is a binary file"),
        (b"\0" * 5000, "it is nothing but NUL bytes"),
        (b"<?xml version='1.0'?><rss></rss>", "it is XML"),
        (b" \n ", "it is empty"),
        (b"", "it is empty"),
        (gzip.compress(b""), "it is empty"),
        (b"Just a sentence without any table in it.\nAnd another one.", "it is text, not JSONL"),
    ],
)
async def test_a_file_that_is_something_else(tmp_path: Path, content: bytes, why: str) -> None:
    path = write(tmp_path / "data.jsonl", content)
    with pytest.raises(InputError) as error:
        await read(path)
    assert error.value.what == "data.jsonl cannot be read"
    assert error.value.why == why
    assert "JSONL, CSV, TSV, Parquet" in error.value.do
    # Beside a good file it is a failure of its own.
    said = await read(path, write(tmp_path / "good.csv", "a,b\n1,2\n"))
    assert list(said.records) == ["good.csv:2"]
    assert [(f.subject, f.reason, f.kind) for f in said.failures] == [("data.jsonl", why, "skipped")]


async def test_a_folder_is_read_in_order_and_never_left(tmp_path: Path) -> None:
    secret = write(tmp_path / "outside" / "secret.csv", "a,b\n1,2\n")
    home = tmp_path / "home"
    write(home / "b.csv", "a,b\n3,4\n")
    write(home / "a" / "z.jsonl", '{"a": 1}\n{"a": 2}\n')
    write(home / ".cache" / "x.csv", "a,b\n5,6\n")
    write(home / "picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x01\x02\x03")
    (home / "link.csv").symlink_to(secret)
    (home / "folder").symlink_to(secret.parent)
    (home / "around").symlink_to(home)
    (home / "a" / "nowhere.csv").symlink_to(tmp_path / "missing")
    os.mkfifo(home / "pipe.csv")
    left_out = {
        "a/nowhere.csv": "a link",
        "around": "a link",
        "folder": "a link",
        "link.csv": "a link",
        "pipe.csv": "a pipe or a device",
        "picture.png": "it is a binary file",
    }
    said = await read(home)
    assert list(said.records) == ["a/z.jsonl:1", "a/z.jsonl:2", "b.csv:2"]
    assert said.reasons == left_out
    assert {failure.kind for failure in said.failures} == {"skipped"}
    assert said.results[0]["skipped"] == 6

    # A pattern is held to the same; what is named itself is read, link or not.
    said = await read(home / "**" / "*.csv")
    assert list(said.records) == ["b.csv:2"]
    assert said.reasons.keys() >= {"link.csv", "pipe.csv"}
    said = await read(tmp_path / "ho?e" / "folder" / "*.csv", home / "b.csv")
    assert list(said.records) == ["b.csv:2"]
    assert (await read(home / "link.csv")).records["link.csv:2"].data == {"a": "1", "b": "2"}


async def test_what_is_named_twice_is_read_once_and_twins_by_name_apart(tmp_path: Path) -> None:
    first = write(tmp_path / "a" / "x.jsonl", '{"n": 1}\n{"n": 2}\n')
    second = write(tmp_path / "b" / "x.jsonl", '{"n": 3}\n{"n": 4}\n')
    said = await read(first, tmp_path / "a", tmp_path / "a" / "*.jsonl")
    assert list(said.records) == ["x.jsonl:1", "x.jsonl:2"]
    said = await read(tmp_path / "a", tmp_path / "b")
    assert list(said.records) == [f"{first}:1", f"{first}:2", f"{second}:1", f"{second}:2"]


async def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp())
    try:
        home.chmod(0o755)
        write(home / "good.jsonl", '{"a": 1}\n{"a": 2}\n').chmod(0o644)
        write(home / "secret.jsonl", '{"a": 3}\n').chmod(0)
        write(home / "closed" / "inner.jsonl", '{"a": 4}\n')
        (home / "closed").chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            said = await read(home)
        finally:
            if is_root:
                os.seteuid(0)
    finally:
        (home / "closed").chmod(0o700)
        shutil.rmtree(home)
    assert list(said.records) == ["good.jsonl:1", "good.jsonl:2"]
    assert said.reasons == {"closed": "Permission denied", "secret.jsonl": "Permission denied"}


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
async def test_a_table_that_says_its_delimiter(tmp_path: Path, first: str) -> None:
    said = await read(write(tmp_path / "a.csv", f"{first}name,first;price\nKettle;1,50\n"))
    assert said.records["a.csv:3"].data == {"name,first": "Kettle", "price": "1,50"}
    assert len(said.records) == 1


async def test_what_is_not_there(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path / "good.jsonl", lines(rows(1)))
    with pytest.raises(InputError, match=r"none\*.csv cannot be read: no file matches"):
        await read(tmp_path / "good.jsonl", tmp_path / "none*.csv")
    for path, why in (
        (tmp_path / "no.csv", "there is no such file or folder"),
        (tmp_path / "*.csv", "no file matches"),
        (empty, "the folder holds no file"),
        (tmp_path / "pipe", "it is a pipe or a device"),
    ):
        with pytest.raises(InputError) as error:
            await read(path)
        assert error.value.why == why
    with pytest.raises(InputError) as error:
        await read(write(tmp_path / "errors.jsonl", lines([error_row(1), error_row(2)])))
    assert error.value.why == "rows that cannot be read: 2, files: 0; the last because of: dead_page"
    write(tmp_path / "pictures" / "a.png", b"\x89PNG\0\x01")
    write(tmp_path / "pictures" / "b.png", b"\x89PNG\0\x01")
    with pytest.raises(InputError) as error:
        await read(tmp_path / "pictures")
    assert error.value.why == "rows that cannot be read: 0, files: 2; the last because of: it is a binary file"
    with pytest.raises(InputError):
        Files(("a\0b",))


async def test_a_file_that_is_written_while_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines(rows(4000)))
    said, events = Said(), read_files(Files((str(path),)))
    async for event in events:
        said.take(event)
        if isinstance(event, Batch) and len(said.records) < 3000:
            with path.open("a") as file:
                file.write('{"title": "late"}\n')
    assert len(said.records) >= 4000
    assert said.notes == ["a.jsonl was changed while it was read; collect it again to be sure"]
    assert said.progress[-1].bytes == said.results[0]["bytes"]


async def test_reading_goes_on_after_each_checkpoint(tmp_path: Path) -> None:
    small = [{"id": n, "text": f"row {n}"} for n in range(6000)]
    first = write(tmp_path / "a.jsonl.gz", gzip.compress(lines(small).encode()))
    second = write(tmp_path / "b.json", json.dumps(small))
    third = write(tmp_path / "c.csv", table(small))
    config = Files((str(first), str(second), str(third)))
    whole = await listen(read_files(config))
    assert len(whole.records) == 18_000
    assert len(whole.states) >= 3
    assert max(len(event.items) for event in whole.order if isinstance(event, Batch)) == 1000
    for stop in range(1, len(whole.states) + 1):
        said, events = Said(), read_files(config)
        async for event in events:
            said.take(event)
            if isinstance(event, Checkpoint) and len(said.states) == stop:
                break
        await events.aclose()
        rest = await listen(read_files(config, Past(said.states[-1])))
        assert [*said.records, *rest.records] == list(whole.records)
        assert rest.results == whole.results

    write(third, table(small[:5000]))
    changed = await listen(read_files(config, Past(whole.states[0])))
    assert len(changed.records) == 17_000
    assert "have changed" in changed.notes[0]


async def test_only_what_failed_is_taken_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", lines([product(1)]) + "broken\n" + lines([error_row(3), product(4)]) + "{no\n")
    other = write(tmp_path / "b.pdf", b"%PDF-1.7 ...")
    config = Files((str(path), str(other)))
    said = await listen(read_files(config))
    failed = tuple(failure.subject for failure in said.failures)
    assert failed == ("a.jsonl line 2", error_row(3)["input"]["url"], "a.jsonl line 5", "b.pdf")
    again = await listen(read_files(config, Past(only=failed)))
    assert (again.records, again.failures) == ({}, said.failures)
    write(path, lines([product(1), product(2), product(3, url=failed[1]), product(4)]) + "{no\n")
    write(other, lines([product(9), product(10)]))
    again = await listen(read_files(config, Past(only=failed)))
    assert list(again.records) == ["a.jsonl:2", "a.jsonl:3", "b.pdf:1", "b.pdf:2"]
    assert list(again.reasons) == ["a.jsonl line 5"]


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
    assert name_of("files", {"paths": ["data/rows.jsonl", "more"]}) == "rows.jsonl and 1 more"
    assert describe("crawl", {"start": ["x.test"]}) == "crawl of x.test, at most 500 pages"


async def test_many_small_files_come_in_few_batches_and_say_no_more_than_is_read(tmp_path: Path) -> None:
    for n in range(300):
        write(tmp_path / f"{n:03}.txt", f"Für {n}".encode("cp1252"))
    said = await read(tmp_path)
    assert [record.title for record in said.records.values()] == [f"{n:03}" for n in range(300)]
    assert sum(isinstance(event, Batch) for event in said.order) < 20
    assert len(said.notes) == 101
    assert said.notes[-1] == "200 more notes of this kind are left out"
