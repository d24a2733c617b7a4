"""What every test of a stage may use."""

from __future__ import annotations

import pytest

from pipeline.curate import workers


@pytest.fixture
def one_process(monkeypatch):
    """Shards are worked on in this process, where what a test replaced counts."""

    def here(work, jobs, processes):
        yield from ((shard, work(shard)) for shard in workers.shards(jobs, processes))

    monkeypatch.setattr(workers, "run", here)
