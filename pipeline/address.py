"""Data directories that lie elsewhere: s3://bucket/data, or whatever else fsspec reaches.

A path there is one of universal_pathlib's, which has pathlib's methods, except those that an object store
cannot have: nothing is appended to, and nothing is renamed. Objects appear whole.
"""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from pipeline.errors import ConfigError, DataDirectoryBusy, MissingInput

LOCK = ".lock"
# Packages whose errors tell of the store, not of us.
_CLIENTS = frozenset("aiobotocore aiohttp azure botocore gcsfs google s3fs".split())


def there(address: str) -> Path:
    """What stands for `address` (PROTOCOL://…); a local path where it is one of this machine after all.

    Raises ConfigError where no installed package knows the protocol, MissingInput where nobody answers.
    """
    try:
        from upath import UPath

        # What other processes write has to be seen.
        path = UPath(address, use_listings_cache=False)
        filesystem = path.fs
    except (ImportError, ValueError) as error:
        remedy = "pip install 'impasto[s3]' for s3://, the store's fsspec package for others"
        raise ConfigError("--data", address, f"cannot be used ({error}); {remedy}") from error
    if not str(path.path).strip("/"):
        raise ConfigError("--data", address, "names no place in the store; e.g. s3://bucket/data")
    if path.protocol in {"file", "local"}:
        return Path(str(path.path)).absolute()
    try:
        filesystem.exists(path.path)
    except Exception as error:  # every store has errors of its own, for every thing that can be wrong
        raise _unreachable(address, error) from error
    return cast(Path, path)


def opened(path: Path) -> tuple[Any, str]:
    """The fsspec file system of a path elsewhere, and what it calls the path."""
    return cast(Any, path).fs, cast(Any, path).path


def near(path: Path) -> Path:
    """A place of this machine for what goes with `path` and cannot lie elsewhere."""
    _, key = opened(path)
    return Path.home() / ".cache" / "impasto" / str(cast(Any, path).protocol) / key.strip("/")


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold `data` by an object in it, for as long as the block lasts; one run of this machine at a time.

    The object of a run of this machine that was killed is taken over. That of another machine stays until a
    person removes it: nobody here can know whether that run still goes on. Two machines that begin within the
    same moment are told apart where the store creates objects exclusively (S3 does).
    """
    token = _token(near(data))
    filesystem, key = opened(data / LOCK)
    note = f"process {os.getpid()} of {platform.node()}\n{token}".encode()
    try:
        _take(filesystem, key, note, token, data)
    except (DataDirectoryBusy, KeyboardInterrupt):
        raise
    except Exception as error:  # as above
        raise _unreachable(str(data), error) from error
    try:
        yield
    except Exception as error:  # of the store's client, or the run's own, which goes on as it is
        if isinstance(error, PermissionError) or type(error).__module__.partition(".")[0] in _CLIENTS:
            raise _unreachable(str(data), error) from error
        raise
    finally:
        with suppress(Exception):  # where the store is out of reach the object stays, as after a kill
            filesystem.rm_file(key)


def _take(filesystem: Any, key: str, note: bytes, token: str, data: Path) -> None:
    try:
        filesystem.pipe_file(key, note, mode="create")
    except FileExistsError as error:
        holder, _, theirs = filesystem.cat_file(key).decode().partition("\n")
        if theirs != token:
            raise DataDirectoryBusy(
                f"{data} is in use by {holder}: wait until it has ended, or, if it was killed, remove "
                f"{data / LOCK}"
            ) from error
        filesystem.pipe_file(key, note)


def _token(folder: Path) -> str:
    """What this machine's runs on the same data are known by."""
    path = folder / ".machine"
    if not path.exists():
        path.write_text(secrets.token_hex(16))
    return path.read_text()


def _unreachable(address: str, error: Exception) -> MissingInput:
    why = f"{type(error).__name__}: {error}".rstrip(": ")
    return MissingInput(f"data directory {address}: cannot be used ({why}); check address and access")
