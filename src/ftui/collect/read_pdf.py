"""The text of a PDF, page by page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ftui.collect.page import NO_TEXT
from ftui.collect.read_bytes import Cut, NotData, Stream
from ftui.collect.read_json import Row

_LOCKED = "an encrypted PDF; save it without a password"


def read_pdf(stream: Stream) -> Iterator[Row]:
    """One row for each page with text, in place of the line the number of the page.

    Raises:
        NotData: it is encrypted, or no page at all can be found.
        Cut, OSError: see `Stream.read`.
    """
    import pypdf

    # It says of every small fault that it knows how to mend it.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with stream.seekable() as file:
        # A damaged file can fail in any way that Python can; all of them are the file's.
        try:
            document = pypdf.PdfReader(file)
            if document.is_encrypted and not document.decrypt(""):
                raise NotData(_LOCKED)
            count, title = len(document.pages), _title(document)
        except pypdf.errors.DependencyError as error:
            raise NotData(_LOCKED) from error
        except (OSError, NotData, Cut):
            raise
        except Exception as error:
            raise NotData("a damaged PDF") from error
        has_text = False
        for number in range(1, count + 1):
            try:
                text = _clean(document.pages[number - 1].extract_text())
            except Exception:
                yield number, None, "a damaged page"
                continue
            if not text:
                yield number, None, NO_TEXT
                continue
            has_text = True
            yield number, {"markdown": text, "title": title or stream.stem, "page": number, "pages": count}, ""
        if not has_text:
            stream.notes.append(f"{stream.name} has no text: its pages are pictures, which ftui does not read")


def _title(document: Any) -> str:
    try:
        return " ".join(str(document.metadata.title or "").split()) if document.metadata else ""
    except Exception:
        return ""


def _clean(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "").strip()
