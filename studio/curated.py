"""What curation kept and left out, read from the processed manifest, with pictures of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import manifest
from pipeline.records import Key, ProcessedRow, RawRow
from studio import acquired, words
from studio.frames import Frame, frames
from studio.pictures import Embedded, evenly, sheet, thumbnail

COPIES = ("duplicate", "near_duplicate")
MOST_PER_REASON, MOST_GROUPS, MOST_COPIES, MOST_FRAMED, MOST_KEPT, MOST_AUTHORS = 12, 12, 4, 18, 96, 200
SIDE = 144  # px of a thumbnail


@dataclass(frozen=True, slots=True)
class Tile:
    """A thumbnail with its words."""

    picture: Embedded | None  # None: the file cannot be shown
    name: str
    note: str
    address: str | None
    frames: Sequence[Frame] = ()


@dataclass(frozen=True, slots=True)
class Rejects:
    slug: str
    meaning: str
    count: int
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that are one picture: the kept one and what was left out for it."""

    kept: Sequence[Tile]  # one, or none where it is gone
    copies: Sequence[Tile]
    untold: int


@dataclass(frozen=True, slots=True)
class Credit:
    author: str | None
    licence: str | None
    licence_address: str | None
    source: str
    count: int  # kept pictures


@dataclass(frozen=True, slots=True)
class Curated:
    """A dataset as a report shows it."""

    fetched: int  # pictures
    kept: int  # rows: pictures, or faces with faces = "all"
    rejected: int
    collections: Sequence[acquired.Collection]
    rejects: Sequence[Rejects]  # every reason but the copies, most frequent first
    copies: Mapping[str, int]  # duplicate and near_duplicate: rows
    groups: Sequence[Group]
    groups_untold: int
    framed: Sequence[Tile]
    has_faces: bool
    sheet: Embedded | None
    sheet_count: int
    credits: Sequence[Credit]
    credits_untold: int


def read(data: Path, name: str) -> Curated | None:
    """The dataset `name` under `data`, or None where it is no longer there."""
    path = manifest.processed_folder(data, name) / manifest.NAME
    if not path.exists():
        return None
    return _Reader(data, manifest.read(path, ProcessedRow)).curated()


