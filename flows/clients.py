"""The one client of a run: it paces all sources together and remembers refusals between runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import recipes
from flows.orders import now
from pipeline import store
from pipeline.acquire.client import Client
from pipeline.acquire.ledger import Ledger


@contextmanager
def client(data: Path) -> Iterator[Client]:
    ledger = Ledger(store.near(data) / "raw" / "ledger.sqlite", now)
    one = Client(ledger=ledger, pace=recipes.pace(), now=now, ca_bundle=recipes.ca_bundle())
    try:
        yield one
    finally:
        one.close()
