"""What a stage did, in one line for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows import console

if TYPE_CHECKING:
    from models.records import Trained
    from pipeline.acquire.run import Acquired
    from pipeline.acquire.source import SourceSpec
    from pipeline.curate.curate import Curated


def place(spec: SourceSpec) -> str:
    """Where the pictures of a source lie, under data/raw."""
    return f"{spec.kind}/{spec.collection}"


def acquired(done: Acquired) -> str:
    """`862 pictures fetched, 8 failed (8 http_404), 1,000 known before`."""
    why = ", ".join(f"{count:,} {reason}" for reason, count in done.reasons.items())
    others = {f"failed ({why})": done.failed, "skipped": done.skipped, "known before": done.known}
    rest = [f"{count:,} {name}" for name, count in others.items() if count]
    return ", ".join([f"{done.fetched:,} pictures fetched", *rest])


def curated(done: Curated) -> str:
    """`800 kept, 62 rejected (32 near_duplicate, 20 duplicate, 10 too_small)`."""
    reasons = sorted(done.by_reason.items(), key=lambda item: -item[1])
    why = f" ({', '.join(f'{count:,} {reason}' for reason, count in reasons)})" if reasons else ""
    held_out = f" ({done.held_out:,} of them held out)" if done.held_out else ""
    return f"{done.kept:,} pictures kept{held_out}, {done.rejected:,} rejected{why}"


def trained(done: Trained) -> str:
    """`step 900, 57,600 pictures seen in 4 min`."""
    return f"step {done.step:,}, {done.pictures_seen:,} pictures seen in {console.duration(done.seconds)}"
