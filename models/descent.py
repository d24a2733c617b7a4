"""One step of one network down its loss, in every process alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from models.team import Team


class Descent:
    """`step` changes a module; from the first loss on that is not a number it changes nothing any more.

    The fused optimizers then leave all weights as they are (`found_inf`, as GradScaler sets it): the check
    stays on the device, the loop reads `broken` now and then.
    """

    def __init__(self, team: Team) -> None:
        self._team = team
        self.broken = torch.zeros((), device=team.device)  # 1 from that loss on

    def step(self, loss: Tensor, module: nn.Module, optimizer: Optimizer) -> None:
        """Step `module` alone: the gradients of others are not even computed."""
        optimizer.zero_grad()
        loss.backward(inputs=list(module.parameters()))
        of_all = loss.detach().clone()
        gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
        self._team.mean_in_place([*gradients, of_all])
        self.broken.copy_(torch.maximum(self.broken, (~of_all.isfinite()).float()))
        optimizer.found_inf = self.broken  # type: ignore[attr-defined]  # read by fused steps
        optimizer.step()

    def mend(self) -> None:
        self.broken.zero_()


def adam(module: nn.Module, rate: float, beta1: float) -> Adam:
    """Fused Adam, its state there from the first step on, so that any step can be saved."""
    optimizer = Adam(module.parameters(), rate, (beta1, 0.999), fused=True)
    for parameter in module.parameters():
        optimizer.state[parameter] = _fresh_state(parameter)
    return optimizer


def _fresh_state(parameter: Tensor) -> dict[str, Tensor]:
    """What fused Adam keeps of a parameter, laid out in memory as the parameter is."""
    step = torch.zeros((), dtype=torch.float32, device=parameter.device)
    return {"step": step, "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
