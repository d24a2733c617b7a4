"""Which pictures are kept beside each other, under which numbers, and why the others are not.

No pixels here: every knob but the detector is turned in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from pipeline.curate.config import CurateConfig
from pipeline.curate.duplicates import Likeness, kept_instead
from pipeline.curate.fates import Fate, Known, fates, kept_anyway
from pipeline.curate.inputs import Picture
from pipeline.curate.numbers import FaceKey, Numbers
from pipeline.curate.split import split
from pipeline.records import ProcessedRow

_NOWHERE = (None, None, None, None)


def choose(
    config: CurateConfig,
    pictures: Sequence[Picture],
    known: Mapping[str, Known],
    pairs: Collection[Likeness],
    numbers: Numbers,
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
) -> list[ProcessedRow]:
    """The processed rows in manifest order; `path` and `sha256` are the publisher's to fill.

    `overrides` say of image_ids what a person decided: to keep whatever rule it breaks, or to drop, and then
    its copies are dropped with it.
    """
    by_picture = {
        image_id: kept_anyway(config, one) if overrides.get(image_id) == "keep" else fates(config, one)
        for image_id, one in known.items()
    }
    first = {picture.image_id: at for at, picture in reversed(list(enumerate(pictures)))}
    fit = [
        known[image_id].facts
        for image_id in sorted(first, key=first.__getitem__)
        if any(fate.reason is None for fate in by_picture[image_id])
    ]
    instead = kept_instead(fit, pairs) if config.dedupe == "near" else {}
    rows = []
    for at, picture in enumerate(pictures):
        decided = overrides.get(picture.image_id)
        copy_of = None if decided == "keep" else instead.get(picture.image_id)
        if copy_of is None and config.dedupe != "off" and first[picture.image_id] != at:
            copy_of = picture.image_id
        found = by_picture[picture.image_id]
        if "drop" in (decided, overrides.get(copy_of or "")):
            found, copy_of = [replace(fate, reason="dropped_in_review") for fate in found], None
        new = [_row(picture, known[picture.image_id], fate, copy_of, numbers) for fate in found]
        rows += [replace(row, override=decided) for row in new] if decided else new
    return split(rows, pairs, config.holdout)


def _row(picture: Picture, known: Known, fate: Fate, copy_of: str | None, numbers: Numbers) -> ProcessedRow:
    reason = fate.reason
    if reason is None and copy_of is not None:
        reason = "duplicate" if copy_of == picture.image_id else "near_duplicate"
    face = None if fate.face is None else known.faces[fate.face]
    crop_left, crop_top, crop_right, crop_bottom = fate.square.box if fate.square else _NOWHERE
    face_left, face_top, face_right, face_bottom = face.box if face else _NOWHERE
    return ProcessedRow(
        image_id=picture.image_id,
        source=picture.source,
        collection=picture.collection,
        source_id=picture.source_id,
        item=picture.item,
        face=fate.face,
        source_url=picture.source_url,
        author=picture.author,
        licence=picture.licence,
        status="rejected" if reason else "kept",
        reason=reason,
        number=numbers.of(FaceKey.of(picture.key, fate.face), kept=reason is None),
        path=None,
        sha256=None,
        crop_left=crop_left,
        crop_top=crop_top,
        crop_right=crop_right,
        crop_bottom=crop_bottom,
        face_left=face_left,
        face_top=face_top,
        face_right=face_right,
        face_bottom=face_bottom,
        face_score=face.score if face else None,
        phash=known.facts.phash,
        duplicate_of=copy_of if reason in ("duplicate", "near_duplicate") else None,
        sharpness=known.facts.sharpness,
        brightness=known.facts.brightness,
        override=None,
        crop_angle=fate.square.angle if fate.square else None,
        contrast=known.facts.contrast,
        colorfulness=known.facts.colorfulness,
        split=None if reason else "train",
    )
