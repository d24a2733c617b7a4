"""What sources have in common that are a file or folder of this machine."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.acquire.source import SourceSpec

_SUFFIX = re.compile(r"(\.tar)?\.(zip|tar|tgz|tbz2|txz|gz|bz2|xz|txt|csv|tsv|parquet)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSpec(SourceSpec):
    path: Path

    @property
    def absolute(self) -> Path:
        return Path(os.path.abspath(self.path.expanduser()))  # noqa: PTH100 (links stay as the user named them)

    @property
    def collection(self) -> str:
        """The base name without its suffix, and what tells it from others of that name."""
        base = _SUFFIX.sub("", self.absolute.name)
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", base).strip("-")[:60] or self.kind
        return f"{name}-{hashlib.sha256(os.fsencode(self.absolute)).hexdigest()[:8]}"
