"""A published dataset, data/processed/NAME/: what is there from earlier runs, and how the next replaces it.

Squares are cut into a folder beside the pictures and named by what they show, so that a killed run finds
them again. Publishing moves them to their numbers, writes the manifest, and removes what it no longer names.
A marker lies there meanwhile: where a run was killed between, the pictures may be newer than the manifest,
and only those still count whose hash it holds.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline import manifest, store
from pipeline.curate import crop
from pipeline.curate.config import CurateConfig
from pipeline.curate.crop import Square
from pipeline.curate.encode import SUFFIX
from pipeline.curate.look import square_name
from pipeline.curate.numbers import FaceKey, Numbered, Numbers, keep_waiting, waiting
from pipeline.records import ProcessedRow

_MARKER = ".publishing"


@dataclass(slots=True)
class Published(Numbered):
    """The columns of a processed row that the next publishing depends on: reading all takes twice as long."""

    path: str | None
    sha256: str | None
    crop_left: int | None
    crop_top: int | None
    crop_right: int | None
    crop_bottom: int | None
    crop_angle: float | None = None


def done(data: Path, name: str, key: str) -> bool:
    """Whether the manifest was made under `key`, and all that it names is there."""
    folder = manifest.processed_folder(data, name)
    path = folder / manifest.NAME
    if manifest.meta(path).get("key") != key or (folder / _MARKER).exists():
        return False
    named = manifest.read(path, ProcessedRow, ["path"])["path"].drop_null().to_pylist()
    present = _present(folder / "images")
    return all(_name(path) in present for path in named)


def read(data: Path, name: str) -> pa.Table:
    return manifest.read(manifest.processed_folder(data, name) / manifest.NAME, ProcessedRow)


class Dataset:
    def __init__(self, data: Path, name: str, config: CurateConfig, *, trusted: bool = True) -> None:
        """What was published before; where it is not `trusted`, its numbers hold, its pictures do not."""
        self._data, self._config = data, config
        self._folder = manifest.processed_folder(data, name)
        self._images, self._marker = self._folder / "images", self._folder / _MARKER
        self._prefix = self._images.relative_to(data).as_posix()
        # All that a cut depends on beside the picture and the square.
        parts = (crop.VERSION, config.size, config.format, config.channels, config.pad_color[1:].lower())
        self._cut = "-".join(str(part) for part in parts if part != "")
        self.squares = self._folder / f".squares-{self._cut}"
        if not trusted:
            store.remove_folder(self.squares)
        meta = manifest.meta(self._folder / manifest.NAME)
        published = list(manifest.rows(read(data, name), Published))
        self._files = store.sizes(self._images)
        self._last_number = int(meta.get("last_number", 0))
        rows = (*waiting(self._folder), *published)
        self._given = {row.key: row for row in rows if row.number is not None}
        self._there = dict(self._found(published)) if trusted and meta.get("cut") == self._cut else {}

    def numbers(self) -> Numbers:
        given = {key: row.number for key, row in self._given.items() if row.number is not None}
        return Numbers(given, self._last_number)

    def to_cut(self, rows: Iterable[ProcessedRow]) -> list[ProcessedRow]:
        """The kept `rows` of which there is no picture yet, neither published nor cut."""
        cut = _present(self.squares)
        return [
            row
            for row in rows
            if row.status == "kept" and self._same(row) is None and self._square(row) not in cut
        ]

    def publish(self, rows: Sequence[ProcessedRow], numbers: Numbers, key: str) -> pa.Table:
        """Every kept row must be cut or unchanged. Returns the manifest."""
        store.write_text(self._marker, "")
        store.make_folder(self._images)
        placed = list(self._placed(rows))
        table = manifest.table(rows, ProcessedRow)
        for at, column in enumerate(("path", "sha256")):
            values = pa.array([place[at] for place in placed], pa.string())
            table = table.set_column(table.schema.get_field_index(column), table.schema.field(column), values)
        beside_them = zip(rows, placed, strict=True)
        new = [path for row, (path, _) in beside_them if path and not self._same(row)]
        store.persist(self._data, new)
        here = {FaceKey.of(row.key, row.face) for row in rows}
        keep_waiting(self._folder, [row for key, row in self._given.items() if key not in here])
        meta = {"key": key, "cut": self._cut, "last_number": str(numbers.last)}
        manifest.write(table, self._folder / manifest.NAME, meta)
        named = {_name(path) for path, _ in placed if path}
        store.sweep(self._folder)
        with store.requests(self._data) as each:
            stale = (self._images / name for name in self._files.keys() - named)
            deque(each(lambda path: path.unlink(), stale), 0)
        for squares in self._folder.glob(".squares-*"):
            store.remove_folder(squares)
        self._marker.unlink()
        return table

    def _found(self, published: Iterable[Published]) -> Iterable[tuple[int, Published]]:
        torn = self._marker.exists()
        for row in published:
            if row.path is None or row.number is None or not self._files.get(_name(row.path)):
                continue
            if not torn or _sha256((self._data / row.path).read_bytes()) == row.sha256:
                yield row.number, row

    def _same(self, row: ProcessedRow) -> Published | None:
        """The published row that shows what `row` asks for."""
        old = self._there.get(row.number or 0)
        return old if old is not None and _shown(old) == _shown(row) else None

    def _square(self, row: ProcessedRow) -> str:
        _, (left, top, right, _), angle = _shown(row)
        return square_name(row.image_id, Square(left, top, right - left, angle), self._config)

    def _placed(self, rows: Sequence[ProcessedRow]) -> Iterator[tuple[str | None, str | None]]:
        """Path and sha256 of each row's picture, which is moved there where it is a new one."""
        squares = [self._square(row) if row.status == "kept" else None for row in rows]
        uses = Counter(squares)

        def place(kept: tuple[ProcessedRow, str | None]) -> tuple[str | None, str | None]:
            row, square = kept
            if square is None:
                return None, None
            if (old := self._same(row)) is not None:
                return old.path, old.sha256
            cut = self.squares / square
            content = cut.read_bytes()
            name = f"{row.number:06d}{SUFFIX[self._config.format]}"
            uses[square] -= 1
            if uses[square]:  # with dedupe = "off" the same square may be wanted again
                store.write_bytes(self._images / name, content, durable=False)
            else:
                store.move(cut, self._images / name, content)
            return f"{self._prefix}/{name}", _sha256(content)

        with store.requests(self._data) as each:
            yield from each(place, zip(rows, squares, strict=True))


def _shown(row: ProcessedRow | Published) -> tuple[str, tuple[int, int, int, int], float]:
    left, top, right, bottom = row.crop_left, row.crop_top, row.crop_right, row.crop_bottom
    return row.image_id, (left or 0, top or 0, right or 0, bottom or 0), row.crop_angle or 0.0


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _present(folder: Path) -> set[str]:
    """Names of the files in `folder` that are not empty."""
    return {name for name, size in store.sizes(folder).items() if size}
