"""What an acquisition has done so far, line by line: a killed one loses nothing but what was in flight.

journal.jsonl lives only while an acquisition runs, or after one that was killed: the manifest takes it in.
Where the collection lies in an object store, which appends to nothing, it lives on this machine.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline import store
from pipeline.acquire.listing import Listing
from pipeline.records import Key, Listed

NAME = "journal.jsonl"
_SYNC_EVERY = 200  # lines that a power cut may cost; a killed process costs none


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture: these replace the fields of its row."""

    status: str
    attempts: int = 0
    reason: str | None = None
    detail: str | None = None
    fetched_at: dt.datetime | None = None
    image_id: str | None = None
    path: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    version: str | None = None
    source_url: str | None = None  # where the bytes were found; None: as listed


Entry = Listed | Listing | tuple[Key, Outcome]


def path(folder: Path) -> Path:
    """The journal of the collection in `folder`, if there is one."""
    return store.near(folder) / NAME


class Journal:
    """Open for appending; thread-safe."""

    def __init__(self, folder: Path) -> None:
        path(folder).parent.mkdir(parents=True, exist_ok=True)
        self._file = path(folder).open("ab")
        self._lock = threading.Lock()
        self._unsynced = 0

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._sync()
            self._file.close()

    def listed(self, picture: Listed) -> None:
        self._append("listed", _fields(picture))

    def outcome(self, key: Key, outcome: Outcome) -> None:
        self._append("outcome", {"key": key} | _fields(outcome))

    def listing(self, listing: Listing) -> None:
        self._append("listing", listing.to_json())

    def _append(self, what: str, fields: dict[str, Any]) -> None:
        line = json.dumps({what: fields}) + "\n"
        with self._lock:
            self._file.write(line.encode())
            self._file.flush()
            self._unsynced += 1
            if self._unsynced >= _SYNC_EVERY:
                self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._unsynced = 0


def read(folder: Path) -> Iterator[Entry]:
    """The entries in order, up to the first line that a crash or a power cut left torn."""
    if not path(folder).exists():
        return
    with path(folder).open("rb") as file:
        for line in file:
            try:
                [(what, fields)] = json.loads(line).items()
            except ValueError:
                return
            yield _entry(what, fields)


def _entry(what: str, fields: dict[str, Any]) -> Entry:
    if what == "listing":
        return Listing.from_json(fields)
    for name in ("published_at", "fetched_at"):
        if name in fields:
            fields[name] = dt.datetime.fromisoformat(fields[name])
    if what == "listed":
        return Listed(**fields)
    return Key(*fields.pop("key")), Outcome(**fields)


def _fields(record: Listed | Outcome) -> dict[str, Any]:
    """The fields that say something."""
    values = ((field.name, getattr(record, field.name)) for field in dataclasses.fields(record))
    return {
        name: value.isoformat() if isinstance(value, dt.datetime) else value
        for name, value in values
        if value is not None
    }
