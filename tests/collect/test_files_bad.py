"""Broken and hostile files: what is bad is counted with its reason, what is good goes on."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collect.gather import Said, listen
from ftui.collect.files import Files, read_files
from ftui.collect.read_bytes import LONGEST, MOST_TIMES
from ftui.errors import InputError
from ftui.events import Batch
from servers.brightdata import error_row, product

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


async def read(path: Path, content: bytes | str) -> Said:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return await listen(read_files(Files((str(path),))))


def ids(said: Said) -> list[Any]:
    return [record.data["id"] for record in said.records.values()]


def items(count: int) -> list[dict[str, Any]]:
    return [
        {"id": n, "text": f"für 静か {blake2b(b'%d' % n).hexdigest()}", "inner": {"list": [n, {"a": "}]{["}]}}
        for n in range(count)
    ]


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


FORMS = {
    "lines": lines,
    "array": json.dumps,
    "pretty": lambda rows: json.dumps(rows, indent=2, ensure_ascii=False),
    "member": lambda rows: json.dumps({"total": 9, "more": {"data": [1]}, "results": rows, "next": None}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packing", ["", "gzip", "zstd"])
async def test_a_file_that_is_cut_keeps_the_rows_before_the_cut(tmp_path: Path, form: str, packing: str) -> None:
    rows = items(4000)
    whole = FORMS[form](rows).encode()
    pack = {"": bytes, "gzip": lambda data: gzip.compress(data, 1), "zstd": zstd.compress}[packing]
    packed = pack(whole)
    assert len((await read(tmp_path / "whole", packed)).records) == 4000
    for share in (0.999, 0.6):
        said = await read(tmp_path / "cut", packed[: int(len(packed) * share)])
        assert ids(said) == list(range(len(said.records)))
        assert len(said.records) > 3000 * share * (0.5 if packing else 1)
        assert len(said.failures) == 1
        subject, reason = said.failures[0].subject, said.failures[0].reason
        if packing:
            assert (subject, reason) == ("cut", f"the {packing} data are cut off")
        else:
            place = "line" if form == "lines" else "row"
            assert (subject, reason) == (f"cut {place} {len(said.records) + 1}", "cut off in the middle")


async def test_an_array_that_is_never_closed_has_one_failure(tmp_path: Path) -> None:
    for end in ("", ",", ",\n  "):
        said = await read(tmp_path / "a.json", '[{"id": 1}, {"id": 2}' + end)
        assert ids(said) == [1, 2]
        assert said.reasons == {"a.json row 3": "cut off in the middle"}


async def test_packed_data_that_are_damaged(tmp_path: Path) -> None:
    whole = lines(items(30_000)).encode()
    damaged = bytearray(gzip.compress(whole, 1))
    damaged[len(damaged) // 2 : len(damaged) // 2 + 200] = bytes(200)
    said = await read(tmp_path / "a.jsonl.gz", bytes(damaged))
    assert ids(said)[:10_000] == list(range(10_000))
    assert said.reasons["a.jsonl.gz"] == "the gzip data are damaged"
    frames = zstd.compress(whole[: whole.index(b"\n") + 1]) + b"\x28\xb5\x2f\xfd" + bytes(range(1, 200))
    said = await read(tmp_path / "a.jsonl.zst", frames)
    assert ids(said) == [0]
    assert said.reasons == {"a.jsonl.zst": "the zstd data are damaged"}


async def test_members_one_behind_the_other_and_zeros_at_the_end(tmp_path: Path) -> None:
    first, second = lines(items(3)).encode(), lines(items(5)).encode()
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    for packed in (
        gzip.compress(first) + gzip.compress(second) + bytes(512),
        zstd.compress(first) + skipped + zstd.compress(second),
    ):
        said = await read(tmp_path / "a", packed)
        assert ids(said) == [0, 1, 2, 0, 1, 2, 3, 4]
        assert said.failures == []


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("form", ["one line", "many lines", "page"])
async def test_a_bomb_stops_at_its_limit(tmp_path: Path, packing: str, form: str) -> None:
    head = b'{"id": 1}\n{"id": "'
    piece, count = {
        "one line": (b"x" * 2**20, 100),
        "many lines": (b'x"}\n{"id": "' + b"y" * 2**20, 100),
        "page": (b" " * 2**20, 100),
    }[form]
    start = b"<!doctype html><p>" if form == "page" else head
    if packing == "gzip":
        packer = zlib.compressobj(6, wbits=31)
        packed = packer.compress(start) + b"".join(packer.compress(piece) for _ in range(count)) + packer.flush()
    else:
        squeezer = zstd.ZstdCompressor(level=3)
        packed = squeezer.compress(start) + b"".join(squeezer.compress(piece) for _ in range(count)) + squeezer.flush()
    said = Said()
    path = tmp_path / "bomb"
    path.write_bytes(packed)
    # A page is one record, for which a smaller limit holds.
    if form == "page":
        with pytest.raises(InputError) as error:
            await listen(read_files(Files((str(path),))), said)
        assert error.value.why == "it is larger than 16 MB, too large for one record"
        return
    await listen(read_files(Files((str(path),))), said)
    assert said.records["bomb:1"].data == {"id": 1}
    bomb = f"it unpacks to more than {MOST_TIMES} times its size; where that is right, unpack it first"
    assert said.reasons["bomb"] == bomb
    assert set(said.reasons.values()) <= {bomb, "longer than 16 MB"}


@pytest.mark.parametrize("form", ["lines", "array", "table"])
async def test_a_row_that_is_too_long_is_one_failure(tmp_path: Path, form: str) -> None:
    long = ("x" * 1000 + "\\\\") * (50 * 2**20 // 1002)
    assert len(long) > 3 * LONGEST
    before, after = [{"id": 1}, {"id": 2}], [{"id": 4}, {"id": 5}]
    text = {
        "lines": lambda: lines(before) + '{"id": "' + long + '"}\n' + lines(after),
        "array": lambda: json.dumps(before)[:-1] + ', {"id": "' + long + '", "a": [1]}, ' + json.dumps(after)[1:],
        "table": lambda: "id,b\n1,b\n2,b\n3," + long + "\n4,b\n5,b\n",
    }[form]()
    said = await read(tmp_path / "a", text)
    assert [str(each) for each in ids(said)] == ["1", "2", "4", "5"]
    subject = {"lines": "a line 3", "array": "a row 3", "table": "a line 4"}[form]
    assert said.reasons == {subject: "longer than 16 MB"}


async def test_broken_values_of_an_array_cost_themselves_alone(tmp_path: Path) -> None:
    said = await read(
        tmp_path / "a.json",
        b'[{"id": 1}, {"id": tru, "in": [{"id": 9}]}, {"id": 2, "text": "\xe9\x9d\x99\xe3\x81\x8b\xe3\x81\xaa"},,'
        b' {"id": "\xff\xfe"}, "text", {"id": 3, }, {"id": 4}'
        b' {"id": 5},'
        b' {"id": "line\nfeed"}, ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b', {}, } {"id": 6}]\n[{"id": 7}]',
    )
    assert ids(said) == [1, 2, 4, 5, 6, 7]
    assert said.reasons == {
        "a.json row 2": "not valid JSON",
        "a.json row 4": "broken characters",
        "a.json row 5": "not an object",
        "a.json row 6": "not valid JSON",
        "a.json row 9": "not valid JSON",
        "a.json row 10": "nested too deeply",
        "a.json row 11": "empty row",
        "a.json row 12": "not valid JSON",
    }


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize(
    ("damage", "repair"),
    [('"in": [', '"in": '), ('"row 3"', '"row 3'), ('"row 3"', 'row 3"'), ('"row 3"', '"row\n3"'), ('"row 3"', "}")],
)
async def test_a_row_of_an_array_without_a_bracket_or_a_quote(
    tmp_path: Path, damage: str, repair: str, indent: int | None
) -> None:
    rows = [{"id": n, "text": f"row {n}", "in": [n, {"a": [{"b": n}]}]} for n in range(9)]
    if indent is None:
        text = "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
    else:
        text = json.dumps(rows, indent=indent)
    at = text.index(damage, text.index('"id": 3'))
    said = await read(tmp_path / "a.json", text[:at] + repair + text[at + len(damage) :])
    assert ids(said) == [0, 1, 2, 4, 5, 6, 7, 8]
    assert said.reasons == {"a.json row 4": "not valid JSON"}
    # Without indentation the parts of a row begin lines just as rows do; they are none.
    said = await read(tmp_path / "a.json", json.dumps(rows, indent=0).replace('"row 3"', "row 3"))
    assert ids(said) == [0, 1, 2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("form", ["lines", "array"])
async def test_odd_values_are_mended_and_noted(tmp_path: Path, form: str) -> None:
    odd = [
        '{"id": 1, "price": NaN, "most": -Infinity}',
        '{"id": 2, "price": 1e999, "long": 123456789012345678901234567890}',
        r'{"id": 3, "text": "half \ud83d a pair, \ud83d\ude00 a whole one"}',
        '{"id": 4, "id": 5}',
        '{"title": 17, "id": 6, "u": "\\u0000"}',
        '{"id": 7, "digits": ' + "9" * 5000 + "}",
        "[" * 100_000,
    ]
    text = "\n".join(odd) if form == "lines" else "[" + ",".join(odd[:-1]) + "]"
    said = await read(tmp_path / "a", text)
    data = [record.data for record in said.records.values()]
    assert data[0] == {"id": 1, "price": None, "most": None}
    assert data[1] == {"id": 2, "price": None, "long": 123456789012345678901234567890.0}
    assert data[2]["text"] == "half \ufffd a pair, \U0001f600 a whole one"
    assert data[3] == {"id": 5}
    assert data[4] == {"title": 17, "id": 6, "u": "\0"}
    assert list(said.records.values())[4].title == ""
    assert len(data) + len(said.failures) == (7 if form == "lines" else 6)
    assert said.notes == [
        "a: NaN and Infinity are read as null",
        "a: numbers that are too large are read as null",
        "a: half characters are read as \ufffd",
        "a: an object has the same name twice; the last value counts",
    ]


async def test_where_the_rows_of_an_object_are(tmp_path: Path) -> None:
    rows = [{"id": 1}, {"id": 2}]
    for value, wanted in (
        ({"data": rows}, [1, 2]),
        ({"status": "ok", "page": {"n": 1}, "results": rows, "tail": [rows, "]"]}, [1, 2]),
        ({"kettles": rows}, [1, 2]),
        ({"id": 9, "variations": rows}, [9]),
        ({"id": 9, "items": ["a", "b"]}, [9]),
        ({"id": 9, "items": []}, [9]),
    ):
        for indent in (None, 2):
            said = await read(tmp_path / "a.json", json.dumps(value, indent=indent))
            assert ids(said) == wanted
            assert said.failures == []
    # In lines of JSON each line is a row, whatever it holds.
    said = await read(tmp_path / "a.jsonl", json.dumps({"data": rows, "id": 7}) + "\n" + json.dumps({"id": 8}))
    assert ids(said) == [7, 8]
    # A line alone is a row as well.
    said = await read(tmp_path / "a.jsonl", json.dumps({"id": 7, "products": rows}) + "\n")
    assert ids(said) == [7]
    # Pages of an interface, one behind the other.
    said = await read(tmp_path / "a.json", json.dumps({"data": rows}, indent=1) + "\n" + json.dumps(rows))
    assert ids(said) == [1, 2, 1, 2]
    for cut in ('{"id": 1, "text": "never', '{"id": 1, "in": {', '{"id": 1', '{"id"', "{"):
        with pytest.raises(InputError) as error:
            await read(tmp_path / "a.json", cut)
        assert error.value.why == "rows that cannot be read: 1, files: 0; the last because of: cut off in the middle"


async def test_a_conversation_alone_is_one_row(tmp_path: Path) -> None:
    for row in (
        {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
    ):
        for name in ("a.jsonl", "a.json", "a"):
            for indent in (None, 1):
                said = await read(tmp_path / name, json.dumps(row, indent=indent))
                assert [record.data for record in said.records.values()] == [row], (name, indent)
                assert "the rows are" not in str(said.notes)
    # What a program of messages exports is rows.
    posts = {"messages": [{"id": 1, "from": "ann", "text": "Hi"}, {"id": 2, "from": "bob", "text": "Ho"}]}
    assert ids(await read(tmp_path / "b.json", json.dumps(posts))) == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
async def test_tables_and_lines_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    mark = b"\xff\xfe" if encoding == "utf-16" else b""
    text = 'id,text\r\n1,für 5 €\r\n2,"two\nlines"\r\n'
    body = mark + text.encode("utf-16-le") if mark else text.encode(encoding)
    said = await read(tmp_path / "a.csv", body)
    assert [record.data for record in said.records.values()] == [
        {"id": "1", "text": "für 5 €"},
        {"id": "2", "text": "two\nlines"},
    ]
    said = await read(tmp_path / "a.jsonl", lines(items(3)).encode(encoding))
    assert ids(said) == [0, 1, 2]
    assert said.notes == []


async def test_lines_that_end_with_a_carriage_return_alone(tmp_path: Path) -> None:
    said = await read(tmp_path / "a.csv", "id,text\r1,one\r2,two\r")
    assert ids(said) == ["1", "2"]


async def test_text_that_says_utf_16_and_ends_in_half_a_character(tmp_path: Path) -> None:
    said = await read(
        tmp_path / "a.csv", "\ufeffid,text\n1,a\n2,b\ud83d".encode("utf-16-le", "surrogatepass") + b"\x00"
    )
    assert said.records["a.csv:3"].data["text"].startswith("b\ufffd")
    assert said.notes == ["a.csv holds characters that are broken; they are read as \ufffd"]


async def test_zeros_within_and_behind_good_rows(tmp_path: Path) -> None:
    said = await read(tmp_path / "a.jsonl", b'{"id": 1}\n\0\0\0\n{"id": 2}\n' + bytes(600))
    assert ids(said) == [1, 2]
    assert said.reasons == {"a.jsonl line 2": "not valid JSON", "a.jsonl line 4": "not valid JSON"}
    said = await read(tmp_path / "a.json", json.dumps(items(9)).encode() + bytes(600))
    assert len(said.records) == 9


async def test_a_quote_within_a_cell(tmp_path: Path) -> None:
    said = await read(tmp_path / "a.csv", 'id,text\n1,"5" screen"\n2,a "word"\n3,"fine ""so"""\n4,x"y\n')
    assert [record.data["text"] for record in said.records.values()] == ['5 screen"', 'a "word"', 'fine "so"', 'x"y']


