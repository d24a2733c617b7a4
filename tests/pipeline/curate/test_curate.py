"""Curation from end to end: what comes out, what is done again, and what survives a kill."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline import manifest
from pipeline.curate import workbench
from pipeline.curate.config import CurateConfig
from pipeline.curate.curate import curate, outlook
from pipeline.curate.faces import DETECTORS, Face, detector
from pipeline.curate.forget import forget
from pipeline.errors import MissingInput, TooFewPictures
from tests.pipeline.curate.conftest import Raw, copied, drawn, encoded, face_photo

CENTER = CurateConfig(crop="center", size=32, min_side=32, min_pictures=1, workers=1)


def run(raw: Raw, config: CurateConfig = CENTER, **how):
    return curate(config, "n", raw.selections, raw.data, **how)


@pytest.fixture
def looked_at(monkeypatch):
    """Of what facts were found out, picture by picture."""
    log: list[tuple[bool, bool]] = []  # (facts asked for, faces asked for)
    look = workbench.look

    def logged(shard, config, squares):
        log.extend((job.facts is None, job.faces is None) for job in shard)
        return look(shard, config, squares)

    monkeypatch.setattr(workbench, "look", logged)
    return log


@pytest.fixture
def faces_drawn(monkeypatch):
    """A detector that needs no faces: one in the middle, and counts its looks."""
    looks: list[int] = []

    def detect(pixels):
        looks.append(1)
        x, y = pixels.width // 2, pixels.height // 2
        return [Face(x - 20, y - 20, x + 20, y + 20, 0.9), Face(0, 0, 30, 30, 0.8)]

    monkeypatch.setitem(DETECTORS, "yunet", DETECTORS["yunet"]._replace(make=lambda: detect))
    detector.cache_clear()
    yield looks
    detector.cache_clear()


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


def test_nothing_is_done_again_when_nothing_changed(raw, looked_at):
    raw.add(*(encoded(drawn(seed)) for seed in range(5)))
    assert not outlook(CENTER, "n", raw.selections, raw.data).done
    first = run(raw)
    before = {path: path.stat().st_mtime_ns for path in raw.data.rglob("*") if path.is_file()}
    again = run(raw)
    assert outlook(CENTER, "n", raw.selections, raw.data).done
    assert dataclasses.replace(first, recomputed=0) == again
    assert before == {path: path.stat().st_mtime_ns for path in raw.data.rglob("*") if path.is_file()}
    assert len(looked_at) == 5


@pytest.mark.parametrize("damage", ["delete", "empty"])
def test_a_lost_picture_is_made_again_and_no_other(raw, looked_at, damage):
    raw.add(*(encoded(drawn(seed)) for seed in range(5)))
    run(raw)
    before = raw.pictures()
    lost = raw.data / "processed" / "n" / "images" / "000003.png"
    lost.unlink() if damage == "delete" else lost.write_bytes(b"")
    assert not outlook(CENTER, "n", raw.selections, raw.data).done
    looked_at.clear()
    assert run(raw).recomputed == 1
    assert looked_at == [(False, True)]  # known; center asks for no faces
    assert raw.pictures() == before


def test_added_pictures_take_the_next_numbers_and_alone_are_looked_at(raw, looked_at):
    raw.add(*(encoded(drawn(seed)) for seed in range(4)))
    run(raw)
    before = raw.pictures()
    raw.add(encoded(drawn(10)), copied(drawn(2)), encoded(drawn(11)))
    looked_at.clear()
    assert outlook(CENTER, "n", raw.selections, raw.data).to_compute == 3
    assert run(raw).recomputed == 3
    assert len(looked_at) == 3
    assert [row.number for row in raw.processed()] == [1, 2, 3, 4, 5, None, 6]
    assert before.items() <= raw.pictures().items()


def test_a_larger_original_takes_over_and_the_dropped_number_is_not_used_again(raw):
    raw.add(copied(drawn(1)), encoded(drawn(2)))
    run(raw)
    raw.add(encoded(drawn(1)))
    run(raw)
    raw.publish(raw.rows[1:])
    run(raw)
    raw.publish(raw.rows)
    raw.add(encoded(drawn(3)))
    run(raw)
    assert [(row.source_id, row.status, row.number) for row in raw.processed()] == [
        ("0.jpg", "rejected", None),  # its number went with its row, and to nobody else
        ("1.jpg", "kept", 2),
        ("2.jpg", "kept", 3),
        ("3.jpg", "kept", 4),
    ]
    assert list(raw.pictures()) == ["000002.png", "000003.png", "000004.png"]


def test_a_knob_turned_and_turned_back_gives_the_same_dataset(raw):
    raw.add(*(encoded(drawn(seed)) for seed in range(8)))
    first = run(raw)
    sharpest = sorted(row.sharpness for row in raw.processed())[4]
    fewer = run(raw, dataclasses.replace(CENTER, min_sharpness=sharpest))
    assert (fewer.kept, fewer.by_reason) == (4, {"blurry": 4})
    assert len(raw.pictures()) == 4
    assert run(raw).digest == first.digest != fewer.digest


def test_a_changed_margin_detects_and_measures_nothing_again(raw, faces_drawn, looked_at):
    raw.add(*(encoded(drawn(seed)) for seed in range(3)))
    config = CurateConfig(size=16, min_pictures=1)
    run(raw, config)
    assert len(faces_drawn) == 3
    for changed in ({"margin": 0.1}, {"size": 32}, {"faces": "all"}, {"min_side": 100}):
        looked_at.clear()
        before = raw.pictures()
        config = dataclasses.replace(config, **changed)
        run(raw, config)
        assert set(looked_at) <= {(False, False)}
        assert ("min_side" in changed) == (raw.pictures() == before)
    assert len(faces_drawn) == 3


def test_a_changed_detector_measures_nothing_again(raw, faces_drawn, looked_at, monkeypatch):
    monkeypatch.setitem(DETECTORS, "face-recognition", DETECTORS["yunet"])
    raw.add(*(encoded(drawn(seed)) for seed in range(3)))
    run(raw, CurateConfig(min_pictures=1))
    looked_at.clear()
    run(raw, CurateConfig(min_pictures=1, detector="face-recognition"))
    assert looked_at == [(False, True)] * 3


def test_recipes_share_what_is_known(raw, looked_at):
    raw.add(*(encoded(drawn(seed)) for seed in range(3)))
    run(raw)
    looked_at.clear()
    curate(CENTER, "other", raw.selections, raw.data)
    assert looked_at == [(False, True)] * 3


def test_force_does_it_all_again_and_numbers_hold(raw, looked_at):
    raw.add(*(encoded(drawn(seed)) for seed in range(3)))
    run(raw)
    raw.publish(raw.rows[1:])
    run(raw)
    looked_at.clear()
    assert run(raw, force=True).recomputed == 2
    assert looked_at == [(True, True)] * 2
    assert [row.number for row in raw.processed()] == [2, 3]


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


def test_a_forgotten_picture_leaves_no_trace_and_its_number_stays_unused(raw):
    raw.add(encoded(drawn(1)), encoded(drawn(2)), copied(drawn(2)), encoded(drawn(3)))
    run(raw)
    forgotten = raw.rows[1].image_id
    forget(raw.data, {forgotten})
    assert [row.source_id for row in raw.processed()] == ["0.jpg", "2.jpg", "3.jpg"]
    assert list(raw.pictures()) == ["000001.png", "000003.png"]
    raw.publish([row for row in raw.rows if row.image_id != forgotten])
    run(raw)
    assert [row.source_id for row in raw.processed()] == ["0.jpg", "2.jpg", "3.jpg"]
    assert [row.number for row in raw.processed()] == [1, 4, 3]
    known = [path for path in raw.data.rglob("*.parquet") if "raw" not in path.parts]
    assert len(known) >= 4
    assert not any(forgotten in str(pq.read_table(path).to_pylist()) for path in known)


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


KILLED = """
    import os, pathlib, signal, sys
    from pipeline.curate.config import CurateConfig
    from pipeline.curate.curate import curate
    from pipeline.records import Selection

    data, size, blow = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    count = 0

    def counted(real):
        def call(*args, **kwargs):
            global count
            count += 1
            if count == blow:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return call

    for name in ("replace", "rename", "unlink", "rmdir", "sync"):
        setattr(os, name, counted(getattr(os, name)))
    config = CurateConfig(crop="center", size=size, min_side=32, min_pictures=1, workers=1)
    curate(config, "n", [Selection("folder", "x")], data)
    print(count)
