"""What a run will write, reckoned before it does: checkpoints, the generator, samples."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from models.checkpoint import KEPT
from models.errors import NoRoom
from models.gan import Gan
from models.networks import Shape
from models.pictures import GAP, columns_for
from models.run import Run

_SHARE_OF_PNG = 0.9  # bytes of a sample grid per byte of its pixels; photographs pack badly
_WITHOUT_LENGTH = 20  # grids counted on where the run's length is in minutes


def needed(run: Run, gan: Gan, steps_left: int | None) -> int:
    """Bytes that the run's folder grows by at most; checkpoints that are there are dropped for new ones."""
    checkpoints = KEPT + 1 + bool(run.config.evaluate_every)  # one more while it is being written
    states = checkpoints * _size(gan.tensors().values()) + 2 * _size(gan.generator.state_dict().values())
    grids = _WITHOUT_LENGTH if steps_left is None else steps_left // run.config.sample_every + 2
    there = sum(path.stat().st_size for path in run.folder.rglob("*.safetensors"))
    return max(0, states - there) + grids * _grid_size(gan.shape)


def free(run: Run) -> int:
    """Bytes on the disk where the run's folder is, or is to be."""
    there = next(folder for folder in (run.folder, *run.folder.parents) if folder.exists())
    return shutil.disk_usage(there).free


def check(run: Run, gan: Gan, steps_left: int | None) -> None:
    """Raises NoRoom before hours of training whose checkpoints the disk would not take."""
    need, there = needed(run, gan, steps_left), free(run)
    if need > there:
        raise NoRoom(
            f"{_shown(run.folder)}: this run writes up to {need / 1e6:,.0f} MB, and {there / 1e6:,.0f} MB "
            "are free; make room, name another --data, or set train.sample_every higher"
        )


def _size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _grid_size(shape: Shape) -> int:
    columns = columns_for(shape.size)
    return round((columns * (shape.size + GAP)) ** 2 * shape.channels * _SHARE_OF_PNG)


def _shown(folder: Path) -> str:
    return "/".join(folder.parts[-2:])
