"""The bytes of a file: unpacked where it is packed, UTF-8 whatever it was, in pieces of bounded size.

Limits, all on what a file may become when it is read:

- a row, or a file that is one record, is at most `LONGEST` bytes;
- packed data may unpack to `MOST_TIMES` times their size (beyond the first `_FREE` bytes),
  and only once: what is packed twice is left out.
"""

from __future__ import annotations

import codecs
import io
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

PIECE = 256 * 1024
LONGEST = 16 * 2**20
MOST_TIMES = 500
_FREE = 64 * 2**20
_GZIP, _ZSTD, _SKIPPED_FRAME = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
PACKED = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}


class NotData(Exception):
    """A file that cannot be read; the message says what it is: `it is …`."""


class NotInstalled(NotData):
    """A file whose reader is a package of its own; the message names the command that installs it."""


class Cut(Exception):
    """The rest of a file cannot be read; the message says why. What came before it is good."""


class Stream:
    """A file that is read once, from its beginning to its end.

    Attributes:
        name: what people and keys call it.
        suffix: of its name, in small letters, that of the packing left out.
        packing: "gzip", "zstd" or "".
        given: bytes handed out so far, unpacked.
        notes: what a person should know about it.

    Raises:
        OSError: it cannot be opened.
        NotData: it is no file.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.stem = path.stem if path.suffix.lower() not in PACKED else Path(path.stem).stem
        self.suffix = (path.suffix if path.suffix.lower() not in PACKED else Path(path.stem).suffix).lower()
        self.given = 0
        self.notes: list[str] = []
        self._path, self._held = path, b""
        self._recode: Callable[[bytes], bytes] = _same
        # Without O_NONBLOCK a pipe that took the file's name would be waited for.
        self._raw = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        self._begun = os.fstat(self._raw.fileno())
        if not stat.S_ISREG(self._begun.st_mode):
            self._raw.close()
            raise NotData("no regular file")
        magic = self._raw.read(4)
        self._raw.seek(0)
        self.packing = "gzip" if magic.startswith(_GZIP) else "zstd" if magic == _ZSTD else ""
        self._unpack = _Unpacker(self._raw, self.packing).read if self.packing else self._plain

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    @property
    def taken(self) -> int:
        """Bytes read of the file on disk."""
        return self._raw.tell()

    @property
    def has_changed(self) -> bool:
        """Whether somebody wrote into it since it was opened."""
        now = os.fstat(self._raw.fileno())
        return (now.st_size, now.st_mtime_ns) != (self._begun.st_size, self._begun.st_mtime_ns)

    def read(self) -> bytes:
        """The next piece, b"" at the end.

        Raises:
            Cut: packed data end too early, are damaged or unpack to too much.
            OSError: the disk fails.
        """
        while True:
            piece, self._held = self._held or self._unpack(), b""
            self.given += len(piece)
            given = self._recode(piece)
            if given or not piece:
                return given

    def head(self, size: int) -> tuple[bytes, bool]:
        """The beginning, which stays to be read, and whether it is all there is.

        Raises:
            Cut, OSError: see `read`.
        """
        while len(self._held) < size:
            try:
                piece = self._unpack()
            except Cut:
                if not self._held:
                    raise
                # It comes again when reading gets there, behind the good rows.
                return self._held, False
            if not piece:
                return self._held, True
            self._held += piece
        return self._held, False

    def decode(self, encoding: str, newline: str = "") -> None:
        """From now on hand out UTF-8, without a byte order mark; lines that end with `newline` end with a line feed."""
        recode = _recoder(encoding, self.notes, self.name)
        self._recode = (lambda piece: recode(piece).replace(newline.encode(), b"\n")) if newline else recode

    def whole(self) -> bytes:
        """All that is left.

        Raises:
            NotData: it is longer than `LONGEST`.
            Cut, OSError: see `read`.
        """
        parts: list[bytes] = []
        size = 0
        while piece := self.read():
            parts.append(piece)
            size += len(piece)
            if size > LONGEST:
                raise NotData(f"larger than {LONGEST // 2**20} MB, too large for one record")
        return b"".join(parts)

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The content as a file with random access, unpacked to a temporary one where it is packed."""
        if not self.packing:
            with self._path.open("rb") as file:
                yield file
            return
        with tempfile.TemporaryFile() as spool:
            while piece := self.read():
                spool.write(piece)
            spool.seek(0)
            yield spool

    def _plain(self) -> bytes:
        return self._raw.read(PIECE) or b""


