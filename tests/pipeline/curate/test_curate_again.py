"""Curation a second time: only what changed is done, and numbers are for life."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import manifest
from pipeline.curate import workbench
from pipeline.curate.config import CurateConfig
from pipeline.curate.curate import curate, outlook
from pipeline.curate.faces import DETECTORS
from pipeline.curate.forget import forget
from pipeline.errors import TooFewPictures
from pipeline.records import Selection
from tests.pipeline.curate.conftest import CENTER, copied, drawn, encoded, run


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


def test_an_interrupted_curation_has_kept_all_but_what_it_found_out_last(raw, looked_at, monkeypatch):
    raw.add(*(encoded(drawn(seed)) for seed in range(10)))
    now = 0.0
    monkeypatch.setattr(workbench.time, "monotonic", lambda: now)

    def interrupted(work, jobs):
        nonlocal now
        for at in range(8):
            now += 0.2  # seconds
            shard = list(jobs[at : at + 1])
            yield shard, work(shard)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(raw, run=interrupted)
    assert len(looked_at) == 8
    assert run(raw).recomputed == 4  # two were not looked at, and two of the last half second are lost
    assert len(raw.pictures()) == 10


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
        ("0.jpg", "rejected", 1),  # left out for a while; its number waited for it
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


EACH_FACE = CurateConfig(faces="all", size=32, min_pictures=1)


def test_numbers_outlive_a_trial_of_another_crop(raw, faces_drawn):
    raw.add(*(encoded(drawn(seed)) for seed in range(3)))
    run(raw)
    rows, pictures = raw.processed(), raw.pictures()
    run(raw, EACH_FACE)
    faces = raw.processed()
    assert [(row.face, row.number) for row in faces] == [(0, 1), (1, 4), (0, 2), (1, 5), (0, 3), (1, 6)]
    run(raw)
    assert (raw.processed(), raw.pictures()) == (rows, pictures)
    raw.add(encoded(drawn(3)))
    run(raw)
    assert [row.number for row in raw.processed()] == [1, 2, 3, 7]
    run(raw, EACH_FACE)
    assert raw.processed()[:6] == faces


def test_numbers_outlive_a_trial_that_ends_before_its_manifest(raw, faces_drawn, monkeypatch):
    raw.add(*(encoded(drawn(seed)) for seed in range(3)))
    run(raw, EACH_FACE)
    rows, pictures, write = raw.processed(), raw.pictures(), manifest.write

    def interrupted(table, path, meta):
        if path.name == manifest.NAME:
            raise KeyboardInterrupt
        write(table, path, meta)

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(raw)
    run(raw)
    assert [row.number for row in raw.processed()] == [1, 3, 5]
    run(raw, EACH_FACE)
    assert (raw.processed(), raw.pictures()) == (rows, pictures)


def test_nothing_is_lost_by_a_trial_that_keeps_too_few(raw):
    raw.add(*(encoded(drawn(seed)) for seed in range(4)))
    first = run(raw)
    rows, pictures, all_of_them = raw.processed(), raw.pictures(), raw.selections
    raw.selections = [Selection("folder", "x", include=("3.jpg",))]
    with pytest.raises(TooFewPictures):
        run(raw, dataclasses.replace(CENTER, crop="pad", min_pictures=2))
    assert [row.number for row in raw.processed()] == [4]
    raw.selections = all_of_them
    assert run(raw).digest == first.digest
    assert (raw.processed(), raw.pictures()) == (rows, pictures)


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


def test_a_forgotten_picture_leaves_no_trace_and_its_number_stays_unused(raw, faces_drawn):
    raw.add(encoded(drawn(1)), encoded(drawn(2)), copied(drawn(2)), encoded(drawn(3)))
    run(raw)
    run(raw, EACH_FACE)
    run(raw)
    forgotten = raw.rows[1].image_id
    assert forgotten in str(pq.read_table(raw.data / "processed" / "n" / "numbers.parquet").to_pylist())
    forget(raw.data, {forgotten})
    assert [row.source_id for row in raw.processed()] == ["0.jpg", "2.jpg", "3.jpg"]
    assert list(raw.pictures()) == ["000001.png", "000003.png"]
    raw.publish([row for row in raw.rows if row.image_id != forgotten])
    run(raw)
    assert [row.source_id for row in raw.processed()] == ["0.jpg", "2.jpg", "3.jpg"]
    assert [row.number for row in raw.processed()] == [1, 7, 3]
    known = [path for path in raw.data.rglob("*.parquet") if "raw" not in path.parts]
    assert len(known) >= 5
    assert not any(forgotten in str(pq.read_table(path).to_pylist()) for path in known)


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
