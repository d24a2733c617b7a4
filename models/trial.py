"""A few steps on random pictures: how fast this machine is, and which batch it can hold.

B batch, C channels, H W pixels in [-1, 1].
"""

from __future__ import annotations

import time
import traceback
from statistics import median

import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

from models import data
from models.chance import Chance
from models.device import choose_device, choose_precision
from models.errors import ConfigError
from models.gan import Gan
from models.networks import shape_for
from models.run import Run

_STEPS = 5  # timed, of each kind
_UNSURE = "could not create a primitive"  # oneDNN's, of memory as of much else
_WORDS = ("not enough memory", "bad_alloc", "could not create a memory", _UNSURE)


class Trial:
    """The networks of a run on its device, one process, nothing written."""

    def __init__(self, run: Run) -> None:
        config = run.config
        self._device = choose_device(config.device)
        shape = shape_for(config, *data.picture_shape(run.dataset))
        precision = choose_precision(config.precision, self._device)
        self.gan = Gan(shape, config, self._device, precision)
        self._chance = Chance(config.seed, self._device)
        self._batch = data.Order(len(run.dataset), config.batch_size, 0, config.devices).batch_size
        self._batch //= config.devices
        self._sharing = config.devices if self._device.type == "cpu" else 1

    def step(self, batch: int, number: int = 0) -> float:
        """Seconds of the step of this number with so many pictures."""
        shape = self.gan.shape
        started = time.perf_counter()
        real_BHWC = self._chance.at(0).uniform(batch, shape.size, shape.size, shape.channels, low=-1)
        self.gan.step(number, real_BHWC.permute(0, 3, 1, 2), self._chance)
        self.gan.take_means()  # waits for the device
        return time.perf_counter() - started

    def seconds_per_step(self) -> float:
        """Of the run's steps on this machine as it is now: the median, plain or penalised in their shares."""
        every = self.gan.config.penalty_every
        plain, penalised = self._median(0), self._median(every - 1)
        return (plain * (every - 1) + penalised) / every * self._sharing

    def _median(self, number: int) -> float:
        self.step(self._batch, number)  # the first one brings libraries and memory
        return median(self.step(self._batch, number) for _ in range(_STEPS))


def full_memory(error: BaseException) -> bool:
    """Whether `error` says that a device's memory, or the machine's, was not enough."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)
    return said or (isinstance(error, Exception) and should_reduce_batch_size(error))


def what_fits(run: Run, error: BaseException) -> ConfigError:
    """The line for a run that `error` ended for want of memory: the largest batch that can be held.

    Raises `error` where it turns out not to be about memory.
    """
    traceback.clear_frames(error.__traceback__)  # they hold the networks that did not fit
    clear_device_cache(garbage_collection=True)
    config = run.config
    device = choose_device(config.device)
    batch = config.batch_size // 2
    while batch:
        if _fits(run, batch):
            rule = f"out of memory on {device}; {batch:,} fit here: --set train.batch_size={batch}"
            return ConfigError("train.batch_size", config.batch_size, rule)
        batch //= 2
    if _UNSURE in str(error):
        raise error
    rule = f"out of memory on {device} even with one picture a step; halve it, or curate.size"
    return ConfigError("train.base_channels", config.base_channels, rule)


def _fits(run: Run, batch: int) -> bool:
    try:
        trial = Trial(run)
        for _ in range(2):  # the second one has what the optimizers keep beside it
            trial.step(batch, run.config.penalty_every - 1)
    except (RuntimeError, MemoryError) as error:
        if not full_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
        return False
    finally:
        clear_device_cache(garbage_collection=True)
    return True
