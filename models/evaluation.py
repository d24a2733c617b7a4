"""How good the generator is, measured while it learns, in at most a tenth of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.config import TrainConfig
from models.distances import frechet, kid, precision_recall
from models.features import Features

PICTURES = 256  # of each kind, or as many as there are
_SHARE = 0.1  # of the training time that measuring may take

Pixels = NDArray[np.uint8]


@dataclass(slots=True)
class Standing:
    """What measuring has found so far; part of every checkpoint."""

    seconds: float = 0.0  # that it took
    best_step: int | None = None
    best_kid: float | None = None
    without_better: int = 0  # evaluations since the best
    last_step: int | None = None


class Evaluation:
    """Real pictures against as many generated ones, always from the same latent points."""

    def __init__(self, reals_NHWC: Pixels, device: torch.device, config: TrainConfig) -> None:
        self._reals_NHWC = reals_NHWC
        self.features = Features(device, config.features, config.inception_weights)
        self._reals_ND: NDArray[np.float64] | None = None
        self._took = 0.0  # seconds of the last time

    def affordable(self, standing: Standing, training_s: float, *, at_end: bool) -> bool:
        """Whether one more keeps measuring within its share; the first one is always made.

        On the way another must fit, too, so that what a run ends with can be measured.
        """
        coming = self._took * (1 if at_end else 2)
        return standing.best_step is None or standing.seconds + coming <= _SHARE * training_s

    def measure(self, standing: Standing, step: int, generate: Callable[[int], Pixels]) -> dict[str, float]:
        """The figures of metrics.parquet at `step`, KID noted in `standing`; `generate` makes so many."""
        started = time.perf_counter()
        if self._reals_ND is None:
            self._reals_ND = self.features(self._reals_NHWC)
        fakes_ND = self.features(generate(len(self._reals_NHWC)))
        figures = {"kid": kid(self._reals_ND, fakes_ND), "fid": frechet(self._reals_ND, fakes_ND)}
        figures["precision"], figures["recall"] = precision_recall(self._reals_ND, fakes_ND)
        if standing.best_kid is None or figures["kid"] < standing.best_kid:
            standing.best_step, standing.best_kid, standing.without_better = step, figures["kid"], 0
        else:
            standing.without_better += 1
        standing.last_step = step
        self._took = time.perf_counter() - started
        standing.seconds += self._took
        return figures
