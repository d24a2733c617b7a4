"""What is kept of a collection's last listing (listing.json): may it be relied on, where did it stop."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.acquire.source import SourceSpec

NAME = "listing.json"
COMPLETE = "complete"
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Listing:
    at: dt.datetime  # UTC, when it began
    complete: bool = False  # it reached its limit, or the end of the source
    outcome: str = INTERRUPTED  # complete | interrupted | a slug of LISTING_REASONS
    position: str | None = None  # where an incomplete one goes on, in the source's own words
    limit: int | None = None  # the most pictures it was to list
    cut: bool = False  # the limit ended it: there may be more
    listed: int = 0  # pictures counted towards the limit
    scope: str = ""  # SourceSpec.scope
    fingerprint: str | None = None  # SourceSpec.fingerprint() when it began

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"at": self.at.isoformat()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Listing:
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: fields[key] for key in fields.keys() & known} | {"at": _time(fields["at"])})


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def read(folder: Path) -> Listing | None:
    """The last listing of the collection in `folder`; None where there was none that can be read."""
    try:
        return Listing.from_json(json.loads((folder / NAME).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # listing again is all that a lost one costs


def write(folder: Path, listing: Listing, counts: Mapping[str, int]) -> None:
    """`counts`: rows of the collection by status, for people."""
    text = json.dumps(listing.to_json() | {"counts": dict(counts)}, indent=1) + "\n"
    store.write_text(folder / NAME, text)


def why_due(last: Listing | None, spec: SourceSpec, now: dt.datetime) -> str | None:
    """Why `spec` has to list again; None where the last listing serves."""
    if last is None:
        return "never listed"
    if not last.complete:
        return f"the last listing is not complete ({last.outcome})"
    if last.scope != spec.scope:
        return "the last listing was of another part"
    if last.cut and (spec.limit is None or last.limit is None or spec.limit > last.limit):
        return f"the last listing ended at its limit of {last.limit}"
    fingerprint = spec.fingerprint()
    if fingerprint is not None:
        return None if fingerprint == last.fingerprint else "the source has changed"
    return "the last listing is too old" if now - last.at > spec.refresh else None
