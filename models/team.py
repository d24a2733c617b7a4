"""Processes that train one network together, each on a device of its own: who they are and how they agree.

Process 0 decides, writes and reports. The others do what it says, step by step, and write nothing, so that
none of them can wait for a decision that another has taken differently.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import IntEnum
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from models.errors import ConfigError

# Between two commands process 0 may measure and write for long; a process that died is noticed at once.
_PATIENCE = dt.timedelta(days=2)


class Command(IntEnum):
    """What process 0 tells the others to do."""

    STEP = 0  # of the number that comes with it
    TAKE_OVER = 1  # all that process 0's networks and optimizers hold
    END = 2


class Team:
    """The processes of a run as one of them sees them; one alone is asked nothing and told nothing."""

    def __init__(self, device: torch.device, rank: int = 0, count: int = 1) -> None:
        self.device, self.rank, self.count = device, rank, count
        # Commands go from memory to memory: the device need not be waited for.
        self._commands: Any = dist.new_group(backend="gloo", timeout=_PATIENCE) if count > 1 else None

    def say(self, command: Command, number: int = 0) -> None:
        """Process 0: what all do next."""
        self.agree(int(command), number)

    def heed(self) -> tuple[Command, int]:
        """The others: what process 0 said; END, too, when it is gone without a word."""
        try:
            command, number = self.agree(0, 0)
        except RuntimeError:  # its connection was closed
            return Command.END, 0
        return Command(command), number

    def agree(self, *numbers: int) -> list[int]:
        """The numbers of process 0, in every process."""
        if self.count == 1:
            return [*numbers]
        told = torch.tensor(numbers)
        dist.broadcast(told, 0, group=self._commands)
        return told.tolist()

    def dismiss(self) -> None:
        """Process 0: END, without waiting for a process that does not listen any more."""
        if self.count > 1:
            dist.broadcast(torch.tensor([int(Command.END), 0]), 0, group=self._commands, async_op=True)

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean over all processes; no gradient flows through it."""
        if self.count == 1:
            return tensor
        mean = tensor.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(mean)
        return mean / self.count

    def mean_in_place(self, tensors: Iterable[Tensor]) -> None:
        """Every one of the tensors becomes its mean over all processes, in one exchange."""
        if self.count == 1:
            return
        parts = [*tensors]
        flat = self.mean(torch.cat([part.reshape(-1) for part in parts]))
        pieces = flat.split([part.numel() for part in parts])
        torch._foreach_copy_(parts, [one.view_as(part) for one, part in zip(pieces, parts, strict=True)])

    def hand_out(self, tensors: Iterable[Tensor]) -> None:
        """Every process gets what process 0 has."""
        if self.count == 1:
            return
        for tensor in tensors:
            whole = tensor.detach().contiguous()
            dist.broadcast(whole, 0)
            tensor.copy_(whole)


def join(device: torch.device, count: int) -> Team:
    """Take one's place, as the environment tells it, and wait for the others; `leave` when done.

    accelerate reads it, whoever set it: torchrun, accelerate launch or models/launch.py.
    """
    from accelerate import PartialState

    PartialState._reset_state()  # a tracker may have asked for one when this process was alone
    state = PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)
    if state.num_processes != count:
        started = state.num_processes
        leave()
        raise ConfigError("train.devices", count, f"{started} processes were started; use that number")
    return Team(state.device, state.process_index, state.num_processes)


def leave() -> None:
    from accelerate import PartialState

    if dist.is_initialized():
        dist.destroy_process_group()
    PartialState._reset_state()
