"""What stages will cost, from what the like of them cost before: manifests, footers, headers of runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from flows.recipes import Recipe
from models import run as runs
from models.errors import TrainingError
from pipeline import manifest
from pipeline.acquire.source import SourceSpec
from pipeline.curate.config import CurateConfig
from pipeline.records import RawRow

_PAUSE_S = 30.0  # a longer gap between two pictures is the end of a run, not the pace of one
_SHARE_OF_PNG = 0.7  # bytes of a written picture per byte of its pixels, where there is none to measure


@dataclass(frozen=True, slots=True)
class Cost:
    """None: nothing of the kind was done here before."""

    seconds: float | None = None
    bytes: int | None = None


def fetching(data: Path, spec: SourceSpec, pictures: int | None) -> Cost:
    """`pictures` more from a source of this kind."""
    if pictures is None:
        return Cost()
    paces, sizes = [], []
    for path in (data / "raw" / spec.kind).glob(f"*/{manifest.NAME}"):
        rows = manifest.read(path, RawRow, ["fetched_at", "bytes"]).drop_null()
        times = sorted(rows["fetched_at"].to_pylist())
        gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
        paces += [gap for gap in gaps if gap < _PAUSE_S]
        sizes += rows["bytes"].to_pylist()
    return Cost(
        seconds=_times(pictures, paces),
        bytes=round(fmean(sizes) * pictures) if sizes else None,
    )


def curating(data: Path, config: CurateConfig, pictures: int) -> Cost:
    """`pictures` decoded, looked at and written."""
    paces = []
    for path in (data / "processed").glob(f"*/{manifest.NAME}"):
        footer = manifest.meta(path)
        if int(footer.get("computed", 0)):
            paces.append(float(footer["seconds"]) / int(footer["computed"]))
    size = config.size**2 * config.channels * _SHARE_OF_PNG
    return Cost(seconds=_times(pictures, paces), bytes=round(size * pictures))


def training(data: Path, recipe: Recipe) -> Cost:
    """The rest of the recipe's run."""
    paces, sizes = [], []
    for path in (data / "runs").glob("*/generator.safetensors"):
        about = runs.read_header(path)
        if about and about["network"] == recipe.train.network and about["pictures_seen"]:
            paces.append(about["seconds"] / about["pictures_seen"])
            sizes.append(sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file()))
    return Cost(seconds=_training_left_s(data, recipe, paces), bytes=round(fmean(sizes)) if sizes else None)


def _training_left_s(data: Path, recipe: Recipe, paces: list[float]) -> float | None:
    config = recipe.train
    try:
        run = runs.find(config, recipe.name, data)
    except TrainingError:  # no dataset yet
        return config.minutes * 60 if config.minutes else None
    (step, _, seconds), length = run.position(), run.length
    if length.steps is None:
        return max(0.0, (length.seconds or 0.0) - seconds)
    return _times(max(0, length.steps - step) * config.batch_size, paces)


def total(costs: Iterable[Cost]) -> Cost:
    """All of them together, as far as they are known."""
    costs = list(costs)
    seconds = [cost.seconds for cost in costs if cost.seconds is not None]
    sizes = [cost.bytes for cost in costs if cost.bytes is not None]
    return Cost(sum(seconds) if seconds else None, sum(sizes) if sizes else None)


def _times(pictures: int, seconds_each: list[float]) -> float | None:
    return pictures * fmean(seconds_each) if seconds_each else None
