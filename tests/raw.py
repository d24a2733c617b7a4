"""What an acquisition left, as tests look at it."""

from __future__ import annotations

from pathlib import Path

from pipeline import manifest
from pipeline.acquire.source import SourceSpec
from pipeline.records import RawRow


def folder(data: Path, spec: SourceSpec) -> Path:
    return manifest.raw_folder(data, spec.kind, spec.collection)


def rows(data: Path, spec: SourceSpec) -> list[RawRow]:
    """In manifest order."""
    return list(manifest.rows(manifest.read(folder(data, spec) / manifest.NAME, RawRow), RawRow))


def by_name(data: Path, spec: SourceSpec) -> dict[str, RawRow]:
    return {row.source_id: row for row in rows(data, spec)}


def fates(data: Path, spec: SourceSpec) -> dict[str, str]:
    """Status, or the reason why not, by source_id."""
    return {row.source_id: row.reason or row.status for row in rows(data, spec)}
