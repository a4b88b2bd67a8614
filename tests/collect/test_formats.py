"""Pages, transcripts, PDFs and Parquet: each real file becomes the records that recipes expect."""

from __future__ import annotations

import gzip
import io
import math
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from collect.gather import Said, listen
from ftui.collect.files import Files, read_files
from ftui.errors import InputError
from ftui.prepare import facts

PAGE = """<!doctype html>
<!-- saved from url=(0031)https://shop.test/k7?a=1&amp;b=2 -->
<html lang="en"><head><title>K7 kettle | Lumora</title><meta name="description" content="All about the K7">
<script type="application/ld+json">{"@type": "Product", "name": "K7"}</script></head>
<body><main><h1>K7 kettle</h1><p>The K7 boils a litre of water in three minutes and keeps it warm.</p>
<h2>How do I descale it?</h2><p>Fill it with two spoons of citric acid and wait for twenty minutes.</p></main>
"""
MARKDOWN = """---
title: "Care for the K7"
tags: [kettle]
---
# Caring

## How often do I descale it?
Every month, für sicher.
"""
VTT = """WEBVTT - talk
Kind: captions

NOTE nobody
sees this

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v Bob>Hi &amp; welcome</v>

00:00:02.500 --> 00:00:04.000
Hi &amp; welcome
<00:00:03.000><c>to the show</c>

00:xx --> 00:00:05.000
lost

00:00:06.000 --> 00:00:07.000
to the show
Bye.
"""
SRT = """1
00:00:01,000 --> 00:00:02,000
<i>Hello</i>

there

2
00:00:02 -> 00:00:03
lost

3
00:00:04,000 --> 00:00:05,000
Bye
"""


async def read(path: Path, content: bytes | str) -> Said:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return await listen(read_files(Files((str(path),))))


