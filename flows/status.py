"""Where everything stands, counted from the manifests alone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows import console
from flows.recipes import Recipe
from models import run as runs
from pipeline import manifest
from pipeline.records import ProcessedRow, RawRow

MEASURES = ("sharpness", "brightness", "contrast", "colorfulness")
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of one manifest have the same fate."""

    stage: str  # raw | processed
    of: str  # KIND/COLLECTION or dataset
    status: str
    reason: str | None
    pictures: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    name: str
    step: int
    pictures_seen: int
    minutes: float  # of training, resumes added up
    finished: bool
    differs: dict[str, Any]  # recipe keys that set it apart from other runs of the same name


def counts(data: Path, recipe: Recipe | None = None) -> Iterator[Count]:
    """Every fate with its number: of what `recipe` uses, or of all there is under `data`."""
    if recipe is None:
        raw = sorted((data / "raw").glob(f"*/*/{manifest.NAME}"))
        processed = _processed(data)
    else:
        uses = [(one.source, one.collection) for one in recipe.selections]
        raw = [manifest.raw_folder(data, *one) / manifest.NAME for one in dict.fromkeys(uses)]
        processed = [manifest.processed_folder(data, recipe.name) / manifest.NAME]
    for path in raw:
        yield from _fates("raw", path.parent.relative_to(data / "raw").as_posix(), path, RawRow)
    for path in processed:
        yield from _fates("processed", path.parent.name, path, ProcessedRow)


def trained(data: Path, recipe: Recipe | None = None) -> Iterator[RunStatus]:
    """The runs that have a generator, those of the recipe's dataset or all."""
    found = [
        (path.parent, about)
        for path in sorted((data / "runs").glob("*/generator.safetensors"))
        if (about := runs.read_header(path)) and (recipe is None or about["name"] == recipe.name)
    ]
    recipes = {folder: _keys(folder) for folder, _ in found}
    for folder, about in found:
        others = [recipes[other] for other, its in found if its["name"] == about["name"] and recipes[other]]
        own = recipes[folder].items()
        differs = {key: value for key, value in own if any(one.get(key) != value for one in others)}
        minutes = round(about["seconds"] / 60, 1)
        yield RunStatus(
            folder.name, about["step"], about["pictures_seen"], minutes, about["complete"], differs
        )


def _keys(run: Path) -> Mapping[str, Any]:
    """Those of its recipe, by their full names; empty where there is none that can be read."""
    try:
        recipe = tomllib.loads((run / runs.RECIPE).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    sections = {name: keys for name, keys in recipe.items() if isinstance(keys, dict)}
    return {f"{name}.{key}": value for name, keys in sections.items() for key, value in keys.items()}


@dataclass(frozen=True, slots=True)
class Spread:
    """How one measure is spread over the pictures of a dataset, rejected ones too: to choose a limit by."""

    of: str  # dataset
    measure: str  # the key curate.min_MEASURE (or max_) filters by it
    quantiles: tuple[float, ...]  # at QUANTILES


def spreads(data: Path, recipe: Recipe | None = None) -> Iterator[Spread]:
    names = [recipe.name] if recipe else sorted(path.parent.name for path in _processed(data))
    for name in names:
        rows = manifest.read(manifest.processed_folder(data, name) / manifest.NAME, ProcessedRow, MEASURES)
        for measure in MEASURES:
            values = sorted(rows[measure].drop_null().to_pylist())
            if values:
                last = len(values) - 1
                yield Spread(name, measure, tuple(round(values[round(last * at)], 3) for at in QUANTILES))


def as_json(data: Path, recipe: Recipe | None = None) -> dict[str, Any]:
    return {
        "data": str(data),
        "pictures": [asdict(count) for count in counts(data, recipe)],
        "measures": [asdict(one) | {"at": QUANTILES} for one in spreads(data, recipe)],
        "runs": [asdict(run) for run in trained(data, recipe)],
    }


def _nothing(data: Path, recipe: Recipe | None) -> str:
    return f"no pictures of {recipe.name} in {data} yet" if recipe else f"no pictures in {data} yet"


def as_text(data: Path, recipe: Recipe | None = None) -> str:
    fates = [("stage", "of", "status", "reason", "pictures")]
    fates += [
        (one.stage, one.of, one.status, one.reason or "", f"{one.pictures:,}") for one in counts(data, recipe)
    ]
    parts = [console.aligned(fates)] if len(fates) > 1 else [_nothing(data, recipe)]
    found = [("of", "measure", *(f"{at:.0%}" for at in QUANTILES))]
    found += [
        (one.of, one.measure, *(f"{value:g}" for value in one.quantiles)) for one in spreads(data, recipe)
    ]
    if len(found) > 1:
        parts.append(console.aligned(found))
    rows = [("run", "step", "pictures seen", "minutes", "", "differs by")]
    rows += [
        (
            run.name,
            f"{run.step:,}",
            f"{run.pictures_seen:,}",
            f"{run.minutes:g}",
            "" if run.finished else "unfinished",
            " ".join(f"{key}={value}" for key, value in run.differs.items()),
        )
        for run in trained(data, recipe)
    ]
    if len(rows) > 1:
        parts.append(console.aligned(rows))
    return "\n\n".join(parts)


def _processed(data: Path) -> list[Path]:
    return sorted((data / "processed").glob(f"*/{manifest.NAME}"))


def _fates(stage: str, of: str, path: Path, record: type[Any]) -> Iterator[Count]:
    rows = manifest.read(path, record, ["status", "reason"])
    fates = rows.group_by(["status", "reason"]).aggregate([([], "count_all")]).to_pylist()
    for fate in sorted(fates, key=lambda fate: (fate["status"], -fate["count_all"], fate["reason"] or "")):
        yield Count(stage, of, fate["status"], fate["reason"], fate["count_all"])
