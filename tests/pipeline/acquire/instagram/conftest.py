"""A world with a local Instagram in it, and no time but its own."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline import manifest
from pipeline.acquire import acquire as stage
from pipeline.acquire.client import Client
from pipeline.acquire.instagram import InstagramSpec
from pipeline.acquire.ledger import Ledger
from pipeline.acquire.manners import Timeouts
from pipeline.acquire.run import Acquired
from pipeline.records import Key, RawRow
from tests.servers.instagram import Instagram, redirected, serving


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC) + dt.timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.seconds += seconds


@dataclass
class World:
    site: Instagram
    clock: Clock
    data: Path
    ca: Path
    pace: float = 0.0
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(read_s=0.3))

    def client(self) -> Client:
        return Client(
            ledger=Ledger(self.data / "raw" / "ledger.sqlite", self.clock.now),
            pace=self.pace,
            sleep=self.clock.sleep,
            clock=self.clock,
            now=self.clock.now,
            random=random.Random(1),
            timeouts=self.timeouts,
            ca_bundle=str(self.ca),
        )

    def scrape(self, account: str = "kah__bane", **keys: Any) -> Acquired:
        """What `impasto scrape` does; raises what it raises."""
        client = self.client()
        try:
            return stage.acquire(
                InstagramSpec(account=account, **keys),
                self.data,
                client=client,
                now=self.clock.now,
                anew=True,
            )
        finally:
            client.close()

    def rows(self, account: str = "kah__bane") -> dict[Key, RawRow]:
        path = manifest.raw_folder(self.data, "instagram", account) / manifest.NAME
        return {row.key: row for row in manifest.rows(manifest.read(path, RawRow), RawRow)}

    def bytes_of(self, row: RawRow) -> bytes:
        assert row.path is not None
        return (self.data / row.path).read_bytes()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = Clock()
    site = Instagram(clock=clock)
    with serving(site, tmp_path) as port, redirected(port):
        yield World(site, clock, tmp_path / "data", tmp_path / "ca.pem")
