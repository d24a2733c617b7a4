"""Files that appear whole or not at all, and the lock that gives a data directory to one run at a time.

Data directories are folders of this machine or lie in an object store (address.py); what pathlib does not do
alike for both goes through here.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pipeline import address
from pipeline.errors import DataDirectoryBusy, MissingInput

A = TypeVar("A")
B = TypeVar("B")
_NUMBERS = itertools.count()
_MANY = 200  # files that are quicker persisted with all else that the machine has to write
_AT_ONCE = 16  # requests to an object store


def located(where: str | os.PathLike[str]) -> Path:
    """A folder of this machine, or PROTOCOL://… elsewhere. Raises ConfigError, MissingInput."""
    if isinstance(where, str) and "://" in where:
        return address.there(where)
    return Path(where).expanduser().absolute()


def is_local(path: Path) -> bool:
    return isinstance(path, Path)


def near(path: Path) -> Path:
    """`path` itself where it is local, else a place of this machine for what an object store cannot hold:
    what is appended to, what is locked, and what is quickly computed again.
    """
    return path if is_local(path) else address.near(path)


@contextmanager
def beside(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` when the block ends, and vanishes if it fails.

    `durable` fsyncs file and folder: for what cannot be made again (raw bytes, manifests, checkpoints).
    """
    if not is_local(path):
        with _uploaded(path) as temporary:
            yield temporary
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process and a number in it: one run at a time holds a data directory, so no other has this name.
    temporary = path.with_name(f".part-{os.getpid()}-{next(_NUMBERS)}{path.suffix}")
    try:
        yield temporary
        if durable:
            _fsync(temporary)
        temporary.replace(path)
    except BaseException:  # Ctrl-C, too: no half a file stays behind
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _fsync(path.parent)


@contextmanager
def _uploaded(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / path.name
        yield temporary
        filesystem, key = address.opened(path)
        filesystem.put_file(str(temporary), key)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    if not is_local(path):
        filesystem, key = address.opened(path)
        filesystem.pipe_file(key, content)
        return
    with beside(path, durable=durable) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str, *, durable: bool = True) -> None:
    write_bytes(path, content.encode(), durable=durable)


def move(path: Path, target: Path, content: bytes) -> None:
    """`path`, whose `content` is known, becomes `target`; elsewhere it may stay where it was, too."""
    if is_local(path):
        path.replace(target)
    else:
        write_bytes(target, content)


def start_persisting(data: Path, files: int) -> None:
    """Let the machine begin to write what it holds of so many `files`, so that `persist` waits for less."""
    if files > _MANY and is_local(data):
        threading.Thread(target=os.sync, daemon=True).start()


def persist(data: Path, names: Sequence[str]) -> None:
    """Return once what is in these files below `data`, and that they are there, outlives a power failure."""
    if not names or not is_local(data):
        return
    if len(names) > _MANY:
        os.sync()  # all at once: one by one would take a minute for what a second holds
        return
    paths = [data / name for name in names]
    for path in paths:
        _fsync(path)
    for folder in {path.parent for path in paths}:
        _fsync(folder)


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the files in `folder` by name; of none where it is not there."""
    if not is_local(folder):
        return _sizes_elsewhere(folder)
    if not folder.exists():
        return {}
    with os.scandir(folder) as entries:
        return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}


def _sizes_elsewhere(folder: Path) -> dict[str, int]:
    filesystem, key = address.opened(folder)
    try:
        found = filesystem.ls(key, detail=True)
    except FileNotFoundError:
        return {}
    # Some tools put an empty object where they think of a folder.
    files = (one for one in found if one["type"] == "file" and one["name"].strip("/") != key.strip("/"))
    return {one["name"].rpartition("/")[2]: one["size"] for one in files}


def make_folder(folder: Path) -> None:
    if is_local(folder):  # elsewhere there are none, only names with slashes
        folder.mkdir(parents=True, exist_ok=True)


def remove_folder(folder: Path) -> None:
    """With all that is in it, where it is there."""
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        filesystem, key = address.opened(folder)
        filesystem.rm(key, recursive=True)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-written in `folder` (not below it)."""
    if is_local(folder):  # elsewhere nothing is half-written
        for part in folder.glob(".part-*"):
            part.unlink(missing_ok=True)


@contextmanager
def requests(data: Path) -> Iterator[Callable[[Callable[[A], B], Iterable[A]], Iterator[B]]]:
    """What maps a function that asks for files of `data` over many: one by one where they are local, else
    several at once, for an object store answers slowly and many.
    """
    if is_local(data):
        yield map
        return
    with ThreadPoolExecutor(_AT_ONCE, "request") as pool:
        yield pool.map


@contextmanager
def exclusive(data: Path) -> Iterator[None]:
    """Hold the data directory `data` alone; on this machine the lock goes with the process, however it ends.

    Raises DataDirectoryBusy at once where another run holds it.
    """
    with _held(near(data), data):
        if is_local(data):
            yield
        else:
            with address.locked(data):
                yield


@contextmanager
def _held(folder: Path, data: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / address.LOCK).open("a+")
    except OSError as error:
        raise MissingInput(f"data directory {folder}: cannot be written ({error.strerror})") from error
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
