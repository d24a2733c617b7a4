"""Batch norm over the batches of all processes, on any device (torch's own SyncBatchNorm knows GPUs only)."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Mean(torch.autograd.Function):
    """The mean over all processes. What every process adds to the gradient is averaged in the same way, as
    the gradients of all weights are; so it can be differentiated again."""

    @staticmethod
    def forward(_context: Any, tensor: Tensor) -> Tensor:
        mean = tensor.contiguous().clone()
        dist.all_reduce(mean)
        return mean / dist.get_world_size()

    @staticmethod
    def backward(_context: Any, slope: Tensor) -> Any:
        return _Mean.apply(slope)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Same parameters, same numbers as one process with all the pictures; every process has as many."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        if not self.training:
            return super().forward(input)
        x_BCHW = input.float()
        ours = torch.stack([x_BCHW.mean((0, 2, 3)), x_BCHW.square().mean((0, 2, 3))])
        mean_C, square_C = _Mean.apply(ours)
        variance_C = square_C - mean_C.square()
        self._follow(mean_C, variance_C, x_BCHW.numel() // x_BCHW.shape[1] * dist.get_world_size())
        factor_C = self.weight * (variance_C + self.eps).rsqrt()
        shift_C = self.bias - mean_C * factor_C
        normed: Tensor = (x_BCHW * factor_C[:, None, None] + shift_C[:, None, None]).to(input.dtype)
        return normed

    @torch.no_grad()
    def _follow(self, mean_C: Tensor, variance_C: Tensor, count: int) -> None:
        """The running statistics, as torch keeps them."""
        share = self.momentum or 0.0
        for name, seen_C in (("running_mean", mean_C), ("running_var", variance_C * (count / (count - 1)))):
            self.get_buffer(name).lerp_(seen_C, share)
        self.get_buffer("num_batches_tracked").add_(1)


def sync(module: nn.Module) -> None:
    """Let every batch norm of `module` see all processes; weights and names stay."""
    for child in module.modules():
        if type(child) is nn.BatchNorm2d:
            child.__class__ = SyncedBatchNorm2d