def pdf(*pages: str, title: str = "", password: str = "", algorithm: str = "RC4-128") -> bytes:
    """A PDF with a line of text on each page, none where it is empty; a blank password locks it with none."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(300, 300)
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(content)
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password.strip(), "owner", algorithm=algorithm)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def table(columns: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", ["k7.html", "k7.html.gz", "saved"])
async def test_a_saved_page_reads_like_a_crawled_one(tmp_path: Path, name: str) -> None:
    body = PAGE.encode("utf-8")
    said = await read(tmp_path / name, gzip.compress(body) if name.endswith(".gz") else body)
    (record,) = said.records.values()
    assert (record.key, record.url, record.title) == (name, "https://shop.test/k7?a=1&b=2", "K7 kettle | Lumora")
    assert {
        "description": "All about the K7",
        "lang": "en",
        "jsonld": [{"@type": "Product", "name": "K7"}],
    }.items() <= (record.data.items())
    assert [(fact.question, fact.answer) for fact in facts.find(record.data, ())][-1] == (
        "How do I descale it?",
        "Fill it with two spoons of citric acid and wait for twenty minutes.",
    )


async def test_a_page_in_another_charset_and_one_without_text(tmp_path: Path) -> None:
    old = PAGE.replace("<title>", '<meta charset="windows-1252"><title>').replace("The K7", "Für Tee: the K7")
    said = await read(tmp_path / "old.htm", old.encode("cp1252"))
    assert "Für Tee" in said.records["old.htm"].data["markdown"]
    assert said.notes == []
    (tmp_path / "empty.html").write_text("<!doctype html><title>Nothing</title><body><script>let a = 1</script>")
    said = await listen(read_files(Files((str(tmp_path / "*.htm*"),))))
    assert list(said.records) == ["old.htm"]
    assert said.reasons == {"empty.html": "no text on page"}


async def test_markdown_and_text(tmp_path: Path) -> None:
    said = await read(tmp_path / "care.md", MARKDOWN)
    record = said.records["care.md"]
    assert record.title == "Care for the K7"
    assert record.data["front_matter"] == 'title: "Care for the K7"\ntags: [kettle]'
    (fact,) = [fact for fact in facts.find(record.data, ()) if fact.is_question]
    assert (fact.heading, fact.answer) == ("How often do I descale it?", "Every month, für sicher.")
    for content in (
        "# Only a heading\n",
        "[link](https://x.test), and more\n[next](y), too\n",
        "<p align=center>Hi</p>",
    ):
        said = await read(tmp_path / "a.md", content)
        assert said.records["a.md"].data["markdown"] == content.strip()
    for content in ("Dear reader, hello.\nThis is prose, truly.\n", "[1] a footnote, of sorts\n", "{braces} too\n"):
        said = await read(tmp_path / "letter.txt", content)
        assert said.records["letter.txt"].data == {"markdown": content.strip(), "title": "letter"}
    # What is a table is one, whatever it is called.
    said = await read(tmp_path / "export.txt", "id\tname\n1\tone\n2\ttwo\n")
    assert list(said.records) == ["export.txt:2", "export.txt:3"]


async def test_transcripts_keep_their_cues_and_count_the_broken_ones(tmp_path: Path) -> None:
    said = await read(tmp_path / "talk.vtt", VTT)
    record = said.records["talk.vtt"]
    assert record.data == {
        "markdown": "Hi & welcome\nto the show\nBye.",
        "title": "talk",
        "cues": [
            {"start": 1.0, "end": 2.5, "text": "Hi & welcome", "speaker": "Bob"},
            {"start": 2.5, "end": 4.0, "text": "Hi & welcome\nto the show"},
            {"start": 6.0, "end": 7.0, "text": "to the show\nBye."},
        ],
    }
    assert said.reasons == {"talk.vtt line 18": "a cue without times"}
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        said = await read(tmp_path / "talk.srt", SRT.replace("Bye", "Tschüß").replace("\n", "\r\n").encode(encoding))
        assert said.records["talk.srt"].data["markdown"] == "Hello\nthere\nTschüß"
        assert said.reasons == {"talk.srt line 8": "a cue without times"}
    with pytest.raises(InputError) as error:
        await read(tmp_path / "none.vtt", "WEBVTT\n\nNOTE nothing\n")
    assert error.value.why == "it is a transcript without a cue"


@pytest.mark.parametrize("name", ["manual.pdf", "manual.pdf.gz"])
async def test_a_pdf_page_by_page(tmp_path: Path, name: str) -> None:
    body = pdf("Descale it every month.", "", "Twenty minutes.", title="The  K7")
    said = await read(tmp_path / name, gzip.compress(body) if name.endswith(".gz") else body)
    assert [record.data for record in said.records.values()] == [
        {"markdown": "Descale it every month.", "title": "The K7", "page": 1, "pages": 3},
        {"markdown": "Twenty minutes.", "title": "The K7", "page": 3, "pages": 3},
    ]
    assert list(said.records) == [f"{name}:1", f"{name}:3"]
    assert said.reasons == {f"{name} page 2": "no text on page"}


async def test_pdfs_that_are_locked_damaged_or_pictures(tmp_path: Path) -> None:
    body = pdf("One page.", "Another.")
    for content, why in (
        (pdf("a", password="secret"), "it is an encrypted PDF; save it without a password"),
        (body[:100], "it is a damaged PDF"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 50, "it is a damaged PDF"),
    ):
        with pytest.raises(InputError) as error:
            await read(tmp_path / "a.pdf", content)
        assert error.value.why == why
    # A table of contents that points nowhere is made anew, and an empty password opens a file.
    at = body.rindex(b"startxref")
    for content in (body[:at] + b"startxref\n7\n%%EOF\n", pdf("One page.", "Another.", password=" ")):
        said = await read(tmp_path / "a.pdf", content)
        assert [record.data["markdown"] for record in said.records.values()] == ["One page.", "Another."]
    (tmp_path / "note.md").write_text("Hello.")
    (tmp_path / "a.pdf").write_bytes(pdf("", ""))
    said = await listen(read_files(Files((str(tmp_path),))))
    assert list(said.records) == ["note.md"]
    assert said.reasons == {"a.pdf page 1": "no text on page", "a.pdf page 2": "no text on page"}
    assert said.notes == ["a.pdf has no text: its pages are pictures, which ftui does not read"]


@pytest.mark.parametrize("name", ["t.parquet", "t.parquet.gz", "data"])
async def test_parquet_of_every_type(tmp_path: Path, name: str) -> None:
    body = table(
        {
            "title": ["one", None, "für 静か"],
            "whole": [1, 2**62, None],
            "price": [1.5, math.nan, math.inf],
            "exact": [Decimal("1.25"), None, Decimal("-3.00")],
            "at": [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)] * 3,
            "day": [date(2026, 1, 2)] * 3,
            "span": [timedelta(seconds=90)] * 3,
            "bytes": [b"text", b"\xff\xfe", None],
            "list": [[1, None], [], None],
            "struct": [{"a": [{"b": "c"}]}] * 3,
            "map": pyarrow.array([[("k", 1)]] * 3, pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        }
    )
    said = await read(tmp_path / name, gzip.compress(body) if name.endswith(".gz") else body)
    assert list(said.records) == [f"{name}:{row}" for row in (1, 2, 3)]
    first, second, third = (record.data for record in said.records.values())
    assert first == {
        "title": "one",
        "whole": 1,
        "price": 1.5,
        "exact": 1.25,
        "at": "2026-01-02T03:04:05+00:00",
        "day": "2026-01-02",
        "span": 90.0,
        "bytes": "text",
        "list": [1, None],
        "struct": {"a": [{"b": "c"}]},
        "map": [["k", 1]],
    }
    assert (second["whole"], second["price"], second["bytes"], second["list"]) == (2**62, None, None, [])
    assert (third["title"], third["price"]) == ("für 静か", None)


async def test_parquet_that_is_cut_or_damaged(tmp_path: Path) -> None:
    body = table({"n": list(range(3000)), "text": [f"row {n}" for n in range(3000)]}, row_group_size=1000)
    with pytest.raises(InputError) as error:
        await read(tmp_path / "t.parquet", body[: len(body) // 2])
    assert error.value.why == "it is a Parquet file that is cut off or damaged"
    groups = parquet.ParquetFile(io.BytesIO(body)).metadata
    begin = groups.row_group(1).column(1).data_page_offset
    said = await read(tmp_path / "t.parquet", body[:begin] + bytes(200) + body[begin + 200 :])
    assert [record.data["n"] for record in said.records.values()] == [*range(1000), *range(2000, 3000)]
    assert said.reasons == {"t.parquet row 1001": "damaged from here to row 2000"}


async def test_parquet_without_its_package_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError) as error:
        await read(tmp_path / "t.parquet", table({"a": [1]}))
    assert "pip install 'ftui[parquet]'" in error.value.why


async def test_what_only_speaks_of_a_pdf_is_none(tmp_path: Path) -> None:
    said = await read(tmp_path / "a.jsonl", '{"text": "begins with %PDF-1.7"}\n{"text": "b"}\n')
    assert len(said.records) == 2
    said = await read(tmp_path / "mail.pdf", b"X-Sent: now\n" + pdf("One page."))
    assert said.records["mail.pdf:1"].data["markdown"] == "One page."
