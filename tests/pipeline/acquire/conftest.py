"""A local server and a client whose time passes only when it sleeps."""

from __future__ import annotations

import random

import pytest

from pipeline.acquire.client import Client
from pipeline.acquire.manners import Timeouts
from tests.servers import pictures


@pytest.fixture
def server(fake_time):
    with pictures.serving(fake_time.clock) as site:
        yield site


@pytest.fixture
def make_client(fake_time):
    """Clients that share the test's time, as runs one after the other would."""
    made = []

    def make(**changes) -> Client:
        settings = {
            "sleep": fake_time.sleep,
            "clock": fake_time.clock,
            "now": fake_time.now,
            "random": random.Random(0),
            "timeouts": Timeouts(connect_s=2, read_s=0.3, total_s=60),
        }
        made.append(Client(**settings | changes))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client) -> Client:
    return make_client()