async def test_names_that_are_no_utf_8_and_a_binary_file_called_json(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "a.json").write_bytes(bytes(range(256)) * 40)
    Path(f"{home}/b\udcff.jsonl").write_text(lines(items(2)))
    said = await listen(read_files(Files((str(home),))))
    assert list(said.records) == ["b\ufffd.jsonl:1", "b\ufffd.jsonl:2"]
    assert said.reasons == {"a.json": "it is a binary file"}


def amazon(count: int) -> Iterator[dict[str, Any]]:
    """Invented rows as a shop's dataset has them: three languages, prices of every kind, errors among them."""
    texts = ('A quiet kettle, "truly"', "Ein leiser Wasserkocher\nfür 5 €", "静かなやかん、1リットル")
    prices = (19.99, 20, None, 0.5)
    for n in range(count):
        if n % 50 == 7:
            yield error_row(n, ("dead_page", "blocked", "crawl_error")[n % 3])
            continue
        yield product(
            n,
            description=texts[n % 3],
            final_price=prices[n % 4],
            initial_price=prices[(n + 1) % 4],
            rating=4 + n % 10 / 10,
            availability=None if n % 9 == 0 else "In stock",
            product_details=[{"type": "Farbe", "value": "grün"}, {"type": "ASIN", "value": f"B0TEST{n:04}"}],
            prices_breakdown={"list_price": None, "typical_price": prices[n % 4]},
            images=[f"https://shop.test/i/{n}.jpg"],
            top_review=None if n % 2 else texts[(n + 1) % 3],
            seller_name="null" if n % 11 == 0 else "Lumora",
        )


