"""Numbers of kept pictures: given once, for life.

The manifest holds those of its own rows. Numbers of others, of faces when faces are not looked for or of
pictures that a recipe leaves out for a while, wait in a table beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pipeline import manifest
from pipeline.records import Key

_WAITING = "numbers.parquet"


class FaceKey(NamedTuple):
    """What a processed row is known by, however it is cropped."""

    picture: Key
    face: int | None

    @classmethod
    def of(cls, picture: Key, face: int | None) -> FaceKey:
        """The most prominent face, the first, stands for the picture as its middle does."""
        return cls(picture, face or None)


@dataclass(slots=True)
class Numbers:
    """Each is given once: its row keeps it, even while it is rejected, and new rows go on from the last."""

    given: dict[FaceKey, int] = field(default_factory=dict)
    last: int = 0

    def of(self, key: FaceKey, kept: bool) -> int | None:
        if kept and key not in self.given:
            self.last += 1
            self.given[key] = self.last
        return self.given.get(key)


@dataclass(slots=True)
class Numbered:
    """A row of a dataset by what it is known by, and the number that was given to it."""

    image_id: str
    source: str
    collection: str
    source_id: str
    item: int
    face: int | None
    number: int | None

    @property
    def key(self) -> FaceKey:
        return FaceKey.of(Key(self.source, self.collection, self.source_id, self.item), self.face)


def waiting(folder: Path) -> list[Numbered]:
    """Those of a dataset's folder."""
    return list(manifest.rows(manifest.read(folder / _WAITING, Numbered), Numbered))


def keep_waiting(folder: Path, numbered: Iterable[Numbered]) -> None:
    path, rows = folder / _WAITING, manifest.table(numbered, Numbered)
    if len(rows) or path.exists():
        manifest.write(rows, path, {})


def give_up(folder: Path, ids: Collection[str]) -> None:
    """Those of pictures with these image_ids wait no longer; nobody else gets them."""
    keep_waiting(folder, [one for one in waiting(folder) if one.image_id not in ids])
