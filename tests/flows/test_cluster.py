"""Curation on a real Dask cluster, and in a real S3 store: the same dataset, row for row, as at home."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import clients, recipes
from flows.orders import now
from pipeline import store
from pipeline.acquire.acquire import acquire
from pipeline.curate import workers
from pipeline.curate.curate import curate
from tests.flows.conftest import Impasto, draw
from tests.flows.test_prefect_server import running
from tests.flows.test_run import files, finish
from tests.servers import s3

COUNT = 300  # three shards

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address, and in the environment how to get there; to be asked for before what starts processes."""
    with s3.serving() as environment:
        for name, value in {"HOME": str(tmp_path / "home"), **environment}.items():
            monkeypatch.setenv(name, value)
        yield f"s3://{s3.BUCKET}/data"


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers, each a process."""
    with cluster(tmp_path) as address:
        yield address


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[str]:
    """`options`: the workers'."""
    log, environment = folder / "scheduler.log", dict(os.environ)
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    with ExitStack() as stack:
        command = [*start, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        stack.enter_context(running(command, environment, log))
        address = _until(r"Scheduler at: +(tcp://\S+)", log)
        work = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard", *options]
        work += ["--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder / "dask")]
        stack.enter_context(running(work, environment, folder / "worker.log"))
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


def published(data: Path) -> tuple[list[dict[str, object]], dict[str, bytes]]:
    """The rows and the pictures of the dataset."""
    folder = data / "processed" / "tiny"
    rows = pq.read_table(io.BytesIO((folder / "manifest.parquet").read_bytes())).to_pylist()
    return rows, {path.name: path.read_bytes() for path in (folder / "images").iterdir()}


def test_a_store_is_curated_by_processes_and_by_a_cluster_as_a_folder_is(
    bucket: str, tiny: Path, impasto: Impasto, scheduler: str, tmp_path: Path
) -> None:
    for seed in range(12, workers.SHARD + 12):  # two shards
        draw(tiny.parent / "pictures" / f"{seed:03d}.png", seed % workers.SHARD)
    recipe = recipes.load(str(tiny), {"curate.workers": 2})
    here, there = tmp_path / "here", store.located(bucket)
    for data in (here, there):
        with clients.client(data) as client:
            acquire(recipe.sources[0], data, client=client, now=now)
        curate(recipe.curate, recipe.name, recipe.selections, data)
    expected = published(here)
    assert {row["reason"] for row in expected[0]} == {None, "duplicate"}
    assert published(there) == expected
    said = finish(impasto("preprocess", "tiny.toml", "--data", bucket, "--force", "--dask", scheduler))
    assert f"{len(expected[1])} pictures kept" in said
    assert published(there) == expected
    assert "nothing to do" in finish(impasto("preprocess", "tiny.toml", "--data", bucket))
    assert {path.name for path in tmp_path.iterdir() if "s3" in path.name} == set()


def test_what_cannot_be_elsewhere_is_refused_before_anything_is_done(
    bucket: str, tiny: Path, impasto: Impasto
) -> None:
    for command in (["run", "tiny.toml"], ["train", "tiny.toml"], ["report", "tiny-12345678"]):
        said = finish(impasto(*command, "--data", bucket), code=2)
        assert re.search(r"--data = 's3://.*copy processed/NAME", said)
    assert not store.sizes(store.located(bucket))
    said = finish(impasto("preprocess", "tiny.toml", "--data", "s3://no-such-bucket/data"), code=2)
    assert "no-such-bucket" in said
