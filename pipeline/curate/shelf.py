"""What was found out about pictures, kept for every recipe: data/cache/facts/KIND/NNNNNN.parquet.

Facts are keyed by the sha256 of the picture's bytes; KIND names what computed them and its version. So a
changed margin detects no face again, a changed detector measures nothing again, and recipes share what they
know. Shards are published one by one: whatever is killed loses what is not in one yet. Everything here can be
computed again; deleting data/cache costs time only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import manifest, store
from pipeline.curate import duplicates, quality
from pipeline.curate.duplicates import Likeness
from pipeline.curate.faces import DETECTORS
from pipeline.curate.facts import FaceFacts, PictureFacts, Thumb

_LARGE = 16_384  # rows: fuller shards are left as they are
# Nothing is compressed, for hashes and thumbnails are noise. Where a group holds nothing that is wanted, only
# its names are read.
_GROUP = 256  # rows
_MANY = 32  # small shards: more are merged

F = TypeVar("F", PictureFacts, Thumb, FaceFacts)


class Shelf(Generic[F]):
    """The facts of one kind. One process writes at a time: the run that holds the data directory."""

    def __init__(self, data: Path, kind: str, record: type[F]) -> None:
        self._folder = _root(data) / kind
        self._record: type[F] = record

    def read(self, ids: Collection[str]) -> dict[str, list[F]]:
        """The facts of those of `ids` that are known, in the order in which each was added."""
        wanted = frozenset(ids)
        known: dict[str, list[F]] = {}
        for path in _shards(self._folder):
            here: dict[str, list[F]] = {}
            with pq.ParquetFile(path) as shard:
                for table in _groups(shard, wanted):
                    for row in manifest.rows(table, self._record):
                        here.setdefault(row.image_id, []).append(row)
            known |= here  # the same again where a merge was killed before it removed what it merged
        return known

    def add(self, facts: Iterable[F]) -> None:
        """Publish a shard, of pictures that are not known yet."""
        table = manifest.table(facts, self._record)
        if len(table):
            _write(table, _next(self._folder))


def _groups(shard: pq.ParquetFile, wanted: Set[str]) -> Iterator[pa.Table]:
    """Of each group of rows those that are wanted."""
    for group in range(shard.num_row_groups):
        names = shard.read_row_group(group, ["image_id"], use_threads=False)["image_id"].to_pylist()
        rows = [row for row, name in enumerate(names) if name in wanted]
        if rows:
            table = shard.read_row_group(group, use_threads=False)
            yield table if len(rows) == len(names) else table.take(rows)


def pictures(data: Path) -> Shelf[PictureFacts]:
    return Shelf(data, f"pictures-{quality.VERSION}", PictureFacts)


def thumbs(data: Path) -> Shelf[Thumb]:
    return Shelf(data, f"thumbs-{quality.VERSION}", Thumb)


def faces(data: Path, detector: str) -> Shelf[FaceFacts]:
    return Shelf(data, f"faces-{detector}-{DETECTORS[detector].version}", FaceFacts)


def likenesses(data: Path, name: str) -> list[Likeness]:
    """What the last curation of this dataset knew of its pictures' likeness."""
    return list(manifest.rows(manifest.read(_likenesses(data, name), Likeness), Likeness))


def write_likenesses(data: Path, name: str, known: Iterable[Likeness]) -> None:
    manifest.write(manifest.table(known, Likeness), _likenesses(data, name), {})


def forget(data: Path, ids: Collection[str]) -> None:
    """Remove what is known of these pictures by themselves."""
    gone = frozenset(ids)
    for path in (path for folder in _root(data).glob("*/") for path in _shards(folder)):
        table = pq.read_table(path)
        left = manifest.where(table, "image_id", lambda name: name not in gone)
        if len(left) < len(table):
            _write(left, path)


def tidy(data: Path) -> None:
    """Merge small shards, so that reading stays quick."""
    for folder in _root(data).glob("*/"):
        small = [path for path in _shards(folder) if pq.read_metadata(path).num_rows < _LARGE]
        if len(small) > _MANY:
            _merge(small, _next(folder))
            for path in small:
                path.unlink()


def _root(data: Path) -> Path:
    return data / "cache" / "facts"


def _likenesses(data: Path, name: str) -> Path:
    # By the version of what was compared, too: what is alike by other facts has to be found anew.
    kind = f"likenesses-{quality.VERSION}-{duplicates.VERSION}"
    return data / "cache" / kind / f"{name}.parquet"


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.parquet"))


def _next(folder: Path) -> Path:
    last = max((int(shard.stem) for shard in _shards(folder)), default=0)
    return folder / f"{last + 1:06d}.parquet"


def _merge(shards: Sequence[Path], path: Path) -> None:
    """One after the other: all at once would be as large as the pictures are many."""
    schema = pq.read_schema(shards[0])
    with (
        store.beside(path, durable=False) as temporary,
        pq.ParquetWriter(temporary, schema, compression="none", use_dictionary=False) as merged,
    ):
        for shard in shards:
            merged.write_table(pq.read_table(shard), row_group_size=_GROUP)


def _write(table: pa.Table, path: Path) -> None:
    with store.beside(path, durable=False) as temporary:
        pq.write_table(table, temporary, row_group_size=_GROUP, compression="none", use_dictionary=False)
