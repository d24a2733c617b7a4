"""What training did, read from a run's folder. Whatever an older or unfinished run lacks is simply absent."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from studio.chart import Chart, draw
from studio.pictures import Embedded, animation, evenly, thumbnail

STAGES = 5  # grids shown, the first and the last among them
CHARTS = (
    (
        "Losses",
        (("loss_d", "discriminator"), ("loss_g", "generator"), ("loss_projected", "second discriminator")),
    ),
    ("Mean score by the discriminator", (("score_real", "real pictures"), ("score_fake", "generated"))),
    (
        "How often the discriminator is right",
        (("accuracy_real", "of real pictures"), ("accuracy_fake", "of generated")),
    ),
    ("Distance from the real pictures", (("kid", "KID"), ("fid", "FID"))),
    ("What covers what", (("precision", "precision"), ("recall", "recall"))),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """The fixed noise as the generator drew it at one moment."""

    step: int
    pictures_seen: int | None
    grid: Embedded


@dataclass(frozen=True, slots=True)
class Event:
    step: int
    text: str


@dataclass(frozen=True, slots=True)
class Trained:
    name: str  # of the dataset
    run: str  # the folder's name
    recipe: str  # TOML as it stands in the folder, empty where missing
    kinds: Sequence[str]  # of the sources it names
    pictures_seen: int | None
    seconds: float | None  # of training, resumes added up
    charts: Sequence[Chart]
    columns: Sequence[str]  # of the metrics, those that hold a number
    figures: Sequence[Mapping[str, Any]]  # a few rows of the metrics, for a table
    events: Sequence[Event]
    stages: Sequence[Stage]
    final: Embedded | None
    film: Embedded | None
    real_and_fake: Embedded | None


def read(run: Path) -> Trained:
    recipe, tables = _recipe(run / "recipe.toml")
    metrics = _metrics(run / "metrics.parquet")
    rows = metrics.to_pylist()
    grids = _grids(run / "samples")
    seen = {row.get("step"): row.get("pictures_seen") for row in rows}
    last = rows[-1] if rows else {}
    return Trained(
        name=str(tables.get("name") or run.name.rsplit("-", 1)[0]),
        run=run.name,
        recipe=recipe,
        kinds=[source["kind"] for source in tables.get("source", ()) if "kind" in source],
        pictures_seen=last.get("pictures_seen"),
        seconds=last.get("seconds"),
        charts=_charts(metrics),
        columns=[c for c in metrics.column_names if c != "event" and metrics[c].null_count < len(rows)],
        figures=[rows[index] for index in evenly(len(rows), 8)],
        events=[Event(row["step"], row["event"]) for row in rows if row.get("event")],
        stages=_stages(grids, seen),
        final=thumbnail(grids[-1][1], 1056, quality=88) if grids else None,
        film=animation(run / "training.gif"),
        real_and_fake=thumbnail(run / "real_and_fake.png", 1056, quality=82),
    )


def _recipe(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except (OSError, ValueError):
        return "", {}


def _metrics(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return pa.table({})


def _charts(metrics: pa.Table) -> list[Chart]:
    axis = "pictures_seen" if "pictures_seen" in metrics.column_names else "step"
    if axis not in metrics.column_names or not metrics.num_rows:
        return []
    unit = "pictures seen" if axis == "pictures_seen" else "steps"
    values = {column: metrics[column].to_pylist() for column in metrics.column_names}
    drawn = (
        draw(
            title, unit, values[axis], [(name, values[column]) for column, name in lines if column in values]
        )
        for title, lines in CHARTS
    )
    return [chart for chart in drawn if chart is not None]


def _grids(folder: Path) -> list[tuple[int, Path]]:
    """(step, file) of every sample grid, in order."""
    return sorted((int(path.stem), path) for path in folder.glob("*.png") if path.stem.isdecimal())


def _stages(grids: Sequence[tuple[int, Path]], seen: Mapping[int, int]) -> list[Stage]:
    chosen = [grids[index] for index in evenly(len(grids), STAGES)]
    read_ = [(step, thumbnail(path, 420, quality=78)) for step, path in chosen]
    return [Stage(step, seen.get(step), grid) for step, grid in read_ if grid is not None]
