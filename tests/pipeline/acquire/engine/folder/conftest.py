"""A folder, and what a run makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.acquire.folder import FolderSpec
from pipeline.records import RawRow
from tests import raw


@pytest.fixture
def here(tmp_path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def rows(data, go):
    """Acquire what is there, and give the rows by source_id."""

    def run(path: Path, **keys) -> dict[str, RawRow]:
        spec = FolderSpec(path=path, **keys)
        go(spec)
        return raw.by_name(data, spec)

    return run
