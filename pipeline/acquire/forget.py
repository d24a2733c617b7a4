"""Taking pictures out for good: the files go, a row stays as a tombstone that later acquisitions honour."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection as Group
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipeline import manifest
from pipeline.acquire import journal
from pipeline.acquire.collection import Collection
from pipeline.errors import ConfigError
from pipeline.records import RawRow

_NOTHING: dict[str, Any] = dict.fromkeys(
    "page_url author title year genre style published_at fetched_at licence path bytes width height format "
    "reason".split()
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    rows: int  # that became tombstones now
    named: frozenset[str]  # image_ids of what was asked for, forgotten before or not
    images: frozenset[str]  # image_ids whose bytes are gone from data/raw, now or before


def forget(
    data: Path,
    *,
    urls: Group[str] = (),
    authors: Group[str] = (),
    images: Group[str] = (),
    within: Group[tuple[str, str]] | None = None,
) -> Forgotten:
    """Forget every picture with one of these addresses (of its bytes or its page), authors or image ids.

    They are looked for in the collections `within` (source, collection), None for all; their bytes go
    wherever else they were found. A tombstone keeps by what the picture is known again, and nothing else.
    Killed half-way, any later call ends it. Of an image id the first 8 digits will do, if no other begins
    so; else raises ConfigError.
    """
    collections = [Collection(data, *names) for names in _names(data)]
    for known in collections:
        known.fold()
    rows = [row for known in collections for row in known.rows.values()]
    images = {_meant(image, rows) for image in images}
    named = {
        row.key
        for row in rows
        if (within is None or (row.source, row.collection) in within)
        and (
            row.source_url in urls or row.page_url in urls or row.author in authors or row.image_id in images
        )
    }
    ids = {row.image_id for row in rows if row.image_id and (row.key in named or row.status == "forgotten")}
    count = 0
    for known in collections:
        doomed = {
            row.key: dataclasses.replace(row, status="forgotten", detail=None, **_NOTHING)
            for row in known.rows.values()
            if row.status != "forgotten" and (row.key in named or row.image_id in ids)
        }
        count += len(doomed)
        known.publish({**known.rows, **doomed}, known.listing)
        for image_id in ids:
            for file in (known.folder / image_id[:2]).glob(f"{image_id}.*"):
                file.unlink(missing_ok=True)
    asked = {row.image_id for row in rows if row.image_id and (row.key in named or row.image_id in images)}
    return Forgotten(count, frozenset(asked), frozenset(ids))


def _meant(image: str, rows: Iterable[RawRow]) -> str:
    """The image_id that begins so; `image` itself where none does."""
    if not re.fullmatch("[0-9a-f]{8,64}", image):
        raise ConfigError("--image", image, "need 8 or more digits of an image_id, as the manifest has it")
    found = {row.image_id for row in rows if row.image_id and row.image_id.startswith(image)}
    if len(found) > 1:
        raise ConfigError("--image", image, f"{len(found)} pictures begin so; name more digits")
    return found.pop() if found else image


def known_authors(data: Path) -> set[str]:
    return {
        author
        for names in _names(data)
        for author in manifest.read(manifest.raw_folder(data, *names) / manifest.NAME, RawRow, ["author"])[
            "author"
        ].to_pylist()
        if author
    }


def forgotten_images(data: Path) -> frozenset[str]:
    """The image ids of all tombstones."""
    ids = set[str]()
    for names in _names(data):
        path = manifest.raw_folder(data, *names) / manifest.NAME
        rows = manifest.read(path, RawRow, ["status", "image_id"])
        ids.update(rows.filter(pc.equal(rows["status"], "forgotten"))["image_id"].drop_null().to_pylist())
    return frozenset(ids)


def _names(data: Path) -> Iterator[tuple[str, str]]:
    """Source and collection of everything under data/raw."""
    for folder in sorted(data.glob("raw/*/*/")):
        if (folder / manifest.NAME).exists() or journal.path(folder).exists():
            yield folder.parent.name, folder.name
