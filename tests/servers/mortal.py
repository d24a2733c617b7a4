"""Acquisitions in processes of their own, which die at named points of the work."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import manifest
from pipeline.acquire import acquire as stage
from pipeline.acquire import collection, journal, listing
from pipeline.acquire import run as acquisition
from pipeline.acquire.client import Client
from pipeline.acquire.source import SourceSpec
from tests.servers.processes import PROCESSES
from tests.servers.shelf import Shelf

POINTS: dict[str, tuple[Any, str, int, bool]] = {
    "before the first picture": (Shelf, "fetch", 1, False),
    "while pictures arrive": (Shelf, "fetch", 9, False),
    "between bytes and journal": (collection.Collection, "keep", 5, True),
    "after the first is listed": (journal.Journal, "listed", 1, True),
    "while listing": (journal.Journal, "listed", 14, True),
    "when all are listed": (journal.Journal, "listed", 23, True),
    "between the last picture and the end": (acquisition.Run, "_end", 1, False),
    "between pictures and manifest": (manifest, "write", 1, False),
    "between manifest and listing.json": (listing, "write", 1, False),
    "between listing.json and the end": (listing, "write", 1, True),
}


def start(spec: SourceSpec, data: Path, point: str | None = None) -> Any:
    process = PROCESSES.Process(target=_acquire, args=(spec, data, point))
    process.start()
    return process


def run(spec: SourceSpec, data: Path, point: str | None = None) -> None:
    """Acquire; dies at `point`, if one is named."""
    process = start(spec, data, point)
    process.join(60)
    assert process.exitcode == (-signal.SIGKILL if point else 0)


def _acquire(spec: SourceSpec, data: Path, point: str | None) -> None:
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # who runs the tests in the background ignores it
    if point is not None:
        _die_at(*POINTS[point])
    stage.acquire(spec, data, client=Client(pace=0), now=lambda: dt.datetime.now(dt.UTC))


def _die_at(place: Any, name: str, nth: int, after: bool) -> None:
    true: Callable[..., Any] = getattr(place, name)
    calls = itertools.count(1)

    def fatal(*arguments: Any, **named: Any) -> Any:
        call = next(calls)
        result = true(*arguments, **named) if after or call != nth else None
        if call == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(place, name, fatal)
