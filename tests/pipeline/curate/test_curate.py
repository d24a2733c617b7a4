"""Curation from end to end: what comes out, and why the rest does not."""

from __future__ import annotations

import dataclasses
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from pipeline import manifest
from pipeline.curate.config import CurateConfig
from pipeline.curate.curate import curate
from pipeline.errors import MissingInput, TooFewPictures
from tests.pipeline.curate.conftest import CENTER, Raw, copied, drawn, encoded, face_photo, run


def test_every_fetched_picture_has_one_row_and_kept_ones_a_square(raw):
    copy = copied(drawn(1))
    raw.add(
        encoded(drawn(1)),
        encoded(drawn(2), "PNG"),
        encoded(drawn(2), "PNG"),
        copy,
        b"text",
        encoded(drawn(3, (30, 30))),
    )
    done = run(raw)
    rows = raw.processed()
    assert [row.source_id for row in rows] == [f"{at}.jpg" for at in range(6)]
    assert [row.reason for row in rows] == [
        None,
        None,
        "duplicate",
        "near_duplicate",
        "undecodable",
        "too_small",
    ]
    assert [row.number for row in rows] == [1, 2, None, None, None, None]
    assert rows[3].duplicate_of == rows[0].image_id
    assert (done.kept, done.rejected) == (2, 4)
    assert done.by_reason == {"duplicate": 1, "near_duplicate": 1, "undecodable": 1, "too_small": 1}
    assert list(raw.pictures()) == ["000001.png", "000002.png"]
    for row in rows[:2]:
        assert row.path is not None
        content = (raw.data / row.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row.sha256
        picture = Image.open(io.BytesIO(content))
        assert (picture.size, picture.mode) == ((32, 32), "RGB")


@pytest.mark.parametrize(
    ("how", "suffix", "kind", "mode"),
    [
        ({}, "png", "PNG", "RGB"),
        ({"format": "webp"}, "webp", "WEBP", "RGB"),
        ({"format": "jpeg"}, "jpg", "JPEG", "RGB"),
        ({"channels": 1}, "png", "PNG", "L"),
    ],
)
def test_pictures_are_written_as_asked(raw, how, suffix, kind, mode):
    raw.add(encoded(drawn(1)))
    run(raw)
    run(raw, dataclasses.replace(CENTER, **how))
    ((name, content),) = raw.pictures().items()
    picture = Image.open(io.BytesIO(content))
    assert (name, picture.format, picture.mode) == (f"000001.{suffix}", kind, mode)
    reference = np.asarray(drawn(1).crop((20, 0, 180, 160)).resize((32, 32), Image.Resampling.LANCZOS), float)
    if mode == "RGB":
        assert np.abs(np.asarray(picture, float) - reference).mean() < 4


def test_faces_are_found_and_squares_lie_around_them(raw):
    raw.add(face_photo().read_bytes(), encoded(drawn(1)))
    run(raw, CurateConfig(min_pictures=1))
    found, none = raw.processed()
    assert (found.status, found.face, none.reason, none.face) == ("kept", 0, "no_face", None)
    assert found.crop_left < found.face_left < 300 < found.face_right < found.crop_right
    assert found.crop_top < found.face_top < found.face_bottom < found.crop_bottom


def test_all_faces_are_a_row_each(raw, faces_drawn):
    raw.add(encoded(drawn(1)), encoded(drawn(1)))
    run(raw, CurateConfig(faces="all", size=32, min_pictures=1))
    rows = raw.processed()
    assert [(row.source_id, row.face, row.number, row.reason) for row in rows] == [
        ("0.jpg", 0, 1, None),
        ("0.jpg", 1, 2, None),
        ("1.jpg", 0, None, "duplicate"),
        ("1.jpg", 1, None, "duplicate"),
    ]


def test_too_few_pictures_are_published_and_then_said(raw):
    raw.add(encoded(drawn(1)), encoded(drawn(1)), b"text")
    config = dataclasses.replace(CENTER, min_pictures=2)
    for _ in range(2):
        with pytest.raises(
            TooFewPictures, match=r"1 of 3 pictures kept.*asks for 2.*1 duplicate, 1 undecodable"
        ) as error:
            run(raw, config)
        assert error.value.exit_code == 4
        assert len(raw.processed()) == 3


def test_nothing_fetched_is_too_few_pictures(raw):
    raw.publish([])
    with pytest.raises(TooFewPictures, match="0 of 0 pictures kept"):
        run(raw)


def test_nothing_acquired_is_said(tmp_path):
    with pytest.raises(MissingInput, match="impasto scrape"):
        run(Raw(tmp_path))


def test_a_raw_file_that_is_gone_is_said_and_nothing_published(raw):
    raw.add(encoded(drawn(1)))
    next(raw.data.glob("raw/**/*.bin")).unlink()
    with pytest.raises(MissingInput, match=r"impasto scrape"):
        run(raw)
    assert raw.processed() == []


def test_selections_that_share_a_picture_give_it_one_row(raw):
    raw.add(encoded(drawn(1)), encoded(drawn(2)))
    (one,) = raw.selections
    raw.selections = [dataclasses.replace(one, include=("1.*",)), one]
    run(raw)
    assert [row.source_id for row in raw.processed()] == ["1.jpg", "0.jpg"]


def test_without_dedupe_the_same_picture_may_be_kept_twice(raw):
    raw.add(encoded(drawn(1)), encoded(drawn(1)))
    run(raw, dataclasses.replace(CENTER, dedupe="off"))
    first, second = raw.pictures().values()
    assert first == second
    assert [row.status for row in raw.processed()] == ["kept", "kept"]


def test_one_and_two_processes_give_the_same(raw, tmp_path):
    raw.add(*(encoded(drawn(seed % 140, (120, 100))) for seed in range(150)))
    results = []
    for workers in (1, 2):
        done = curate(dataclasses.replace(CENTER, workers=workers), "n", raw.selections, raw.data, force=True)
        results.append((raw.processed(), raw.pictures(), done))
    assert results[0] == results[1]
    assert results[0][2].by_reason == {"duplicate": 10}


def test_progress_is_told_and_ends_at_the_whole(raw):
    raw.add(*(encoded(drawn(seed)) for seed in range(3)))
    ticks = []
    run(raw, tick=lambda done, total: ticks.append((done, total)))
    assert ticks[-1] == (3, 3)


def test_no_half_made_file_and_no_marker_is_left(raw):
    raw.add(encoded(drawn(1)))
    run(raw)
    run(raw, dataclasses.replace(CENTER, size=16))
    left = {path.name for path in (raw.data / "processed" / "n").rglob("*")}
    assert left == {"images", "000001.png", manifest.NAME}
