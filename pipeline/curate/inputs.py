"""What curation takes from acquisition: the fetched pictures that a recipe selects, each once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa

from pipeline import manifest
from pipeline.errors import MissingInput
from pipeline.records import Key, Selection


@dataclass(frozen=True, slots=True)
class Picture:
    """The columns of a raw row that a processed row depends on."""

    image_id: str
    source: str
    collection: str
    source_id: str
    item: int
    source_url: str
    author: str | None
    licence: str | None
    path: str  # relative to the data directory

    @property
    def key(self) -> Key:
        return Key(self.source, self.collection, self.source_id, self.item)


_COLUMNS = [column.name for column in fields(Picture)]


def selected(data: Path, selections: Sequence[Selection]) -> pa.Table:
    """Raises MissingInput where nothing was acquired yet."""
    folders = [manifest.raw_folder(data, one.source, one.collection) for one in selections]
    if not any((folder / manifest.NAME).exists() for folder in folders):
        raise MissingInput(
            f"{data}: nothing was acquired for this recipe yet; run `impasto scrape` on it first"
        )
    return manifest.selected(data, selections, _COLUMNS)


def digest(rows: pa.Table) -> str:
    return manifest.digest(rows, _COLUMNS)


def pictures(rows: pa.Table) -> list[Picture]:
    """In manifest order; one that two selections share counts where it comes first."""
    found: dict[Key, Picture] = {}
    for row in manifest.rows(rows, Picture):
        key = row.key
        if key not in found:
            found[key] = Picture(
                image_id=row.image_id,
                source=sys.intern(row.source),  # what many rows say is held once: they are many
                collection=sys.intern(row.collection),
                source_id=row.source_id,
                item=row.item,
                source_url=row.source_url,
                author=_once(row.author),
                licence=_once(row.licence),
                path=row.path,
            )
    return list(found.values())


def _once(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)
