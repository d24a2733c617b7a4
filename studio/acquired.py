"""What acquisition did, read from the raw manifests: the report's rows, not the pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import manifest
from pipeline.records import Key, RawRow
from studio import words

MOST_FAULTS = 40  # rows told one by one, per collection


@dataclass(frozen=True, slots=True)
class Cause:
    """Why some pictures have no bytes here."""

    status: str
    slug: str
    meaning: str
    count: int


@dataclass(frozen=True, slots=True)
class Collection:
    """One folder under data/raw, as its manifest and its last listing tell it."""

    source: str
    name: str
    statuses: Mapping[str, int]  # fetched, failed, skipped, forgotten: pictures
    used: int  # pictures of it that this dataset looked at
    causes: Sequence[Cause]
    faults: Sequence[RawRow]  # the first of those that were not fetched
    faults_untold: int
    complete: bool  # whether the last listing reached its end
    listing: str  # one sentence on how it ended

    @property
    def listed(self) -> int:
        return sum(self.statuses.values())


def collections(data: Path, used: Mapping[tuple[str, str], int]) -> list[Collection]:
    """The collections a dataset drew from; `used` counts its pictures by (source, collection)."""
    return [_collection(data, source, name, count) for (source, name), count in used.items()]


def _collection(data: Path, source: str, name: str, used: int) -> Collection:
    folder = manifest.raw_folder(data, source, name)
    raw = manifest.read(folder / manifest.NAME, RawRow)
    lost = raw.filter(pc.not_equal(raw["status"], "fetched"))
    pairs = Counter(zip(lost["status"].to_pylist(), lost["reason"].to_pylist(), strict=True))
    complete, listing = _listing(folder / "listing.json")
    return Collection(
        source=source,
        name=name,
        statuses=Counter(raw["status"].to_pylist()),
        used=used,
        causes=[
            Cause(status, reason or status, words.meaning(reason or status), count)
            for (status, reason), count in pairs.most_common()
        ],
        faults=list(manifest.rows(lost.slice(0, MOST_FAULTS), RawRow)),
        faults_untold=max(0, lost.num_rows - MOST_FAULTS),
        complete=complete,
        listing=listing,
    )


def _listing(path: Path) -> tuple[bool, str]:
    try:
        said: Any = json.loads(path.read_text(encoding="utf-8"))
        day, outcome, complete = str(said["at"])[:10], str(said["outcome"]), bool(said["complete"])
    except (OSError, ValueError, KeyError, TypeError):
        return False, "No listing is recorded."
    if complete:
        end = f"up to its limit of {said.get('limit')}" if said.get("cut") else "to its end"
        return True, f"Listed {end} on {day}."
    return False, f"The listing of {day} ended early: {words.meaning(outcome)}."


def fetched(data: Path, where: Iterable[tuple[str, str]]) -> pa.Table:
    """The fetched raw rows of several collections."""
    tables = [
        manifest.read(manifest.raw_folder(data, source, name) / manifest.NAME, RawRow)
        for source, name in where
    ]
    raw = pa.concat_tables(tables) if tables else manifest.schema(RawRow).empty_table()
    return raw.filter(pc.and_(pc.equal(raw["status"], "fetched"), pc.is_valid(raw["path"])))


def by_key(raw: pa.Table, keys: Iterable[Key]) -> dict[Key, RawRow]:
    """The raw rows of some pictures."""
    wanted = set(keys)
    ids = pa.array(sorted({key.source_id for key in wanted}), pa.string())
    rows = manifest.rows(raw.filter(pc.is_in(raw["source_id"], ids)), RawRow)
    return {row.key: row for row in rows if row.key in wanted}
