"""What a person decided of pictures of a dataset: data/review/NAME.parquet, apart from all that is computed.

Decisions survive every curation and every deletion of caches, and can be taken back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline import manifest
from pipeline.errors import ConfigError, MissingInput
from pipeline.records import ProcessedRow

Decision = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True)
class Override:
    image_id: str
    override: str  # keep | drop


def overrides(data: Path, name: str) -> dict[str, str]:
    """keep or drop by image_id."""
    rows = manifest.rows(manifest.read(_path(data, name), Override), Override)
    return {row.image_id: row.override for row in rows}


def decide(data: Path, name: str, images: Collection[str], decision: Decision | None) -> list[str]:
    """Note a decision for pictures as `named` names them, or take back what was decided (None).

    Gives their image_ids; the next curation applies it. Raises ConfigError, MissingInput.
    """
    path = manifest.processed_folder(data, name) / manifest.NAME
    if not path.exists():
        raise MissingInput(f"{path}: no such dataset yet; run `impasto preprocess` on its recipe first")
    rows = list(manifest.rows(manifest.read(path, ProcessedRow), ProcessedRow))
    ids = [_named(image, rows) for image in images]
    known = overrides(data, name)
    for image, image_id in zip(images, ids, strict=True):
        if decision is not None:
            known[image_id] = decision
        elif known.pop(image_id, None) is None:
            raise ConfigError("IMAGE", image, "nothing was decided on it that could be taken back")
    _write(data, name, known)
    return ids


def _write(data: Path, name: str, known: Mapping[str, str]) -> None:
    rows = [Override(image_id, decision) for image_id, decision in sorted(known.items())]
    manifest.write(manifest.table(rows, Override), _path(data, name), {})


def _named(image: str, rows: Collection[ProcessedRow]) -> str:
    """The image_id that is meant by a number of the dataset, the beginning of an image_id, or a source_id."""
    found = {row.image_id for row in rows if row.source_id == image}
    if not found and re.fullmatch(r"\d{1,6}", image):
        found = {row.image_id for row in rows if row.number == int(image)}
    if not found and re.fullmatch(r"[0-9a-f]{8,64}", image):
        found = {row.image_id for row in rows if row.image_id.startswith(image)}
    if len(found) == 1:
        return found.pop()
    wrong = f"stands for {len(found)} pictures" if found else "is no picture of this dataset"
    raise ConfigError(
        "IMAGE", image, f"{wrong}; name its number, 8 or more digits of its image_id, or its path"
    )


def _path(data: Path, name: str) -> Path:
    return data / "review" / f"{name}.parquet"
