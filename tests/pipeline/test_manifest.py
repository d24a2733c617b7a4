"""Manifests: what is written is what is read, by us and by others, and only whole."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import manifest
from pipeline.errors import MissingInput
from pipeline.records import ProcessedRow, RawRow, Selection

ROW = RawRow(
    image_id="ab" * 32,
    source="folder",
    collection="cats-00000000",
    source_id="a/1.jpg",
    item=0,
    source_url="file:///cats/a/1.jpg",
    page_url=None,
    author="Anna",
    title="Naïve cat\n№ 1",
    published_at=dt.datetime(1880, 1, 1, tzinfo=dt.UTC),
    fetched_at=dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC),
    licence="CC-BY-4.0",
    path="raw/folder/cats-00000000/ab/abab.jpg",
    bytes=123,
    width=10,
    height=20,
    format="jpeg",
    status="fetched",
    reason=None,
    detail=None,
    attempts=1,
)


def write(folder: Path, rows: list[RawRow], **meta: str) -> Path:
    path = folder / manifest.NAME
    manifest.write(manifest.table(rows, RawRow), path, meta)
    return path


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(text, text, st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)))
def test_any_row_survives_the_file(tmp_path_factory, source_id, title, size):
    row = dataclasses.replace(ROW, source_id=source_id, title=title, bytes=size)
    path = write(tmp_path_factory.mktemp("m"), [row])
    assert list(manifest.rows(manifest.read(path, RawRow), RawRow)) == [row]


def test_others_read_it_as_ordinary_typed_parquet(tmp_path):
    path = write(tmp_path, [ROW, dataclasses.replace(ROW, image_id=None, bytes=None)])
    frame = pd.read_parquet(path)
    assert list(frame.columns) == [field.name for field in dataclasses.fields(RawRow)]
    assert str(frame["fetched_at"].dtype).startswith("datetime64[us, UTC")
    assert pq.ParquetFile(path).metadata.row_group(0).column(1).compression == "ZSTD"


def test_a_hash_of_64_bits_keeps_its_highest_bit():
    phash = manifest.schema(ProcessedRow).field("phash")
    assert phash.type == pa.uint64()
    assert phash.nullable


def test_the_footer_tells_what_the_manifest_was_made_from(tmp_path):
    path = write(tmp_path, [ROW], key="k1", high_water="7")
    assert manifest.meta(path) == {"key": "k1", "high_water": "7"}
    assert manifest.meta(tmp_path / "none.parquet") == {}


def test_a_missing_manifest_is_empty_and_a_damaged_one_is_said(tmp_path):
    assert len(manifest.read(tmp_path / "none.parquet", RawRow)) == 0
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(MissingInput, match=r"bad\.parquet"):
        manifest.read(tmp_path / "bad.parquet", RawRow)


def test_a_manifest_of_before_a_column_came_is_read_with_nothing_in_it(tmp_path):
    path = tmp_path / manifest.NAME
    manifest.write(manifest.table([ROW], RawRow).drop_columns(["genre", "style"]), path, {})
    assert list(manifest.rows(manifest.read(path, RawRow), RawRow)) == [ROW]
    assert manifest.read(path, RawRow, ["style", "status"]).to_pylist() == [
        {"style": None, "status": "fetched"}
    ]


def test_digest_depends_on_values_and_order_of_the_named_columns_alone():
    other = dataclasses.replace(ROW, image_id="cd" * 32)
    later = dataclasses.replace(ROW, attempts=9)
    digest = [
        manifest.digest(manifest.table(rows, RawRow), ["image_id", "item"])
        for rows in ([ROW, other], [later, other], [other, ROW], [ROW])
    ]
    assert digest[0] == digest[1]
    assert len(set(digest)) == 3


def test_digest_is_the_same_however_the_table_is_chunked():
    rows = [dataclasses.replace(ROW, item=index) for index in range(10)]
    whole = manifest.table(rows, RawRow)
    pieces = pa.concat_tables([whole.slice(0, 3), whole.slice(3)])
    assert manifest.digest(whole, ["item"]) == manifest.digest(pieces, ["item"])


def test_a_selection_takes_fetched_rows_that_match_in_manifest_order(tmp_path):
    rows = [
        dataclasses.replace(ROW, source_id=name, status=status)
        for name, status in [("b/1", "fetched"), ("a/1", "failed"), ("b/2", "fetched"), ("c/1", "fetched")]
    ]
    write(manifest.raw_folder(tmp_path, "folder", "x"), rows)

    def chosen(**kwargs):
        selection = Selection("folder", "x", **kwargs)
        return manifest.selected(tmp_path, [selection], ["item", "source_id"])["source_id"].to_pylist()

    assert chosen() == ["b/1", "b/2", "c/1"]
    assert chosen(include=("b/*",)) == ["b/1", "b/2"]
    assert chosen(limit=2) == ["b/1", "b/2"]
    assert chosen(include=("c/*",), limit=1) == ["c/1"]


def test_a_writer_killed_on_the_way_leaves_the_old_manifest(tmp_path):
    path = write(tmp_path, [ROW], key="old")
    code = textwrap.dedent(f"""
        import os, signal, pathlib
        from pipeline import store
        with store.beside(pathlib.Path({str(path)!r})) as part:
            part.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    ended = subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": "."})
    assert ended.returncode == -9
    assert manifest.meta(path) == {"key": "old"}
    assert len(manifest.read(path, RawRow)) == 1
