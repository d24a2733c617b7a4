"""The stage that brings pictures in: list what a source has, fetch what is not there, account for the rest.

    source.list_pictures ──> journal ──┐
    source.fetch ──> check, store ──> journal ──> manifest.parquet, listing.json

Killed at any moment, the next run takes the journal in and goes on from there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.acquire.client import Client
from pipeline.acquire.collection import Collection
from pipeline.acquire.forget import forgotten_images
from pipeline.acquire.listing import why_due
from pipeline.acquire.run import Acquired, Run
from pipeline.acquire.source import SourceSpec
from pipeline.records import Tick

VERSION = 1


@dataclass(frozen=True, slots=True)
class Outlook:
    done: bool
    known: int  # pictures ever listed
    to_fetch: int  # of those, still owed
    why: str  # one line


def _untold(_done: int, _total: int | None) -> None:
    """Progress that nobody follows."""


def acquire(
    spec: SourceSpec,
    data: Path,
    *,
    client: Client,
    now: Callable[[], dt.datetime],
    anew: bool = False,
    tick: Tick = _untold,
) -> Acquired:
    """List, where that is due or `anew` is asked for, and fetch what is owed.

    Raises SourceRefused where the source ends it; what was fetched until then is in the manifest.
    """
    known = _open(spec, data)
    due = anew or why_due(known.listing, spec, now()) is not None
    owed = known.owed(spec.selection, passing=due)
    if not due and not owed:
        return Acquired()
    return Run(spec, known, client, now, tick).go(owed, list_first=due)


def retry(
    spec: SourceSpec,
    data: Path,
    *,
    client: Client,
    now: Callable[[], dt.datetime],
    reason: str | None = None,
    tick: Tick = _untold,
) -> Acquired:
    """Fetch again what failed, all of it or what failed for `reason`, without listing anew."""
    known = _open(spec, data)
    failed = [row for row in known.rows.values() if row.status == "failed" and reason in {None, row.reason}]
    return Run(spec, known, client, now, tick).go(failed, list_first=False) if failed else Acquired()


def outlook(spec: SourceSpec, data: Path, *, now: Callable[[], dt.datetime]) -> Outlook:
    """What `acquire` would do, told without a network and without changing anything."""
    known = Collection(data, spec.kind, spec.collection)
    why = "the last run was killed" if known.has_journal() else why_due(known.listing, spec, now())
    owed = len(known.owed(spec.selection, passing=why is not None))
    if why is None and owed:
        why = f"{owed} of {len(known.rows)} pictures are not there yet"
    done = f"all {len(known.rows)} pictures are accounted for"
    return Outlook(why is None, len(known.rows), owed, why or done)


def _open(spec: SourceSpec, data: Path) -> Collection:
    known = Collection(data, spec.kind, spec.collection)
    if known.has_journal():
        known.sweep()
        known.fold()
    known.forgotten = forgotten_images(data)
    return known
