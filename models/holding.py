"""Where the pictures are kept while they are trained on: as near to the computing as they fit."""

from __future__ import annotations

import psutil
import torch
from torch import Tensor

from models import data
from models.networks import Shape
from models.run import Run
from models.team import Team

_SHARE = 0.5  # of the memory that is free when training starts; networks and the rest need some, too


def hold(run: Run, shape: Shape, team: Team) -> Tensor:
    """N x H x W x C uint8: on the device where they fit, else in memory, else mapped from a file of the run.

    Process 0 decides for all, and writes the file.
    """
    size = len(run.dataset) * shape.size**2 * shape.channels
    (in_memory,) = team.agree(int(size * team.count <= _SHARE * psutil.virtual_memory().available))
    if in_memory:
        held = torch.from_numpy(data.load(run.dataset))
    else:
        if team.rank == 0 and not run.pixels.exists():
            data.write_pixels(run.dataset, run.pixels)
        team.agree(0)  # it is written
        return torch.from_numpy(data.mapped(run.pixels))
    return held.to(team.device) if size <= _SHARE * _free_on(team.device) else held


def _free_on(device: torch.device) -> float:
    """Bytes; without end where the device's memory is the machine's."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")
