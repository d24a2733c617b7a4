"""What a run will take of this machine: measured by a few steps."""

from __future__ import annotations

from dataclasses import dataclass

from models import data, extras, room
from models.run import Run
from models.trial import Trial


@dataclass(frozen=True, slots=True)
class Outlay:
    step_s: float
    steps: int  # of the whole run, as far as its length or this machine's pace says
    steps_left: int
    pictures_per_step: int
    bytes_needed: int
    bytes_free: int

    @property
    def seconds_left(self) -> float:
        return self.step_s * self.steps_left


def measure(run: Run) -> Outlay:
    """Takes some ten steps; raises what training would raise."""
    extras.check(run.config)
    trial = Trial(run)
    step_s, length, (step, _, seconds) = trial.seconds_per_step(), run.length, run.position()
    if length.steps is None:
        left = round(max(0.0, (length.seconds or 0.0) - seconds) / step_s)
    else:
        left = max(0, length.steps - step)
    config = run.config
    order = data.Order(len(run.dataset), config.batch_size, config.seed, config.devices)
    need, free = room.needed(run, trial.gan, left), room.free(run)
    return Outlay(step_s, step + left, left, order.batch_size, need, free)
