"""Curation: from raw pictures to a dataset, doing again only what its inputs ask for.

Facts of pixels are looked up or found out in processes, shard by shard; what is kept is then chosen from the
facts of all, in manifest order; what was chosen and is not there yet is cut; and the dataset is published.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline import manifest, store
from pipeline.curate import crop, dataset, duplicates, inputs, quality, review, workers
from pipeline.curate.config import CurateConfig
from pipeline.curate.faces import DETECTORS
from pipeline.curate.workbench import Workbench
from pipeline.curate.workers import Runner
from pipeline.errors import TooFewPictures
from pipeline.records import Selection, Tick

VERSION = 2  # of the stage: bumped when its output changes though none of its parts' versions does


@dataclass(frozen=True, slots=True)
class Curated:
    kept: int
    rejected: int
    by_reason: dict[str, int]
    recomputed: int  # pictures whose pixels were looked at in this run
    digest: str  # of the kept pictures: numbers and bytes
    held_out: int = 0  # of the kept: not for training


@dataclass(frozen=True, slots=True)
class Outlook:
    """What curating now would do."""

    done: bool
    key: str  # of all that the dataset depends on
    rows: int  # pictures selected
    to_compute: int  # pictures whose pixels would be looked at
    why: str


def curate(
    config: CurateConfig,
    name: str,
    selections: Sequence[Selection],
    data: Path,
    *,
    tick: Tick = lambda *_: None,
    force: bool = False,
    run: Runner | None = None,
) -> Curated:
    """Bring data/processed/NAME up to date with what was acquired.

    Raises TooFewPictures after publishing, MissingInput where raw pictures are not there.
    """
    selected = inputs.selected(data, selections)
    key = _key(config, selected, review.overrides(data, name))
    recomputed = total = 0
    if not force and dataset.done(data, name, key):
        table = dataset.read(data, name)
    else:
        if run is None:
            workers.prepare()
            run = functools.partial(workers.run, processes=config.processes)
        bench = Workbench(config, name, data, inputs.pictures(selected), afresh=force)
        del selected
        pa.default_memory_pool().release_unused()  # Arrow keeps what it read, which the bench now has
        while jobs := bench.jobs():
            total += len(jobs)
            for shard, seen in run(bench.work, jobs):
                bench.take(shard, seen)
                recomputed += len(shard)
                tick(recomputed, total)
            store.start_persisting(data, len(jobs))
        table = bench.publish(key)
    return _summed(table, recomputed, config)


def outlook(config: CurateConfig, name: str, selections: Sequence[Selection], data: Path) -> Outlook:
    """What `curate` would do now; looks at no picture and changes nothing."""
    selected = inputs.selected(data, selections)
    key = _key(config, selected, review.overrides(data, name))
    if dataset.done(data, name, key):
        return Outlook(True, key, len(selected), 0, "nothing changed since it was made")
    bench = Workbench(config, name, data, inputs.pictures(selected))
    unknown, uncut = len(bench.unknown()), len(bench.uncut())
    why = f"{unknown:,} pictures to look at, {uncut:,} known ones to cut"
    if not unknown and not uncut:
        why = "no pixels to look at: rows and numbers alone are decided anew"
    return Outlook(False, key, len(selected), unknown + uncut, why)


def _key(config: CurateConfig, selected: pa.Table, overrides: Mapping[str, str]) -> str:
    """Changes with what the dataset depends on: the code, the recipe, the pictures, a person's decisions."""
    keys = dataclasses.asdict(config)
    for unrelated in ("min_pictures", "workers"):
        del keys[unrelated]
    versions = [VERSION, crop.VERSION, quality.VERSION, duplicates.VERSION]
    if config.crop == "face":
        versions.append(DETECTORS[config.looks].version)
    else:
        for unrelated in ("faces", "detector", "margin", "align", "border", "no_face"):
            del keys[unrelated]
    said = json.dumps([versions, keys, inputs.digest(selected), overrides], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _summed(table: pa.Table, recomputed: int, config: CurateConfig) -> Curated:
    kept = manifest.where(table, "status", lambda status: status == "kept")
    reasons = Counter(table["reason"].drop_null().to_pylist())
    by_reason = dict(reasons.most_common())
    if len(kept) < config.min_pictures:
        why = ", ".join(f"{count} {reason}" for reason, count in by_reason.items()) or "no more were acquired"
        raise TooFewPictures(
            f"{len(kept)} of {len(table)} pictures kept, curate.min_pictures asks for {config.min_pictures} "
            f"({why}): acquire more, loosen what rejects them, or lower curate.min_pictures"
        )
    digest = manifest.digest(kept, ["number", "sha256"])
    held_out = len(manifest.where(kept, "split", lambda split: split == "test"))
    return Curated(len(kept), len(table) - len(kept), by_reason, recomputed, digest, held_out)
