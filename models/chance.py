"""Everything random in training is a function of (seed, step): there is no random state to save or lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
import torch
from torch import Tensor


class Chance:
    """The random numbers of one step, on the device where they are used.

    Of several processes every one draws the numbers of all, and takes its own: together they have those that
    one process with all the pictures would have.
    """

    def __init__(self, seed: int, device: torch.device, rank: int = 0, count: int = 1) -> None:
        self._seed, self._rank, self._count = seed, rank, count
        self._generator = torch.Generator(device)
        self._now = seed

    def at(self, step: int) -> Self:
        """Begin the numbers of `step`; they are the same whenever and in whatever process that is."""
        mixed = np.random.SeedSequence([self._seed, step]).generate_state(1, np.uint64)[0]
        self._generator.manual_seed(int(mixed) >> 1)
        self._now = int(mixed) >> 1
        return self

    @contextmanager
    def governing_torch(self) -> Iterator[None]:
        """Within, torch's own random numbers (dropout's) are this step's and this process's, too."""
        device = self._generator.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self._now ^ self._rank)
            yield

    def normal(self, *shape: int) -> Tensor:
        """The first dimension counts pictures."""
        return self._ours(torch.randn, shape)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """The first dimension counts pictures."""
        return self._ours(torch.rand, shape) * (high - low) + low

    def _ours(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        of_all = (shape[0] * self._count, *shape[1:])
        numbers = draw(of_all, generator=self._generator, device=self._generator.device)
        return numbers[self._rank :: self._count]


def latents(count: int, latent_dim: int, seed: int) -> Tensor:
    """Points of the latent space, `count` x `latent_dim`; the first ones are the same for every `count`."""
    points = np.random.default_rng(seed).standard_normal((count, latent_dim), np.float32)
    return torch.from_numpy(points)
