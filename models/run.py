"""A run: what determines it, where it lies, how long it is to be and how far it has come. Without torch.

data/runs/NAME-DIGEST/ holds, beside the recipe.toml and report.html of others:
    checkpoints/0000500.safetensors   the last three, all that is needed to go on
    checkpoints/best.safetensors      the state with the best KID, where it is measured
    samples/0000250.png               the same latent points at every `sample_every` steps
    pictures.parquet              what it is trained on: the kept rows of the dataset's manifest
    pixels.npy                    its pictures, only while it trains and where memory does not hold them
    metrics.parquet  events.out.tfevents.*  generator.safetensors
    training.gif  losses.png  real_and_fake.png    written when a run ends
    nearest.png  nearest.parquet                   so, too, where it was evaluated
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import data as datasets
from models.config import DEFAULT_STEPS, TrainConfig
from models.data import Dataset
from models.errors import MissingInput

VERSION = 6  # of what training computes: raise it when the same recipe gives other weights

# Keys that say how long, how often and where, not what.
_NOT_IN_DIGEST = frozenset(
    "steps epochs minutes device trackers patience inception_weights "
    "checkpoint_every log_every sample_every evaluate_every".split()
)
PICTURES = "pictures.parquet"
RECIPE = "recipe.toml"  # what the run was asked to be
_HEADER_LIMIT = 100_000_000  # bytes; as the safetensors format says


@dataclass(frozen=True, slots=True)
class Length:
    """How long a run is to be: steps or seconds, resumes included."""

    steps: int | None
    seconds: float | None

    def fraction(self, step: int, seconds: float) -> float:
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / (self.seconds or 1.0))

    def steps_after(self, step: int) -> int | None:
        """What is left after `step`; None where the length is a time."""
        return None if self.steps is None else max(0, self.steps - step)

    def reached(self, step: int, seconds: float) -> bool:
        return self.fraction(step, seconds) >= 1


@dataclass(frozen=True, slots=True)
class Run:
    config: TrainConfig
    dataset: Dataset
    data: Path
    digest: str
    folder: Path

    @property
    def length(self) -> Length:
        config = self.config
        if config.minutes is not None:
            return Length(None, config.minutes * 60)
        if config.epochs is not None:
            order = datasets.Order(len(self.dataset), config.batch_size, config.seed, config.devices)
            per_epoch = order.steps_per_epoch
            return Length(max(1, round(config.epochs * per_epoch)), None)
        return Length(config.steps or DEFAULT_STEPS, None)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best.safetensors"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.parquet"

    @property
    def generator(self) -> Path:
        return self.folder / "generator.safetensors"

    @property
    def pictures(self) -> Path:
        return self.folder / PICTURES

    @property
    def pixels(self) -> Path:
        return self.folder / "pixels.npy"

    def position(self) -> tuple[int, int, float]:
        """Step, pictures seen and seconds of training of the last whole checkpoint."""
        about = self._last()
        return int(about["step"]), int(about["pictures_seen"]), float(about["seconds"])

    def ended(self, about: Mapping[str, Any]) -> bool:
        """Whether a run that stands as `about` says (a checkpoint's header) is to go no further."""
        evaluation = about.get("evaluation") or {}
        patience = self.config.patience
        out_of_patience = patience > 0 and evaluation.get("without_better", 0) >= patience
        spent = about["seconds"] + evaluation.get("seconds", 0.0)
        return out_of_patience or self.length.reached(about["step"], spent)

    def finished(self) -> bool:
        """Whether the run has its length and everything that is written at its end."""
        about = self._last()
        if not self.ended(about):
            return False
        header = read_header(self.generator)
        return header is not None and bool(header["complete"]) and header["step"] == about["step"]

    def _last(self) -> dict[str, Any]:
        """The header of the last whole checkpoint, or what it would be before the first step."""
        headers = (read_header(path) for path in checkpoint_files(self.checkpoints))
        return next((one for one in headers if one), {"step": 0, "pictures_seen": 0, "seconds": 0.0})

    def set_aside(self) -> None:
        """Rename the folder to .1, .2 … and start an empty one that keeps the recipe."""
        if not self.folder.exists():
            return
        number = 1
        while (old := self.folder.with_name(f"{self.folder.name}.{number}")).exists():
            number += 1
        self.folder.rename(old)
        self.folder.mkdir()
        if (old / RECIPE).exists():
            shutil.copy2(old / RECIPE, self.folder / RECIPE)


def find(config: TrainConfig, name: str, data: Path) -> Run:
    """The run that `config` on the dataset `name` is; raises MissingInput or TooFewPictures."""
    dataset = datasets.find(data, name)
    keys = {key: value for key, value in dataclasses.asdict(config).items() if key not in _NOT_IN_DIGEST}
    basis = json.dumps([VERSION, dataset.digest, keys], sort_keys=True)
    digest = hashlib.sha256(basis.encode()).hexdigest()[:8]
    return Run(config, dataset, data, digest, data / "runs" / f"{name}-{digest}")


def named(run: str | Path, data: Path) -> Path:
    """The folder of a run given by its path or by its name under data/runs."""
    for folder in (Path(run), data / "runs" / run):
        if (folder / "generator.safetensors").exists():
            return folder
    trained = sorted(path.parent.name for path in (data / "runs").glob("*/generator.safetensors"))
    there = [name for name in trained if name.startswith(f"{run}-")] or trained
    hint = f"there is {', '.join(there[:5])}" if there else f"there is none in {data / 'runs'}"
    raise MissingInput(f"{run}: no trained run of that name or path; {hint}")


def trained_on(data: Path, images: Set[str]) -> list[Path]:
    """The folders of all runs that saw one of these pictures (by image_id)."""
    import pyarrow.parquet as pq

    return [
        path.parent
        for path in sorted((data / "runs").glob(f"*/{PICTURES}"))
        if not images.isdisjoint(pq.ParquetFile(path).read(columns=["image_id"])["image_id"].to_pylist())
    ]


def checkpoint_files(folder: Path) -> list[Path]:
    """Checkpoints, the newest first."""
    return sorted(folder.glob("[0-9]*.safetensors"), reverse=True)


def read_header(path: Path) -> dict[str, Any] | None:
    """The JSON that a safetensors file of ours carries; None where it is missing, torn or not ours."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < _HEADER_LIMIT else {}
        size = (
            8
            + length
            + max(end for key, one in header.items() if key != "__metadata__" for end in one["data_offsets"])
        )
        if path.stat().st_size != size:
            return None
        about: dict[str, Any] = json.loads(header["__metadata__"]["impasto"])
    except (OSError, ValueError, KeyError):
        return None
    return about
