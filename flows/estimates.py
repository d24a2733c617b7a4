"""What stages will cost, from what the like of them cost here before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from flows import rates
from flows.recipes import Recipe
from models import run as runs
from models.errors import TrainingError
from pipeline import manifest
from pipeline.acquire.source import SourceSpec
from pipeline.curate.config import CurateConfig
from pipeline.records import RawRow

_SHARE_OF_PNG = 0.7  # bytes of a written picture per byte of its pixels, where there is none to measure


@dataclass(frozen=True, slots=True)
class Cost:
    """None: nothing of the kind was done here before."""

    seconds: float | None = None
    bytes: int | None = None


NOTHING = Cost(0.0, 0)


def fetching(data: Path, spec: SourceSpec, pictures: int | None) -> Cost:
    """`pictures` more from a source of this kind; None: nobody knows how many."""
    if pictures is None:
        return Cost()
    kind = data / "raw" / spec.kind
    sizes = [
        size
        for path in kind.glob(f"*/{manifest.NAME}")
        for size in manifest.read(path, RawRow, ["bytes"])["bytes"].drop_null().to_pylist()
    ]
    return Cost(
        seconds=rates.seconds(data, f"acquire {spec.kind}", pictures),
        bytes=round(fmean(sizes) * pictures) if sizes else None,
    )


def curating(data: Path, config: CurateConfig, pictures: int | None) -> Cost:
    """`pictures` decoded, looked at and written."""
    if pictures is None:
        return Cost()
    size = config.size**2 * config.channels * _SHARE_OF_PNG
    return Cost(seconds=rates.seconds(data, f"curate {config.crop}", pictures), bytes=round(size * pictures))


def training(data: Path, recipe: Recipe, *, fresh: bool) -> Cost:
    """The rest of the recipe's run, or all of it, at the pace of the longest run alike.

    Short ones are mostly their beginning, where compilers may be at work.
    """
    longest: tuple[int, float, Path] | None = None
    for path in (data / "runs").glob("*/generator.safetensors"):
        about = runs.read_header(path)
        if about and about["pictures_seen"] and _alike(about, recipe):
            one = about["pictures_seen"], about["seconds"] / about["pictures_seen"], path.parent
            longest = max(one, longest or one)
    if longest is None:
        return Cost(seconds=_training_left_s(data, recipe, None, fresh=fresh))
    _, pace, folder = longest
    return Cost(
        seconds=_training_left_s(data, recipe, pace, fresh=fresh),
        bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
    )


def _alike(about: Mapping[str, Any], recipe: Recipe) -> bool:
    """Whether a run that says this of itself trained networks as large as the recipe's."""
    config, shape = recipe.train, about["shape"]
    size = about["network"], shape["size"], shape["base_channels"]
    return bool(size == (config.network, recipe.curate.size, config.base_channels))


def _training_left_s(data: Path, recipe: Recipe, pace: float | None, *, fresh: bool) -> float | None:
    """`pace`: seconds a picture, where they are known."""
    config = recipe.train
    try:
        run = runs.find(config, recipe.name, data)
    except TrainingError:  # no dataset yet
        return config.minutes * 60 if config.minutes else None
    step, _, seconds = (0, 0, 0.0) if fresh else run.position()
    length = run.length
    if length.steps is None:
        return max(0.0, (length.seconds or 0.0) - seconds)
    pictures = max(0, length.steps - step) * config.batch_size
    return None if pace is None else pictures * pace
