"""Contact sheets: every kept picture, and every rejected one by its reason, with what was found drawn on it.

kept-001.png …  near_duplicate-001.png …: up to 80 pictures each. The crop is framed in green, the face in
orange. Under a kept picture stands its number, under a rejected one the beginning of its image_id: `impasto
keep` and `impasto drop` take both. Copies stand in groups, the kept one first and green.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw

from pipeline import manifest, store
from pipeline.errors import MissingInput
from pipeline.records import Key, ProcessedRow, RawRow
from studio.frames import frames
from studio.pictures import small

_SIDE, _LABEL, _GAP = 144, 14, 6  # px
_COLUMNS, _ROWS = 10, 8
_GREEN, _INK = "#1e9e4a", "#333333"
_COLOURS = {"crop": _GREEN, "face": "#ff8a00"}
_COPIES = ("duplicate", "near_duplicate")


def write(data: Path, name: str, folder: Path) -> list[Path]:
    """The sheets' paths; sheets of earlier calls that are no more are removed. Raises MissingInput."""
    path = manifest.processed_folder(data, name) / manifest.NAME
    if not path.exists():
        raise MissingInput(f"{path}: no such dataset yet; run `impasto preprocess` on its recipe first")
    rows = list(manifest.rows(manifest.read(path, ProcessedRow), ProcessedRow))
    files = _files(data, rows)
    pages = []
    for reason in sorted({row.reason or "kept" for row in rows}):
        tiles = _grouped(rows, reason) if reason in _COPIES else _plain(rows, reason)
        pages += [
            _publish(page, folder / f"{reason}-{number:03}.png", files)
            for number, page in enumerate(_pages(tiles), start=1)
        ]
    for old in {*folder.glob("*-[0-9][0-9][0-9].png")} - {*pages}:
        old.unlink()
    return pages


def _plain(rows: Iterable[ProcessedRow], reason: str) -> list[ProcessedRow]:
    return [row for row in rows if (row.reason or "kept") == reason]


def _grouped(rows: Sequence[ProcessedRow], reason: str) -> list[ProcessedRow]:
    """Each kept picture before its copies."""
    kept = {row.image_id: row for row in rows if row.status == "kept"}
    copies = sorted(_plain(rows, reason), key=lambda row: row.duplicate_of or "")
    tiles: list[ProcessedRow] = []
    for of, group in groupby(copies, key=lambda row: row.duplicate_of or ""):
        tiles += [kept[of]] if of in kept else []
        tiles += group
    return tiles


def _files(data: Path, rows: Iterable[ProcessedRow]) -> dict[Key, Path]:
    """The raw file of every row."""
    files: dict[Key, Path] = {}
    for source, collection in {(row.source, row.collection) for row in rows}:
        path = manifest.raw_folder(data, source, collection) / manifest.NAME
        for row in manifest.rows(manifest.read(path, RawRow), RawRow):
            if row.path is not None:
                files[row.key] = data / row.path
    return files


def _pages(tiles: Sequence[ProcessedRow]) -> Iterator[Sequence[ProcessedRow]]:
    for start in range(0, len(tiles), _COLUMNS * _ROWS):
        yield tiles[start : start + _COLUMNS * _ROWS]


def _publish(tiles: Sequence[ProcessedRow], path: Path, files: dict[Key, Path]) -> Path:
    step_x, step_y = _SIDE + _GAP, _SIDE + _LABEL + _GAP
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), "white")
    pencil = ImageDraw.Draw(sheet)
    for place, row in enumerate(tiles):
        left, top = _GAP + place % columns * step_x, _GAP + place // columns * step_y
        sheet.paste(_tile(row, files), (left, top))
        kept = row.status == "kept"
        label = f"{row.number:06d} kept" if kept else row.image_id[:12]
        pencil.text((left, top + _SIDE), label, _GREEN if kept else _INK)
    with store.beside(path, durable=False) as part:
        sheet.save(part, "PNG")
    return path


def _tile(row: ProcessedRow, files: dict[Key, Path]) -> Image.Image:
    """_SIDE × _SIDE: the raw picture with its boxes; white where it cannot be read."""
    tile = Image.new("RGB", (_SIDE, _SIDE), "white")
    path = files.get(Key(row.source, row.collection, row.source_id, row.item))
    found = small(path, _SIDE) if path else None
    if found is None:
        return tile
    picture, scale = found
    pencil = ImageDraw.Draw(picture)
    for frame in frames(row, scale):
        corners = frame.corners
        pencil.line([*corners, *corners[:2]], _COLOURS[frame.kind], 2, joint="curve")
    tile.paste(picture, ((_SIDE - picture.width) // 2, (_SIDE - picture.height) // 2))
    return tile
