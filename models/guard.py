"""What goes wrong in training, noticed while it does: events for metrics.parquet and the log.

N pictures, H W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

MOST_ROLLBACKS = 3
_PERFECT = 0.999  # accuracy on real and on fake
_NEAR = 0.02  # of the way from the discriminator's best loss to that of one that cannot tell
_WINDOW = 200  # steps of perfection before it has won; also before grids are looked at
_ALIKE = 0.1  # of the real pictures' diversity: what slow beginnings have too, but they grow
_GROWING = 1.05  # times the diversity of the grid before
_ONE = 0.01  # of the real pictures' diversity: as good as one picture, growing or not
_COPIES = 0.25  # of a grid that are training pictures, or nearly
_GRIDS = 2  # alike, or of copies, in a row


@dataclass(slots=True)
class Guard:
    """What the watch remembers; part of every checkpoint."""

    rollbacks: int = 0
    won_steps: int = 0  # the discriminator has been perfect for so long
    alike: int = 0  # grids in a row whose pictures are nearly one and the same
    diversity: float = 0.0  # of the last grid
    copies: int = 0  # grids in a row that are training pictures in good part

    @property
    def rate_factor(self) -> float:
        """What both learning rates are multiplied by: every rollback halves them."""
        return 0.5**self.rollbacks

    def see_means(
        self, means: Mapping[str, float], steps: int, loss_d_range: tuple[float, float]
    ) -> str | None:
        """The means of the last `steps` steps; gives the event when the discriminator has won for good."""
        best, by_chance = loss_d_range
        perfect = min(means["accuracy_real"], means["accuracy_fake"]) >= _PERFECT
        near = means["loss_d"] - best < _NEAR * (by_chance - best)
        before = self.won_steps
        self.won_steps = before + steps if perfect and near else 0
        if before < _WINDOW <= self.won_steps:
            return (
                f"the discriminator has won: right about every picture for {self.won_steps:,} steps, so the "
                'generator learns nothing from it; lower train.lr_d, augment or use train.norm_d = "spectral"'
            )
        return None

    def see_grid(self, step: int, grid_diversity: float, real_diversity: float) -> str | None:
        """The fixed grid at `step`; gives the event when its pictures have become alike."""
        share, growing = grid_diversity / (real_diversity or 1.0), grid_diversity > _GROWING * self.diversity
        before, self.diversity = self.alike, grid_diversity
        alike = share < _ONE or (share < _ALIKE and not growing)
        self.alike = before + 1 if step >= _WINDOW and alike else 0
        if before < _GRIDS <= self.alike:
            return (
                f"mode collapse: the samples differ by {grid_diversity:.1f} grey levels, real pictures by "
                f"{real_diversity:.1f}; lower both rates, augment, or take another loss"
            )
        return None

    def see_copies(self, step: int, copied: float) -> str | None:
        """The share of the fixed grid at `step` that is copied; gives the event when it stays high."""
        before = self.copies
        self.copies = before + 1 if step >= _WINDOW and copied >= _COPIES else 0
        if before < _GRIDS <= self.copies:
            return (
                f"overfitting: {copied:.0%} of the samples are training pictures or nearly so; what helps: "
                "more pictures, more augmentation, fewer steps"
            )
        return None


def diversity(pictures_NHWC: NDArray[np.uint8]) -> float:
    """Root mean square difference between two of the pictures, over all pairs and pixels, in grey levels."""
    count = len(pictures_NHWC)
    if count < 2:
        return 0.0
    variance: float = pictures_NHWC.var(axis=0, dtype=np.float64).mean()
    return float((2 * variance * count / (count - 1)) ** 0.5)


def diagnosis(last: Mapping[str, float | None], precision: torch.dtype) -> str:
    """What most likely went wrong before a loss was no number, by the last row of metrics before it."""
    loss_d, loss_g = last.get("loss_d"), last.get("loss_g")
    if loss_d is None or loss_g is None:
        return "it broke at once; lower train.lr_d and train.lr_g by a factor of ten"
    seen = f"before it loss_d was {loss_d:.3g} and loss_g {loss_g:.3g}"
    accuracy = min(last.get("accuracy_real") or 0.0, last.get("accuracy_fake") or 0.0)
    if accuracy > 0.98:
        return f'{seen}, the discriminator was winning; lower train.lr_d or use train.norm_d = "spectral"'
    if precision is torch.bfloat16:  # which `auto` chooses where it can
        return f'{seen}; try train.precision = "float32", or lower train.lr_d and train.lr_g'
    return f"{seen}; lower train.lr_d and train.lr_g"
