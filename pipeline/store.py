"""Files that appear whole or not at all, and the lock that gives a data directory to one run at a time."""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import DataDirectoryBusy, MissingInput

_NUMBERS = itertools.count()


@contextmanager
def beside(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` when the block ends, and vanishes if it fails.

    `durable` fsyncs file and folder: for what cannot be made again (raw bytes, manifests, checkpoints).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process and a number in it: one run at a time holds a data directory, so no other has this name.
    temporary = path.with_name(f".part-{os.getpid()}-{next(_NUMBERS)}{path.suffix}")
    try:
        yield temporary
        if durable:
            _fsync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _fsync(path.parent)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    with beside(path, durable=durable) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str, *, durable: bool = True) -> None:
    write_bytes(path, content.encode(), durable=durable)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-written in `folder` (not below it)."""
    for part in folder.glob(".part-*"):
        part.unlink(missing_ok=True)


@contextmanager
def exclusive(data: Path) -> Iterator[None]:
    """Hold the data directory `data` alone; the lock goes with the process, however it ends.

    Raises DataDirectoryBusy at once where another run holds it.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / ".lock").open("a+")
    except OSError as error:
        raise MissingInput(f"data directory {data}: cannot be written ({error.strerror})") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise DataDirectoryBusy(
                f"{data} is in use by {holder}: wait until it has ended, or give this run another --data"
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
