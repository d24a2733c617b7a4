"""The site as it is when all is well."""

from __future__ import annotations

import pytest

from tests.servers.pictures import serving
from tests.servers.wikiart import COUNT, keep, local, painting, show


@pytest.fixture
def paintings():
    return [painting(number) for number in range(COUNT)]


@pytest.fixture
def contents(server, paintings):
    """The bytes by painting and size."""
    show(server, paintings)
    return [keep(server, item) for item in paintings]


@pytest.fixture
def spec(server, contents):
    return local(server)(genre="portrait")


@pytest.fixture
def files(fake_time):
    """The other host, where the site keeps its pictures: they are had though a page is refused."""
    with serving(fake_time.clock, address="127.0.0.2") as host:
        yield host