class _Unpacker:
    """gzip or zstd data, one member after the other."""

    def __init__(self, raw: IO[bytes], packing: str) -> None:
        self._raw, self._packing = raw, packing
        self._make, self._trouble = _gzip() if packing == "gzip" else _zstd()
        self._member: Any = self._make()
        self._input, self._given = b"", 0

    def read(self) -> bytes:
        while True:
            if self._member is None and not self._begin_next():
                return b""
            is_end = False
            if not self._input and getattr(self._member, "needs_input", True):
                self._input = self._raw.read(PIECE // 4)
                is_end = not self._input
            try:
                piece: bytes = self._member.decompress(self._input, PIECE)
            except self._trouble as error:
                raise Cut(f"the {self._packing} data are damaged") from error
            self._input = getattr(self._member, "unconsumed_tail", b"")
            if self._member.eof:
                self._input, self._member = self._member.unused_data, None
            elif is_end and not piece:
                raise Cut(f"the {self._packing} data are cut off")
            if piece:
                self._check(len(piece))
                return piece

    def _begin_next(self) -> bool:
        """Whether another member follows; zeros and other bytes behind the last one are left out."""
        self._input = self._input or self._raw.read(PIECE // 4)
        is_frame = self._packing == "zstd" and self._input[1:4] == _SKIPPED_FRAME
        if not self._input.startswith(_GZIP if self._packing == "gzip" else _ZSTD) and not is_frame:
            return False
        self._member = self._make()
        return True

    def _check(self, size: int) -> None:
        self._given += size
        if self._given > _FREE and self._given > MOST_TIMES * self._raw.tell():
            raise Cut(f"it unpacks to more than {MOST_TIMES} times its size; where that is right, unpack it first")


def _gzip() -> tuple[Callable[[], Any], type[Exception]]:
    return (lambda: zlib.decompressobj(31)), zlib.error


def _zstd() -> tuple[Callable[[], Any], type[Exception]]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdDecompressor, zstd.ZstdError


def _same(piece: bytes) -> bytes:
    return piece


def _recoder(encoding: str, notes: list[str], name: str) -> Callable[[bytes], bytes]:
    if encoding == "utf-8":
        return _same
    if encoding == "utf-8-sig":
        marks = iter([codecs.BOM_UTF8])
        return lambda piece: piece.removeprefix(next(marks, b""))
    decoder = codecs.getincrementaldecoder(encoding)("replace")

    def recode(piece: bytes) -> bytes:
        text = decoder.decode(piece, not piece)
        if "\ufffd" in text and not any("broken" in note for note in notes):
            notes.append(f"{name} holds characters that are broken; they are read as \ufffd")
        return text.encode()

    return recode


def blocks(stream: Stream) -> Iterator[bytes | None]:
    """Whole lines in blocks of about `PIECE`, None in place of a line longer than `LONGEST`.

    Only the last block can end without a line feed.

    Raises:
        Cut, OSError: see `Stream.read`. All lines before the cut have been handed out.
    """
    parts: list[bytes] = []
    size = 0
    while piece := stream.read():
        size += piece.find(b"\n") + 1 or len(piece)
        if size > LONGEST:
            parts.clear()
        else:
            parts.append(piece)
        end = piece.rfind(b"\n") + 1
        if not end:
            continue
        if size > LONGEST:
            yield None
            parts.append(piece[piece.find(b"\n") + 1 :])
        whole = b"".join(parts)
        end = whole.rfind(b"\n") + 1
        if end:
            yield whole[:end]
        parts, size = [whole[end:]], len(whole) - end
    if size > LONGEST:
        yield None
    elif rest := b"".join(parts):
        yield rest
