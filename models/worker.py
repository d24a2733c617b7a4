"""What every process of a run has: the networks, its share of the pictures and of the random numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from models import data
from models.chance import Chance
from models.device import choose_precision
from models.gan import Gan
from models.holding import hold
from models.networks import shape_for
from models.run import Run
from models.team import Command, Team


class Worker:
    """Process 0 calls `begin` and `step`, and with them leads the others, who `follow`."""

    def __init__(self, run: Run, team: Team) -> None:
        config = run.config
        self._config, self._team = config, team
        self.shape = shape_for(config, *data.picture_shape(run.dataset))
        self.reals = hold(run, self.shape, team)  # N x H x W x C uint8
        self.precision = choose_precision(config.precision, team.device)
        self._order = data.Order(len(run.dataset), config.batch_size, config.seed, team.count)
        self._chance = Chance(config.seed, team.device, team.rank, team.count)
        self.gan: Gan

    @property
    def pictures_per_step(self) -> int:
        """Of all processes."""
        return self._order.batch_size

    def begin(self) -> Gan:
        """Networks and optimizers as they are before the first step."""
        self.gan = Gan(self.shape, self._config, self._team.device, self.precision, self._team)
        return self.gan

    def share(self) -> None:
        """Process 0: all go on from what its networks and optimizers hold now."""
        self._team.say(Command.TAKE_OVER)
        self._hand_out()

    def step(self, step: int) -> None:
        """Process 0: all take this step."""
        self._team.say(Command.STEP, step)
        self._step(step)

    def follow(self) -> None:
        """The other processes: until process 0 says that it is over."""
        self.begin()
        while True:
            command, number = self._team.heed()
            match command:
                case Command.STEP:
                    self._step(number)
                case Command.TAKE_OVER:
                    self._hand_out()
                case Command.END:
                    return

    def _step(self, step: int) -> None:
        self.gan.step(step, self._batch(step), self._chance.at(step))

    def _hand_out(self) -> None:
        factor = torch.tensor(self.gan.rate_factor, device=self._team.device)
        self._team.hand_out([*self.gan.tensors().values(), factor])
        self.gan.go_on(factor.item())

    def _batch(self, step: int) -> Tensor:
        """Our share of a step's real pictures, B x C x H x W in [-1, 1] (in memory channels come last)."""
        ours = self._order.batch(step)[self._team.rank :: self._team.count]
        index = torch.from_numpy(ours).to(self.reals.device)
        here = self.reals[index]
        device = self._team.device
        if device.type == "cuda" and not here.is_cuda:
            here = here.pin_memory()  # from there the copy waits for nothing
        here = here.to(device, non_blocking=here.is_pinned())
        return here.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
