"""Copies planted among hundreds of pictures: a whole curation finds each, and takes no other for one."""

from __future__ import annotations

import dataclasses
import random

import pytest
from PIL import Image, ImageOps

from pipeline.gallery import cats
from tests.pipeline.curate.conftest import CENTER, Raw, copied, drawn, encoded, run

pytestmark = pytest.mark.slow
EACH = 140  # pictures drawn, and as many cats
PLANTED = 30  # of each kind of copy

COPIES = {
    "exact": encoded,
    "encoded again": lambda picture: encoded(picture, "WEBP", quality=70),
    "resized": lambda picture: copied(picture, scale=0.6),
    "mirrored": lambda picture: encoded(ImageOps.mirror(picture)),
}


def originals() -> list[Image.Image]:
    return [*map(drawn, range(EACH)), *map(cats.compose, cats.choose(EACH, seed=7))]


def test_every_planted_copy_is_found_and_no_other(raw: Raw):
    dice, pictures = random.Random(5), originals()
    files = [encoded(picture) for picture in pictures]
    raw.add(*files)
    names = [row.image_id for row in raw.rows]
    planted = []  # kind, and of which picture
    for kind, copy in COPIES.items():
        for of in dice.sample(range(len(pictures)), PLANTED):
            planted.append((kind, names[of]))
            files.append(copy(pictures[of]))
    raw.add(*files[len(pictures) :])

    near = dataclasses.replace(CENTER, dedupe="near", workers=2)
    run(raw, near)
    rows = raw.processed()
    assert [row.reason for row in rows[: len(pictures)]] == [None] * len(pictures)
    found = [(row.reason, row.duplicate_of) for row in rows[len(pictures) :]]
    slugs = {kind: "duplicate" if kind == "exact" else "near_duplicate" for kind in COPIES}
    assert found == [(slugs[kind], of) for kind, of in planted]

    run(raw, dataclasses.replace(near, mirror_is_duplicate=False))
    fates = [row.status for row in raw.processed()]
    assert fates[: len(pictures)] == ["kept"] * len(pictures)
    assert fates[len(pictures) :] == ["kept" if kind == "mirrored" else "rejected" for kind, _ in planted]
