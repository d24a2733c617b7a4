"""A picture that kills its process costs itself and nothing else; no process outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from pipeline.curate import workers
from pipeline.curate.look import HANDFUL


def doubled(shard, deadly=(), log: Path | None = None, pause=0.0):
    time.sleep(pause)
    for job in shard:
        if job in deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if log:
            with log.open("a") as file:
                file.write(f"{os.getpid()}\n")
    return [2 * job for job in shard]


def outcome(work, jobs, processes=2):
    made: dict[int, int | None] = {}
    for shard, answers in workers.run(work, jobs, processes):
        for job, answer in zip(shard, answers or [None] * len(shard), strict=True):
            assert job not in made
            made[job] = answer
    return made


@pytest.mark.parametrize("count", [0, 1, workers.SHARD, workers.SHARD + 1, 5 * workers.SHARD + 3])
def test_every_job_is_answered_once(count):
    assert outcome(doubled, list(range(count))) == {job: 2 * job for job in range(count)}


@pytest.mark.parametrize("count", [40, 6 * workers.SHARD])
def test_jobs_are_spread_over_processes(tmp_path, count):
    outcome(partial(doubled, log=tmp_path / "log", pause=0.1), list(range(count)))
    used = set((tmp_path / "log").read_text().split())
    assert len(used) == 2
    assert str(os.getpid()) not in used


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100, 800, 100_000])
def test_shards_are_small_enough_for_all_processes_to_end_together(count):
    sizes = [len(shard) for shard in workers.shards(range(count), 2)]
    assert sum(sizes) == count
    assert max(sizes) <= workers.SHARD
    left = count
    for size in sizes:
        assert size <= max(HANDFUL, left / 6)
        assert size % HANDFUL == 0 or size == left
        left -= size


@pytest.mark.parametrize(("deadly", "count"), [((0,), 3), ((0,), 512), ((5, 6, 400), 512), ((383,), 512)])
def test_a_job_that_kills_its_process_is_given_up_alone(deadly, count):
    jobs = list(range(count))
    expected = {job: None if job in deadly else 2 * job for job in jobs}
    assert outcome(partial(doubled, deadly=deadly), jobs) == expected


def raising(shard):
    raise ValueError("no such thing")


def test_an_error_of_the_work_itself_is_not_hidden():
    with pytest.raises(ValueError, match="no such thing"):
        outcome(raising, list(range(3 * workers.SHARD)))


def test_processes_end_when_their_parent_is_killed(tmp_path):
    code = textwrap.dedent("""
        import os, pathlib, sys, time
        from functools import partial
        from pipeline.curate import workers

        def slow(shard, folder):
            (folder / str(os.getpid())).touch()
            time.sleep(60)

        if __name__ == "__main__":
            folder = pathlib.Path(sys.argv[1])
            for _ in workers.run(partial(slow, folder=folder), range(1000), 2):
                pass
    """)
    script = tmp_path / "parent.py"
    script.write_text(code)
    seen = tmp_path / "seen"
    seen.mkdir()
    parent = subprocess.Popen(
        [sys.executable, script, seen], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    wait_until(lambda: len(list(seen.iterdir())) == 2)
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(Path(f"/proc/{child.name}").exists() for child in seen.iterdir()))


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
