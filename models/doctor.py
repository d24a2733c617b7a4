"""What a run is likely to suffer from, told before it starts, from the manifest and the recipe alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from models import data as datasets
from models.config import TrainConfig
from models.run import Run

TOPICS = ("pictures", "duplicates", "resolution", "settings")

_FEW = 2000  # pictures, below which a discriminator learns them by heart in minutes
_VERY_FEW = 100
_MOST_VIEWS = 3000  # of each picture, from which on copies are likely
_LITTLE = 10_000  # pictures seen, before which no network shows more than blots and silhouettes
_COLUMNS = ("status", "split", "sha256", "phash", "crop_left", "crop_right")


@dataclass(frozen=True, slots=True)
class Remark:
    topic: str
    text: str
    advice: bool  # something should be done; else it is only told


def examine(run: Run, dedupe: str) -> list[Remark]:
    """Everything there is to say before a step is taken; `dedupe`: the duplicates curation looked for already
    (near, exact or off)."""
    rows = _rows(run)
    return [
        *_pictures(run),
        *_duplicates(rows, dedupe),
        *_resolution(rows, datasets.picture_shape(run.dataset)[0]),
        *_settings(run.config, len(run.dataset)),
    ]


def _rows(run: Run) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(run.dataset.manifest) as file:
        there = [name for name in _COLUMNS if name in file.schema_arrow.names]
        rows: list[dict[str, Any]] = file.read(columns=there).to_pylist()
    return [row for row in rows if row["status"] == "kept" and row.get("split") != "test"]


def _pictures(run: Run) -> Iterator[Remark]:
    count, (size, channels) = len(run.dataset), datasets.picture_shape(run.dataset)
    yield Remark(
        "pictures", f"{count:,} of {size} px, {channels} channel{'s' * (channels > 1)}", advice=False
    )
    gone = [path for path in run.dataset.paths if not path.exists()]
    if gone:
        text = f"{len(gone):,} files are missing, e.g. {gone[0]}; run `impasto preprocess --force`"
        yield Remark("pictures", text, advice=True)
    batch = run.config.batch_size * run.config.devices
    if count < batch:
        text = f"fewer than the {batch:,} of a step: every step sees all; lower train.batch_size"
        yield Remark("pictures", text, advice=True)
    if count < _VERY_FEW:
        text = "so few are learnt by heart; expect copies and variations of them, and look at nearest.png"
        if not run.config.evaluate_every:
            text += ", which --set train.evaluate_every=500 makes"
        yield Remark("pictures", text, advice=True)


def _duplicates(rows: list[dict[str, Any]], dedupe: str) -> Iterator[Remark]:
    """Curation looks more closely than at one hash: what it left is not called a duplicate here."""
    for column, what, remedy in (
        ("sha256", "the same file", "exact"),
        ("phash", "alike (one perceptual hash)", "near"),
    ):
        if dedupe in {remedy, "near"}:
            continue
        values = Counter(row[column] for row in rows if row.get(column) is not None)
        more = sum(count - 1 for count in values.values())
        if more:
            text = f"{more:,} of them are {what} as another; --set curate.dedupe={remedy} drops such"
            yield Remark("duplicates", text, advice=True)
            return
    yield Remark("duplicates", "none left", advice=False)


def _resolution(rows: list[dict[str, Any]], size: int) -> Iterator[Remark]:
    sides = [row["crop_right"] - row["crop_left"] for row in rows if row.get("crop_right") is not None]
    if not sides:
        return
    enlarged = sum(side < size for side in sides)
    text = f"the squares were {median(sides):,.0f} px wide in the median before they became {size}"
    yield Remark("resolution", text, advice=False)
    if enlarged > len(sides) / 10:
        text = f"{enlarged / len(sides):.0%} were enlarged to {size} px and are soft; lower curate.size"
        yield Remark("resolution", text, advice=True)


def _settings(config: TrainConfig, count: int) -> Iterator[Remark]:
    """What few pictures need; see docs/training.md, "What collapses, and what holds"."""
    if count >= _FEW:
        return
    held = {*config.augment} - {"mirror"} or config.norm_d == "spectral" or config.r1
    if not held:
        names = ",".join(f'"{name}"' for name in (*config.augment, "diffaugment"))
        sets = f"--set train.norm_d=spectral --set 'train.augment=[{names}]'"
        text = (
            f"on fewer than {_FEW:,} pictures the discriminator soon wins and the rest is noise; "
            f"--set train.network=modern holds, and this network may with {sets}"
        )
        yield Remark("settings", text, advice=True)
    if not config.ema:
        text = "a running average is calmer than the generator itself: --set train.ema=true"
        yield Remark("settings", text, advice=True)
    if not config.evaluate_every:
        text = "the best generator is kept only where it is measured: --set train.evaluate_every=500"
        yield Remark("settings", text, advice=False)


def views(run: Run, steps: int) -> Remark:
    """How often a run of so many steps shows each picture."""
    order = datasets.Order(
        len(run.dataset), run.config.batch_size, run.config.seed, processes=run.config.devices
    )
    times = steps * order.batch_size / len(run.dataset)
    if times > _MOST_VIEWS:
        text = f"each is seen {times:,.0f} times, which is long; watch for copies (train.evaluate_every)"
        return Remark("pictures", text, advice=True)
    often = {0: "less than once", 1: "once"}.get(round(times), f"{times:,.0f} times")
    return Remark("pictures", f"each is seen {often}", advice=False)


def length(run: Run, steps: int) -> Iterator[Remark]:
    """What a run of so few steps will not show."""
    if steps < run.config.sample_every:
        text = (
            f"about {steps:,} steps are soon over: one grid, at the end, and little learnt; longer is better "
            f"and --set train.sample_every={max(1, steps // 10)} shows how it begins"
        )
        yield Remark("settings", text, advice=True)


def after(config: TrainConfig, pictures_seen: int) -> Iterator[Remark]:
    """Of a run that ends so: what it will not show."""
    if config.minutes is not None and pictures_seen < _LITTLE:
        minutes = math.ceil(config.minutes * _LITTLE / max(1, pictures_seen))
        text = (
            f"{pictures_seen:,} pictures seen are few, on a slow or a busy machine: expect blots; "
            f"--set train.minutes={minutes} goes on from here"
        )
        yield Remark("settings", text, advice=True)
