"""Curation on a real Dask cluster: the same dataset, row for row, as with one process or two."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import clients, recipes
from flows.orders import now
from pipeline.acquire.acquire import acquire
from tests.flows.conftest import Impasto, draw
from tests.flows.test_prefect_server import running
from tests.flows.test_run import files, finish

COUNT = 300  # three shards

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def many(tiny: Path) -> Path:
    for seed in range(12, COUNT):
        draw(tiny.parent / "pictures" / f"{seed:03d}.png", seed % (COUNT - 9))  # nine are copies
    for name in ("one", "two", "cluster"):
        data = tiny.parent / name
        with clients.client(data) as client:
            acquire(recipes.load(str(tiny)).sources[0], data, client=client, now=now)
    return tiny


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers, each a process."""
    import os

    log = tmp_path / "scheduler.log"
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    with ExitStack() as stack:
        environment = dict(os.environ)
        command = [*start, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        stack.enter_context(running(command, environment, log))
        address = _until(r"Scheduler at: +(tcp://\S+)", log)
        work = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard"]
        work += ["--nworkers", "2", "--nthreads", "1", "--local-directory", str(tmp_path / "dask")]
        stack.enter_context(running(work, environment, tmp_path / "worker.log"))
        yield address


def _until(said: str, log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        match = re.search(said, log.read_text())
        if match:
            return match[1]
        time.sleep(0.1)
    pytest.fail(f"no {said} in\n{log.read_text()}")


def test_one_process_two_and_a_cluster_make_the_same_dataset(
    many: Path, impasto: Impasto, scheduler: str, tmp_path: Path
) -> None:
    finish(impasto("preprocess", "tiny.toml", "--data", "one"))
    finish(impasto("preprocess", "tiny.toml", "--data", "two", "--set", "curate.workers=2"))
    said = finish(impasto("preprocess", "tiny.toml", "--data", "cluster", "--dask", scheduler))
    assert re.search(r"29\d pictures kept", said), said
    rows = [
        pq.read_table(tmp_path / name / "processed/tiny/manifest.parquet").to_pylist()
        for name in ("one", "two", "cluster")
    ]
    assert rows[0] == rows[1] == rows[2]
    pictures = [sorted(path.name for path in (tmp_path / name / "processed/tiny/images").iterdir())
                for name in ("one", "two", "cluster")]  # fmt: skip
    assert pictures[0] == pictures[1] == pictures[2]
    tasks = (tmp_path / "worker.log").read_text()
    assert "Register" in tasks or "Start" in tasks


def test_a_scheduler_that_is_not_there_is_one_line(scraped: Path, impasto: Impasto) -> None:
    process: subprocess.Popen[str] = impasto("preprocess", "tiny.toml", "--dask", "tcp://127.0.0.1:9")
    before = files(scraped.parent / "pictures")
    said = finish(process, code=2)
    assert "--dask" in said
    assert "Traceback" not in said
    assert files(scraped.parent / "pictures") == before