class _Reader:
    def __init__(self, data: Path, rows: pa.Table) -> None:
        self.data = data
        self.rows = rows
        self.kept = rows.filter(pc.equal(rows["status"], "kept")).sort_by("number")
        self.rejected = rows.filter(pc.equal(rows["status"], "rejected"))
        self.used = _used(rows)
        self.raw = acquired.fetched(data, self.used)

    def curated(self) -> Curated:
        chosen = _some(self.kept, MOST_KEPT)
        groups, more_groups = self.groups()
        people, more_people = self.credits()
        return Curated(
            fetched=sum(self.used.values()),
            kept=self.kept.num_rows,
            rejected=self.rejected.num_rows,
            collections=acquired.collections(self.data, self.used),
            rejects=self.rejects(),
            copies={slug: count for slug, count in self.reasons().items() if slug in COPIES},
            groups=groups,
            groups_untold=more_groups,
            framed=self.framed(),
            has_faces=self.kept["face_left"].null_count < self.kept.num_rows,
            sheet=sheet([self.data / row.path for row in chosen if row.path], columns=12, tile=64),
            sheet_count=len(chosen),
            credits=people,
            credits_untold=more_people,
        )

    def reasons(self) -> Counter[str]:
        return Counter(self.rejected["reason"].to_pylist())

    def rejects(self) -> list[Rejects]:
        return [
            self.rejects_for(slug, count)
            for slug, count in self.reasons().most_common()
            if slug not in COPIES
        ]

    def rejects_for(self, slug: str, count: int) -> Rejects:
        rows = _some(self.rejected.filter(pc.equal(self.rejected["reason"], slug)), MOST_PER_REASON)
        return Rejects(slug, words.meaning(slug), count, self.tiles(rows))

    def groups(self) -> tuple[list[Group], int]:
        """Copies by the picture that was kept, and how many groups there are beyond those."""
        copies = self.rejected.filter(pc.is_in(self.rejected["reason"], pa.array(COPIES)))
        originals = Counter(copies["duplicate_of"].drop_null().to_pylist())
        shown = [original for original, _ in originals.most_common(MOST_GROUPS)]
        return [self.group(copies, original) for original in shown], len(originals) - len(shown)

    def group(self, copies: pa.Table, original: str) -> Group:
        kept = self.rows.filter(pc.equal(self.rows["image_id"], original)).slice(0, 1)
        same = copies.filter(pc.equal(copies["duplicate_of"], original))
        return Group(
            kept=self.tiles(manifest.rows(kept, ProcessedRow)),
            copies=self.tiles(manifest.rows(same.slice(0, MOST_COPIES), ProcessedRow)),
            untold=max(0, same.num_rows - MOST_COPIES),
        )

    def framed(self) -> list[Tile]:
        """Kept pictures with what was cut out of them, and the face that decided it; none if nothing was."""
        rows = _some(self.kept.filter(pc.is_valid(self.kept["crop_left"])), MOST_FRAMED)
        return [tile for tile in self.tiles(rows) if tile.frames]

    def tiles(self, rows: Iterable[ProcessedRow]) -> list[Tile]:
        rows = list(rows)
        raw = acquired.by_key(self.raw, map(_key, rows))
        return [self.tile(row, raw.get(_key(row))) for row in rows]

    def tile(self, row: ProcessedRow, raw: RawRow | None) -> Tile:
        if raw is None or raw.path is None:
            return Tile(None, row.source_id, "", words.web_address(row.source_url))
        picture = thumbnail(self.data / raw.path, SIDE)
        return Tile(
            picture,
            name=raw.title or row.source_id,
            note=_note(row, raw),
            address=words.web_address(raw.page_url or raw.source_url),
            frames=_frames(row, picture) if picture else (),
        )

    def credits(self) -> tuple[list[Credit], int]:
        columns = (self.kept[column].to_pylist() for column in ("author", "licence", "source"))
        people = Counter(zip(*columns, strict=True))
        shown = [
            Credit(author, licence, words.LICENCES.get(licence or ""), source, count)
            for (author, licence, source), count in people.most_common(MOST_AUTHORS)
        ]
        return shown, len(people) - len(shown)


def _used(rows: pa.Table) -> dict[tuple[str, str], int]:
    """Pictures (not faces) by (source, collection), in order of appearance."""
    first = rows.filter(pc.less_equal(pc.fill_null(rows["face"], 0), 0))
    return Counter(zip(first["source"].to_pylist(), first["collection"].to_pylist(), strict=True))


def _some(rows: pa.Table, most: int) -> list[ProcessedRow]:
    chosen = pa.array(evenly(rows.num_rows, most), pa.int64())
    return list(manifest.rows(rows.take(chosen), ProcessedRow))


def _key(row: ProcessedRow) -> Key:
    return Key(row.source, row.collection, row.source_id, row.item)


_MEASURED = {  # by what a picture was rejected
    "blurry": "sharpness",
    "dark": "brightness",
    "bright": "brightness",
    "flat": "contrast",
    "colorless": "colorfulness",
}


def _note(row: ProcessedRow, raw: RawRow) -> str:
    """What can be said in two words of why this picture has its fate."""
    size = f"{raw.width} \N{MULTIPLICATION SIGN} {raw.height} px"
    measured = _MEASURED.get(row.reason or "")
    if measured is not None and getattr(row, measured) is not None:
        return f"{measured} {getattr(row, measured):.3g}"
    words = {"duplicate": "same file, ", "near_duplicate": "nearly the same, "}.get(row.reason or "")
    if words is not None:
        return words + size
    return size if row.face_score is None else f"{size}, face {row.face_score:.2f}"


def _frames(row: ProcessedRow, picture: Embedded) -> list[Frame]:
    """What was cut out, and the face; none where that is the whole picture."""
    found = frames(row, picture.scale)
    cut = any(abs(it.width - picture.width) > 1 or abs(it.height - picture.height) > 1 for it in found)
    return found if cut else []
