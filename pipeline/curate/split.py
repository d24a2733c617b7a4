"""Which kept pictures are held out for evaluation: decided once per group of duplicates, and for life."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

from pipeline.curate.duplicates import Likeness
from pipeline.records import ProcessedRow


def split(rows: Sequence[ProcessedRow], pairs: Iterable[Likeness], holdout: float) -> list[ProcessedRow]:
    """`rows`, whose kept ones are all for training, with test for those that are held out.

    All rows of a picture and of all that it is like, over any number of steps, go the same way. A group is
    known by its member with the lowest number: numbers are for life and new ones are higher, so a group that
    grows stays where it is.
    """
    if not holdout:
        return list(rows)
    group = _groups({row.image_id for row in rows}, pairs)
    names: dict[str, tuple[int, str]] = {}
    for row in rows:
        if row.number is not None:
            known = names.get(group[row.image_id])
            names[group[row.image_id]] = min(known or (row.number, row.image_id), (row.number, row.image_id))
    return [
        dataclasses.replace(row, split=_side(names[group[row.image_id]][1], holdout))
        if row.status == "kept"
        else row
        for row in rows
    ]


def _groups(ids: set[str], pairs: Iterable[Likeness]) -> dict[str, str]:
    """For every picture the one that stands for its group."""
    leader = {image_id: image_id for image_id in ids}

    def find(image_id: str) -> str:
        while leader[image_id] != image_id:
            leader[image_id] = leader[leader[image_id]]
            image_id = leader[image_id]
        return image_id

    for pair in pairs:
        if pair.like in leader and pair.image_id in leader:
            leader[find(pair.image_id)] = find(pair.like)
    return {image_id: find(image_id) for image_id in ids}


def _side(image_id: str, holdout: float) -> str:
    share = int(hashlib.sha256(f"holdout {image_id}".encode()).hexdigest()[:12], 16) / 16**12
    return "test" if share < holdout else "train"
