"""What a command or a flow is asked to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from flows import recipes
from flows.recipes import Recipe
from pipeline.errors import ConfigError

Stage = Literal["acquire", "curate", "train", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Order:
    """One recipe on one data directory, and the stages to do again whatever the cache says."""

    recipe: Recipe
    data: Path
    force: frozenset[Stage] = frozenset()
    dask: str | None = None  # address of a scheduler, where shards run on a cluster


def order(
    recipe: str = recipes.DEFAULT,
    changes: Mapping[str, object] | None = None,
    data: str | Path | None = None,
    force: Iterable[str] = (),
    dask: str | None = None,
) -> Order:
    """Raises what recipes.load raises, and ConfigError for a stage that there is not."""
    for stage in force:
        if stage not in STAGES:
            raise ConfigError("force", stage, f"need one of {', '.join(STAGES)}")
    stages = frozenset(cast("Iterable[Stage]", force))
    return Order(recipes.load(recipe, changes), recipes.data_directory(data), stages, dask)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
