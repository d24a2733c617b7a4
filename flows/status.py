"""Where everything stands, counted from the manifests alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows import console
from flows.recipes import Recipe
from models import run as runs
from pipeline import manifest
from pipeline.records import ProcessedRow, RawRow


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


def counts(data: Path, recipe: Recipe | None = None) -> Iterator[Count]:
    """Every fate with its number: of what `recipe` uses, or of all there is under `data`."""
    if recipe is None:
        raw = sorted((data / "raw").glob(f"*/*/{manifest.NAME}"))
        processed = sorted((data / "processed").glob(f"*/{manifest.NAME}"))
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
    for path in sorted((data / "runs").glob("*/generator.safetensors")):
        about = runs.read_header(path)
        if about is None or (recipe is not None and about["name"] != recipe.name):
            continue
        minutes = round(about["seconds"] / 60, 1)
        yield RunStatus(path.parent.name, about["step"], about["pictures_seen"], minutes, about["complete"])


def as_json(data: Path, recipe: Recipe | None = None) -> dict[str, Any]:
    return {
        "data": str(data),
        "pictures": [asdict(count) for count in counts(data, recipe)],
        "runs": [asdict(run) for run in trained(data, recipe)],
    }


def as_text(data: Path, recipe: Recipe | None = None) -> str:
    fates = [("stage", "of", "status", "reason", "pictures")]
    fates += [
        (one.stage, one.of, one.status, one.reason or "", f"{one.pictures:,}") for one in counts(data, recipe)
    ]
    parts = [console.aligned(fates)] if len(fates) > 1 else [f"no pictures in {data} yet"]
    rows = [("run", "step", "pictures seen", "minutes", "")]
    rows += [
        (
            run.name,
            f"{run.step:,}",
            f"{run.pictures_seen:,}",
            f"{run.minutes:g}",
            "" if run.finished else "unfinished",
        )
        for run in trained(data, recipe)
    ]
    if len(rows) > 1:
        parts.append(console.aligned(rows))
    return "\n\n".join(parts)


def _fates(stage: str, of: str, path: Path, record: type[Any]) -> Iterator[Count]:
    rows = manifest.read(path, record, ["status", "reason"])
    fates = rows.group_by(["status", "reason"]).aggregate([([], "count_all")]).to_pylist()
    for fate in sorted(fates, key=lambda fate: (fate["status"], -fate["count_all"], fate["reason"] or "")):
        yield Count(stage, of, fate["status"], fate["reason"], fate["count_all"])
