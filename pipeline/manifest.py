"""Manifests: one Parquet file per collection or dataset, read and written whole.

A manifest is the ledger of its stage. Its footer carries what the stage was computed from (`meta`), so
whether a stage is done can be told from the file alone.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import hashlib
import operator
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import store
from pipeline.errors import MissingInput
from pipeline.records import RawRow, Selection

NAME = "manifest.parquet"
_PREFIX = "impasto."
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ARROW = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    dt.datetime: pa.timestamp("us", tz="UTC"),
    bytes: pa.binary(),
    list[float]: pa.list_(pa.float64()),
}


_SCHEMAS: dict[type[Any], pa.Schema] = {}  # made once: that takes as long as making a thousand records

R = TypeVar("R")  # a record: a dataclass whose fields are the columns


def schema(record: type[Any]) -> pa.Schema:
    """The Arrow schema of a record type: a column per field, nullable where the field may be None."""
    if record not in _SCHEMAS:
        hints = get_type_hints(record, include_extras=True)
        _SCHEMAS[record] = pa.schema([_column(name, hint) for name, hint in hints.items()])
    return _SCHEMAS[record]


def _column(name: str, hint: Any) -> pa.Field:
    nullable = get_origin(hint) is types.UnionType or type(None) in get_args(hint)
    if nullable:
        hint = next(part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is Annotated:
        return pa.field(name, pa.type_for_alias(get_args(hint)[1]), nullable)
    return pa.field(name, _ARROW[hint], nullable)


def table(rows: Iterable[R], record: type[R]) -> pa.Table:
    columns = schema(record)
    values = map(operator.attrgetter(*columns.names), rows)
    by_column = list(zip(*values, strict=True)) or [()] * len(columns)
    arrays = [pa.array(column, field.type) for column, field in zip(by_column, columns, strict=True)]
    return pa.Table.from_arrays(arrays, schema=columns)


def rows(data: pa.Table, record: type[R]) -> Iterator[R]:
    names = schema(record).names
    for batch in data.select(names).to_batches(max_chunksize=4096):
        for values in zip(*map(_values, batch.columns), strict=True):
            yield record(*values)


def read(path: Path, record: type[R], columns: Sequence[str] | None = None) -> pa.Table:
    """The manifest at `path`, or an empty table where there is none yet."""
    if not path.exists():
        empty = pa.Table.from_batches([], schema(record))  # empty_table would import pandas too
        return empty.select(list(columns)) if columns else empty
    try:
        with pq.ParquetFile(_there(path)) as file:  # read_table would import pandas: a second at the start
            return _completed(file.read(columns=list(columns) if columns else None), record, columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise MissingInput(f"{path}: not a readable manifest ({error}); move it away, run again") from error


def _completed(found: pa.Table, record: type[Any], columns: Sequence[str] | None) -> pa.Table:
    """A manifest of an earlier version, with the columns that came since: nobody knew them then."""
    for field in schema(record):
        wanted = field.nullable and (columns is None or field.name in columns)
        if wanted and field.name not in found.column_names:
            found = found.append_column(field, pa.nulls(len(found), field.type))
    return found


def write(data: pa.Table, path: Path, meta: Mapping[str, str]) -> None:
    """Publish a manifest: whole, durable, zstd-compressed, with `meta` in its footer."""
    footer = {(_PREFIX + key).encode(): value.encode() for key, value in meta.items()}
    with store.beside(path) as temporary:
        pq.write_table(data.replace_schema_metadata(footer), temporary, compression="zstd")


def meta(path: Path) -> dict[str, str]:
    """What the footer says; empty where there is no manifest."""
    if not path.exists():
        return {}
    footer = pq.read_schema(_there(path)).metadata or {}
    return {
        key.decode().removeprefix(_PREFIX): value.decode()
        for key, value in footer.items()
        if key.startswith(_PREFIX.encode())
    }


def _there(path: Path) -> Path | pa.BufferReader:
    """As Arrow reads it; from an object store all at once, for manifests are small and answers slow."""
    return path if store.is_local(path) else pa.BufferReader(path.read_bytes())


def digest(data: pa.Table, columns: Sequence[str]) -> str:
    """sha256 (hex) over the values of `columns` in row order; the same on every machine and Arrow version."""
    hasher = hashlib.sha256("\x1e".join(columns).encode())
    for batch in data.select(list(columns)).to_batches(max_chunksize=4096):
        for values in zip(*map(_values, batch.columns), strict=True):
            hasher.update(repr(values).encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def _values(column: pa.Array) -> list[Any]:
    """The column as Python values; times are made here, as Arrow would import pandas for them."""
    if not pa.types.is_timestamp(column.type):
        return list(column.to_pylist())
    microseconds = column.cast(pa.int64()).to_pylist()
    return [None if value is None else _EPOCH + dt.timedelta(microseconds=value) for value in microseconds]


def raw_folder(data: Path, source: str, collection: str) -> Path:
    return data / "raw" / source / collection


def processed_folder(data: Path, name: str) -> Path:
    return data / "processed" / name


def selected(data: Path, selections: Sequence[Selection], columns: Sequence[str]) -> pa.Table:
    """`columns` of the fetched raw rows that a recipe uses: selections in order, rows in manifest order."""
    tables = [_selected(data, selection, columns).select(list(columns)) for selection in selections]
    if not tables:
        return pa.Table.from_batches([], schema(RawRow)).select(list(columns))
    return pa.concat_tables(tables)


def _selected(data: Path, selection: Selection, columns: Sequence[str]) -> pa.Table:
    path = raw_folder(data, selection.source, selection.collection) / NAME
    needed = list(dict.fromkeys([*columns, "status", "source_id"]))
    fetched = where(read(path, RawRow, needed), "status", lambda status: status == "fetched")
    if selection.include:
        globs = selection.include
        fetched = where(
            fetched, "source_id", lambda name: any(fnmatch.fnmatchcase(name, glob) for glob in globs)
        )
    return fetched if selection.limit is None else fetched.slice(0, selection.limit)


def where(data: pa.Table, column: str, holds: Callable[[Any], bool]) -> pa.Table:
    """The rows of which it holds. Arrow's own comparison with a Python value would import pandas."""
    keep = np.packbits(
        np.array([holds(value) for value in data[column].to_pylist()], bool), bitorder="little"
    )
    return data.filter(pa.Array.from_buffers(pa.bool_(), len(data), [None, pa.py_buffer(keep)]))
