"""Transcripts: a VTT or SRT file is one record, with its cues kept."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, Literal

from ftui.collect.read_bytes import NotData, Stream
from ftui.collect.read_json import Row

_TIME = r"(?:\d+:)?[0-5]?\d:[0-5]\d[.,]\d{1,3}"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s|$)")
_LIKE_TIMING = re.compile(r"\s*\S*\d\S*\s*-{1,2}>|.*-->")
_SPEAKER = re.compile(r"<v[^\s>]*\s+([^>]+)>")
_NO_TIMES = "a cue without times"
_INNER_TIME = re.compile(r"<[\d:.]+>")


def read_transcript(stream: Stream, form: Literal["vtt", "srt"]) -> Iterator[Row]:
    """A failure for each broken cue, then one row: what was said as text, and `cues` with start and end in seconds.

    Raises:
        NotData: no cue is whole.
    """
    good: list[tuple[int, str]] = []
    for line, block in _blocks(stream.whole().decode("utf-8", "replace")):
        at = next((number for number, text in enumerate(block) if _LIKE_TIMING.match(text)), None)
        if at is None:
            # A blank line within the text of a cue; a VTT file has comments and styles of its own.
            if form == "srt" and good:
                good[-1] = (good[-1][0], "\n".join([good[-1][1], *block]))
        elif _TIMING.match(block[at]):
            good.append((line + at, "\n".join(block[at:])))
        else:
            yield line + at, None, _NO_TIMES
    cues: list[dict[str, Any]] = []
    for line, text in good:
        try:
            cues.append(_cue(text, form))
        except ValueError:
            yield line, None, _NO_TIMES
    if not cues:
        raise NotData("a transcript without a cue")
    said: list[str] = []
    for cue in cues:
        # Live captions roll: each cue repeats the last line of the one before.
        said += [text for text in cue["text"].split("\n") if text and text != (said[-1] if said else "")]
    yield 0, {"markdown": "\n".join(said), "title": stream.stem, "cues": cues}, ""


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """The runs of lines between blank lines, each with the number of its first line."""
    block: list[str] = []
    for number, line in enumerate([*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""], start=1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _cue(block: str, form: str) -> dict[str, Any]:
    """One cue, from its timing to the end of its text.

    Raises:
        ValueError: its times are no times.
    """
    from pysubs2 import SSAFile

    speaker = _SPEAKER.search(block)
    (event, *_) = SSAFile.from_string(f"{_INNER_TIME.sub('', block)}\n", format_=form).events
    text = "\n".join(" ".join(line.split()) for line in html.unescape(event.plaintext).split("\n"))
    cue = {"start": event.start / 1000, "end": event.end / 1000, "text": text.strip()}
    return cue | ({"speaker": speaker[1].strip()} if speaker else {})
