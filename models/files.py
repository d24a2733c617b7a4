"""Files that appear whole or not at all (models shares no code with the pipeline, so it has its own)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def publish(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file beside `path`, make it durable, then give it its name.

    Not `durable`: whole or not at all as long as the machine stays on, for what is made again in no time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        write(part)
        part.chmod(0o644)
        if durable:
            _fsync(part)
        part.replace(path)
        if durable:
            _fsync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half-written anywhere in `folder`."""
    for part in folder.rglob(".part-*"):
        part.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
