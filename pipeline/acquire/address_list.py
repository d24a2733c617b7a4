"""Lists of addresses that people have: text (one a line, # begins a comment), CSV, TSV, Parquet.

Columns are found by their names, whatever their case and punctuation; the address, where no name tells it, by
what stands there. A table without a header is read too, if its first line has an address.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from pipeline.acquire.addresses import is_web
from pipeline.errors import ConfigError, MissingInput


@dataclass(frozen=True, slots=True)
class Entry:
    address: str  # as it stands there; may be none at all
    page_url: str | None = None
    author: str | None = None
    title: str | None = None
    licence: str | None = None


# The first that is there counts.
_NAMES = {
    "address": "imageurl imgurl pictureurl photourl mediaurl fileurl downloadurl contenturl url urls "
    "imagelink imglink link address src href uri image img picture photo",
    "page_url": "pageurl page landingurl foreignlandingurl permalink posturl",
    "author": "author artist artistname photographer creator by credit",
    "title": "title caption text alt description",
    "licence": "licence license rights licenceurl licenseurl",
}
_PEEK = 100  # rows that are looked at for addresses

Row = Sequence[str | None]


def read(path: Path) -> Iterator[Entry]:
    """The entries in order; raises MissingInput or ConfigError where the file is no such list."""
    read_rows = _READERS.get(path.suffix.lower())
    try:
        if read_rows is None:
            with _opened(path) as file:
                lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in file)
                yield from (Entry(line) for line in lines if line)
        else:
            yield from _entries(read_rows(path), path)
    except (OSError, csv.Error, ValueError) as error:  # Arrow's errors are ValueErrors
        raise MissingInput(f"{path}: cannot be read as a list of addresses ({error})") from error


def _entries(rows: Iterator[Row], path: Path) -> Iterator[Entry]:
    """`rows`: the names of the columns, then the values."""
    header = next(rows, ())
    if any(is_web(cell or "") for cell in header):
        rows, header = chain([header], rows), [""] * len(header)
    start = list(islice(rows, _PEEK))
    columns = _columns(header, start)
    if "address" not in columns:
        there = ", ".join(name or "(no name)" for name in header) or "none"
        rule = f"need a column of addresses, named url; its columns are {there}"
        raise ConfigError("source.path", str(path), rule)
    for row in chain(start, rows):
        said = {name: row[column] or None for name, column in columns.items() if column < len(row)}
        if address := (said.pop("address", None) or "").strip():
            yield Entry(address, **said)


def _columns(header: Row, start: Iterable[Row]) -> dict[str, int]:
    """Where the fields of an Entry stand."""
    names = [re.sub(r"[\W_]+", "", name or "").lower() for name in header]
    found = {}
    for field in fields(Entry):
        column = next((names.index(name) for name in _NAMES[field.name].split() if name in names), None)
        if column is not None:
            found[field.name] = column
    if "address" not in found:
        column = next((i for row in start for i, cell in enumerate(row) if is_web(cell or "")), None)
        if column is not None:
            found["address"] = column
    return found


def _csv_rows(path: Path) -> Iterator[Row]:
    with _opened(path) as file:
        header = file.readline()
        delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=header.count)
        yield from csv.reader(chain([header], file), delimiter=delimiter)


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        texts = [field.name for field in file.schema_arrow if _is_text(field.type, pa.types)]
        yield texts
        for batch in file.iter_batches(4096, columns=texts):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _is_text(kind: Any, types: Any) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


_READERS = {".csv": _csv_rows, ".tsv": _csv_rows, ".parquet": _parquet_rows, ".pq": _parquet_rows}
