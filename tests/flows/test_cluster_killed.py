"""Dask workers that die of a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.conftest import Impasto
from tests.flows.test_cluster import cluster
from tests.flows.test_run import finish

FATAL = """
import os, signal
from pipeline.curate import look

if look._opened.__name__ != "fatal":  # Dask imports this file twice
    opened = look._opened

    def fatal(path):
        if path.stem == NAME:
            os.kill(os.getpid(), signal.SIGKILL)
        return opened(path)

    look._opened = fatal
"""


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_picture_that_kills_every_worker_it_is_given_to_does_not_end_the_run(
    scraped: Path, impasto: Impasto, tmp_path: Path
) -> None:
    fatal = next((tmp_path / "data" / "raw").rglob("*.png")).stem
    preload = tmp_path / "fatal.py"
    preload.write_text(f"NAME = {fatal!r}\n{FATAL}")
    with cluster(tmp_path, "--preload", str(preload)) as address:
        said = finish(impasto("preprocess", "tiny.toml", "--dask", address))
    # Here, where it is tried in a process of its own, it kills nobody.
    assert "12 pictures kept" in said
    assert "killed by signal 9" in (tmp_path / "worker.log").read_text()
