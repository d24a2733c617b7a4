"""Who may work when: one run holds a data directory, and runs of deployments queue instead of colliding.

The lock on the data directory always holds. A deployment's run also takes turns with all others of its
server, by global concurrency limits of one: per data directory, and per site while it is scraped.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists
from prefect.runtime import deployment

from pipeline import store


@contextmanager
def with_data(data: Path) -> Iterator[None]:
    """Hold the data directory; raises DataDirectoryBusy where somebody has it who takes no turns."""
    machine = platform.node() if store.is_local(data) else ""  # an address is the same from every one
    place = hashlib.sha256(f"{machine}:{data}".encode()).hexdigest()[:16]
    with _turn(f"data-{place}"), store.exclusive(data):
        yield


@contextmanager
def with_site(host: str | None) -> Iterator[None]:
    """Ask `host` alone; None is a source that needs no turn."""
    with _turn(f"site-{host}") if host else nullcontext():
        yield


@contextmanager
def _turn(name: str) -> Iterator[None]:
    if deployment.id is None:  # a command of this machine: it fails at once where it cannot have the data
        yield
        return
    with alone(f"impasto-{name}"):
        yield


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Wait until no other run of this Prefect server is within a block of this name."""
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))
    with concurrency(name, strict=True):
        yield
