"""Threads beside other programs: as many as there are free cores, one at least."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from models import cores
from models.cores import Reading
from models.trainer import train
from tests.models.conftest import TINY

HERE = sorted(os.sched_getaffinity(0))


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("used", "own", "left"),
    [
        (8.0, 8.0, 4),  # all of it ours
        (8.0, 6.2, 3),
        (8.0, 4.0, 2),
        (8.0, 0.2, 1),
        (8.8, 0.5, 1),  # never none
        (3.9, 4.1, 4),  # ticks are coarse
    ],
)
def test_what_others_use_is_not_free(used, own, left):
    before = Reading(100.0, 1000.0, 50.0)
    after = Reading(102.0, 1000.0 + used, 50.0 + own)
    assert cores.free(4, before, after) == left


def test_a_reading_counts_what_this_process_uses_as_its_own():
    before = cores.read(HERE)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        pass
    after = cores.read(HERE)
    assert 0.2 < after.own - before.own <= after.wall - before.wall + 0.1
    assert after.used - before.used > 0.8 * (after.own - before.own) - 0.1


def test_where_others_use_all_cores_one_thread_is_left_and_all_come_back(two_threads, monkeypatch):
    monkeypatch.setattr(cores, "_EVERY_S", 0.5)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * len(HERE))]
    try:
        with cores.shared_with_others(heeded=True) as settle:
            settle()
            assert torch.get_num_threads() == 2, "nothing is known yet"
            time.sleep(1)
            settle()
            assert torch.get_num_threads() == 1
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert torch.get_num_threads() == 2


def test_what_must_be_repeatable_heeds_nobody(two_threads, monkeypatch):
    monkeypatch.setattr(cores, "_EVERY_S", 0.0)
    monkeypatch.setattr(cores, "free", lambda *_: 1)
    with cores.shared_with_others(heeded=False) as settle:
        settle()
        assert torch.get_num_threads() == 2
    with cores.shared_with_others(heeded=True) as settle:
        settle()
        assert torch.get_num_threads() == 1


@pytest.mark.parametrize(("steps", "minutes", "threads"), [(None, 0.02, {1}), (12, None, {2})])
def test_a_training_heeds_others_where_its_length_is_a_time(
    steps, minutes, threads, make_dataset, two_threads, monkeypatch
):
    monkeypatch.setattr(cores, "_EVERY_S", 0.0)
    monkeypatch.setattr(cores, "free", lambda *_: 1)
    seen = set()
    config = replace(TINY, steps=steps, minutes=minutes)
    train(config, "blobs", make_dataset(), on_progress=lambda _: seen.add(torch.get_num_threads()))
    assert seen == threads
    assert torch.get_num_threads() == 2