"""


def killed_at(raw: Raw, size: int, blow: int) -> subprocess.CompletedProcess[str]:
    """Curate in a process that is killed before its `blow`-th change of the file system."""
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(raw.data), str(size), str(blow)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("blows", [range(1, 40, 8), pytest.param(range(1, 60), marks=pytest.mark.soak)])
def test_killed_anywhere_and_run_again_is_as_never_killed(tmp_path, blows):
    """First a new dataset, then one whose pictures are all replaced, each killed at every such step."""

    def arranged(name: str) -> Raw:
        raw = Raw(tmp_path / name)
        raw.add(*(encoded(drawn(seed)) for seed in range(4)), copied(drawn(2)), b"text")
        return raw

    whole = arranged("whole")
    run(whole)
    first = whole.processed(), whole.pictures()
    run(whole, dataclasses.replace(CENTER, size=16))
    second = whole.processed(), whole.pictures()
    deaths = 0
    for blow in blows:
        raw = arranged(f"killed-{blow}")
        deaths += killed_at(raw, 32, blow).returncode == -signal.SIGKILL
        run(raw)
        assert (raw.processed(), raw.pictures()) == first
        deaths += killed_at(raw, 16, blow).returncode == -signal.SIGKILL
        if blow % 2:  # the user thinks again: what was replaced already must not pass for the old
            run(raw)
            assert (raw.processed(), raw.pictures()) == first
        run(raw, dataclasses.replace(CENTER, size=16))
        assert (raw.processed(), raw.pictures()) == second
        assert not list((raw.data / "processed" / "n").glob(".*"))
    assert deaths >= 4


def test_that_nothing_is_to_be_done_is_found_out_without_heavy_libraries(raw):
    raw.add(encoded(drawn(1)))
    config = CurateConfig(crop="center", size=32, min_side=32, min_pictures=1)
    curate(config, "n", raw.selections, raw.data)
    code = textwrap.dedent("""
        import pathlib, sys
        from pipeline.curate.config import CurateConfig
        from pipeline.curate.curate import outlook
        from pipeline.records import Selection
        config = CurateConfig(crop="center", size=32, min_side=32, min_pictures=1)
        assert outlook(config, "n", [Selection("folder", "x")], pathlib.Path(sys.argv[1])).done
        heavy = {"torch", "cv2", "pandas", "onnxruntime", "prefect", "matplotlib", "face_recognition"}
        sys.exit(", ".join(heavy & sys.modules.keys()) or 0)
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    subprocess.run([sys.executable, "-c", code, str(raw.data)], check=True, env=environment)
