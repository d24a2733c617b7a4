"""Runs as the command line makes them: each with a client of its own, on one data directory and ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import manifest
from pipeline.acquire.acquire import acquire
from pipeline.acquire.client import Client
from pipeline.acquire.ledger import Ledger
from pipeline.acquire.run import Acquired
from pipeline.acquire.source import SourceSpec
from pipeline.records import RawRow


@dataclass
class Desk:
    data: Path
    time: Any  # FakeTime
    make_client: Callable[..., Client]

    def run(self, spec: SourceSpec, *, client: dict[str, Any] | None = None, **options: Any) -> Acquired:
        ledger = Ledger(self.data / "raw" / "ledger.sqlite", self.time.now)
        ours = self.make_client(ledger=ledger, **(client or {}))
        try:
            return acquire(spec, self.data, client=ours, now=self.time.now, **options)
        finally:
            ours.close()

    def folder(self, spec: SourceSpec) -> Path:
        return manifest.raw_folder(self.data, spec.kind, spec.collection)

    def rows(self, spec: SourceSpec) -> list[RawRow]:
        return list(manifest.rows(manifest.read(self.folder(spec) / manifest.NAME, RawRow), RawRow))

    def fates(self, spec: SourceSpec) -> list[str]:
        """The reason of each row, or else its status, in order."""
        return [row.reason or row.status for row in self.rows(spec)]

    def bytes_of(self, row: RawRow) -> bytes:
        assert row.path is not None
        return (self.data / row.path).read_bytes()

    def listing(self, spec: SourceSpec) -> dict[str, Any]:
        return json.loads((self.folder(spec) / "listing.json").read_text())


@pytest.fixture
def desk(tmp_path: Path, fake_time: Any, make_client: Callable[..., Client]) -> Desk:
    return Desk(tmp_path / "data", fake_time, make_client)
