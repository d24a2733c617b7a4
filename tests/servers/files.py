"""Files on this machine, which are a source too."""

from __future__ import annotations

from pathlib import Path

from pipeline.records import RawRow
from tests.servers.pictures import picture

JPG = picture(1)


def put(path: Path, content: bytes = JPG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fates(rows: dict[str, RawRow]) -> dict[str, str]:
    return {name: row.reason or row.status for name, row in rows.items()}
