"""A world with a local Instagram in it, and no time but its own."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import manifest
from pipeline.acquire.acquire import acquire
from pipeline.acquire.client import Client
from pipeline.acquire.instagram import InstagramSpec
from pipeline.acquire.ledger import Ledger
from pipeline.acquire.manners import Timeouts
from pipeline.acquire.run import Acquired
from pipeline.records import Key, RawRow
from tests.servers.instagram import Instagram, redirected, serving


@dataclass
class World:
    site: Instagram
    port: int
    time: Any  # FakeTime
    folder: Path
    pace: float = 0.0
    read_s: float = 20.0  # of real time: tests of stalled bodies shorten it

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def scrape(self, account: str = "kah__bane", **keys: Any) -> Acquired:
        """What `impasto scrape` does, in a start of its own; raises what it raises."""
        client = Client(
            ledger=Ledger(self.data / "raw" / "ledger.sqlite", self.time.now),
            pace=self.pace,
            sleep=self.time.sleep,
            clock=self.time.clock,
            now=self.time.now,
            random=random.Random(1),
            timeouts=Timeouts(read_s=self.read_s, total_s=100_000),
            ca_bundle=str(self.ca),
        )
        spec = InstagramSpec(account=account, **keys)
        try:
            return acquire(spec, self.data, client=client, now=self.time.now, anew=True)
        finally:
            client.close()

    def rows(self, data: Path | None = None) -> dict[Key, RawRow]:
        path = manifest.raw_folder(data or self.data, "instagram", "kah__bane") / manifest.NAME
        return {row.key: row for row in manifest.rows(manifest.read(path, RawRow), RawRow)}

    def bytes_of(self, row: RawRow) -> bytes:
        assert row.path is not None
        return (self.data / row.path).read_bytes()

    def session(self) -> str:
        """The path of a session file as instaloader saves it: a pickled dictionary of cookies."""
        path = self.folder / "session-reader"
        cookies = {"sessionid": "77%3Asecretsession", "ds_user_id": "77", "csrftoken": "membertoken"}
        path.write_bytes(pickle.dumps(cookies))
        path.chmod(0o600)
        return str(path)


@pytest.fixture
def world(tmp_path: Path, fake_time: Any) -> Iterator[World]:
    site = Instagram(clock=fake_time.clock)
    with serving(site, tmp_path) as port, redirected(port):
        yield World(site, port, fake_time, tmp_path)
