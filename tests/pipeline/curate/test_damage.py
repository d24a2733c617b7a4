"""Files as bad disks and broken lines leave them: each a row, none a crash, a hang or a lost process."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from functools import partial

import pytest

from pipeline.acquire.decode_check import inspect
from pipeline.curate import workers
from pipeline.errors import PictureFault
from pipeline.records import PICTURE_REASONS, REJECT_REASONS
from tests.pipeline.curate.conftest import CENTER, Raw, drawn, encoded, run
from tests.pipeline.damage import damaged, originals

PATIENCE_S = 5  # for one picture
COUNTS = [
    pytest.param(600, 1, marks=pytest.mark.slow),
    pytest.param(10_000, 2, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]


def clocked(work, shard):
    """What `work` makes of the shard, and how long that took, or if it was long its slowest picture alone."""
    started = time.monotonic()
    made = work(shard)
    slowest = time.monotonic() - started
    if slowest > PATIENCE_S:
        slowest = 0.0
        for job in shard:
            started = time.monotonic()
            work([job])
            slowest = max(slowest, time.monotonic() - started)
    return made, slowest


@pytest.mark.parametrize(("count", "seed"), COUNTS)
def test_curation_gives_each_damaged_file_a_row(raw: Raw, count, seed):
    raw.add(*dict.fromkeys(damaged(originals(), count, seed)))
    slowest = 0.0

    def watched(work, jobs):
        nonlocal slowest
        for shard, made in workers.run(partial(clocked, work), jobs, 2):
            assert made is not None, f"a process died of {shard[0].path}"
            seen, seconds = made
            slowest = max(slowest, seconds)
            yield shard, seen

    everything = dataclasses.replace(CENTER, crop="face", no_face="center", min_side=1, size=16)
    done = run(raw, everything, run=watched)
    rows = raw.processed()
    assert [row.image_id for row in rows] == [row.image_id for row in raw.rows]
    assert all((row.reason in REJECT_REASONS) if row.status == "rejected" else row.path for row in rows)
    assert slowest < PATIENCE_S
    assert done.kept > count / 10  # of many only some pixels are wrong
    assert done.by_reason["undecodable"] > count / 10


@pytest.mark.parametrize(("count", "seed"), COUNTS)
def test_acquisition_has_a_word_for_each_damaged_file(count, seed):
    words = set[str]()
    for content in damaged(originals(), count, seed):
        started = time.monotonic()
        try:
            words.add(inspect(content).format)
        except PictureFault as fault:
            words.add(fault.slug)
        assert time.monotonic() - started < PATIENCE_S
    formats = {"jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heif"}
    assert words - formats <= PICTURE_REASONS
    assert words >= {"truncated", "not_an_image", *formats}


def fatal(work, doomed, shard):
    """As the kernel ends what has taken too much memory."""
    if any(job.image_id in doomed for job in shard):
        os.kill(os.getpid(), signal.SIGKILL)
    return work(shard)


@pytest.mark.slow
def test_a_picture_whose_process_is_killed_costs_its_own_row_and_nothing_else(raw: Raw):
    raw.add(*(encoded(drawn(seed, (40, 40))) for seed in range(workers.SHARD + 2)))
    doomed = {raw.rows[at].image_id for at in (3, 4, workers.SHARD + 1)}

    def killing(work, jobs):
        return workers.run(partial(fatal, work, doomed), jobs, 2)

    run(raw, dataclasses.replace(CENTER, dedupe="off"), run=killing)
    rows = raw.processed()
    assert len(rows) == workers.SHARD + 2
    assert {row.image_id for row in rows if row.reason == "undecodable"} == doomed
    assert all(row.status == "kept" for row in rows if row.image_id not in doomed)
