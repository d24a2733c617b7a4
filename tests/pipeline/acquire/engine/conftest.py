"""Runs as commands would make them: one after the other on one data directory, each with its own client."""

from __future__ import annotations

import pytest

from pipeline.acquire.acquire import acquire
from tests.servers.pictures import BYTES


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def go(data, make_client, fake_time):
    def run(spec, **options):
        return acquire(spec, data, client=make_client(), now=fake_time.now, **options)

    return run


@pytest.fixture
def url(server) -> str:
    return server.add("/1.jpg", BYTES)
