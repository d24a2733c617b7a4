"""The site as it is when all is well."""

from __future__ import annotations

import pytest

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
