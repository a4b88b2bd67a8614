"""Parquet, row by row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ftui.collect.read_bytes import NotData, NotInstalled, Stream
from ftui.collect.read_json import Row, is_storable

INSTALL = "pip install 'ftui[parquet]'"
_ROWS_AT_ONCE = 1000
_BYTES_AT_ONCE = 2 * 2**20


def read_parquet(stream: Stream) -> Iterator[Row]:
    """The rows of every group that is whole; a damaged group is one failure.

    Times become text of ISO 8601, decimals and spans numbers, bytes text where they are UTF-8 and null elsewhere.

    Raises:
        NotInstalled: pyarrow is not there.
        NotData: the end of the file, which describes all of it, is missing or damaged.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise NotInstalled(f"Parquet, which needs a package of 171 MB more: {INSTALL}") from error
    with stream.seekable() as file:
        try:
            table = parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BYTES_AT_ONCE // 2)
            groups = [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise NotData("a Parquet file that is cut off or damaged") from error
        begun = 0
        for number, group in enumerate(groups):
            each = max(1, group.total_byte_size // max(1, group.num_rows))
            size = max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // each))
            row = begun
            try:
                for batch in table.iter_batches(size, row_groups=[number], use_threads=False):
                    for value in batch.to_pylist():
                        row += 1
                        plain = _plain(value)
                        yield (row, plain, "") if is_storable(plain) else (row, None, "nested too deeply")
            except (pyarrow.ArrowException, OSError, ValueError):
                yield row + 1, None, f"damaged from here to row {begun + group.num_rows}"
            begun += group.num_rows


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return _plain(float(value))
        case timedelta():
            return value.total_seconds()
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
    return str(value)