def exported(rows: list[dict[str, Any]]) -> str:
    """As the service writes CSV: nested values as JSON text, nothing as the word null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(names)
    for row in rows:
        cells = [row.get(name) for name in names]
        writer.writerow(cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False) for cell in cells)
    return file.getvalue()


@pytest.mark.parametrize("form", ["a.json", "a.jsonl", "a.csv", "a.jsonl.gz", "a.csv.zst"])
async def test_ten_thousand_rows_lose_none(tmp_path: Path, form: str) -> None:
    rows = list(amazon(10_000))
    text = {"json": json.dumps, "jsonl": lines, "csv": exported}[form.split(".")[1]](rows).encode()
    pack = {"gz": lambda data: gzip.compress(data, 1), "zst": zstd.compress}.get(form.split(".")[-1], bytes)
    said = await read(tmp_path / form, pack(text))
    assert len(said.records) == 9800
    assert len(said.failures) == 200
    assert {failure.reason for failure in said.failures} == {"dead_page", "blocked", "crawl_error"}
    assert all(failure.subject.startswith("https://shop.test/dp/GONE") for failure in said.failures)
    good = [row for row in rows if "error" not in row]
    for record, row in zip(said.records.values(), good, strict=True):
        assert (record.title, record.url) == (row["title"], row["url"])
        for name in ("description", "features", "product_details", "prices_breakdown", "images", "availability"):
            assert record.data[name] == row[name]
        price = record.data["final_price"]
        assert (float(price) if isinstance(price, str) else price) == row["final_price"]
    assert said.progress[-1].done == said.progress[-1].total == 9800
    assert max(len(event.items) for event in said.order if isinstance(event, Batch)) <= 1000


PIECES = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\\",
    b"\0",
    b"\n",
    b"\r",
    b"\xff",
    b"NaN",
    b"1e999",
    b"\\ud800",
    b"<",
    b"-->",
]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_file_holds_reading_ends_and_says_what_it_was(tmp_path: Path, data: st.DataObject) -> None:
    rows = [{"id": n, "text": f"row {n}", "in": [{"a": n}]} for n in range(9)]
    texts = {"a.json": json.dumps(rows), "b.json": json.dumps({"x": 1, "data": rows}, indent=1), "a.jsonl": lines(rows)}
    texts |= {
        "a.csv": exported(rows),
        "a.vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n\n00:02.000 --> 00:03.000\nyou\n",
    }
    name = data.draw(st.sampled_from(sorted(texts)))
    body = bytearray(texts[name].encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        what = data.draw(st.sampled_from(PIECES)) * data.draw(st.sampled_from((1, 1, 3, 300)))
        body[at : at + data.draw(st.sampled_from((0, 1, 1, 40)))] = what
    said = Said()
    with suppress(InputError):
        asyncio.run(_listen(tmp_path / name, bytes(body), said))
    # A result comes with a record; without one the file or each of its rows was refused.
    assert bool(said.results) == bool(said.records)
    for counts in said.results:
        assert (counts["done"], counts["failed"]) == (len(said.records), len(said.failures))


async def _listen(path: Path, content: bytes, said: Said) -> None:
    path.write_bytes(content)
    await listen(read_files(Files((str(path),))), said)
