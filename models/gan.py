"""Two networks and what one step of training changes of them.

B batch, C channels, H W pixels in [-1, 1], L latent dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from models.augment import augment
from models.average import Average
from models.chance import Chance
from models.config import TrainConfig
from models.losses import LOSSES
from models.networks import NETWORKS, Shape

# What is summed up over a logging interval, in this order.
MEANS = ("loss_d", "loss_g", "score_real", "score_fake", "accuracy_real", "accuracy_fake")


class Gan:
    """Generator, discriminator, their optimizers and the average; `step` is one step of both.

    Same arithmetic as the DCGAN tutorial's: the discriminator sees real and fake as two batches, so that
    batch norm keeps them apart, then the generator is scored by the discriminator just changed.
    """

    def __init__(
        self, shape: Shape, config: TrainConfig, device: torch.device, precision: torch.dtype
    ) -> None:
        self.shape, self.config = shape, config
        network = NETWORKS[config.network]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generator, discriminator = network.generator(shape), network.discriminator(shape)
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self.average = Average(self.generator, config.ema_decay if config.ema else 0.0)
        self._optimizer_g = _adam(self.generator, config.lr_g, config.beta1)
        self._optimizer_d = _adam(self.discriminator, config.lr_d, config.beta1)
        self._loss = LOSSES[config.loss]
        self._both_sides = [name for name in config.augment if name != "mirror"]
        self._autocast = torch.autocast(device.type, precision, enabled=precision is not torch.float32)
        self._sums = torch.zeros(len(MEANS), device=device)
        self._summed = torch.zeros((), device=device)
        self._broken = torch.zeros((), device=device)  # 1 from the first loss on that is no number

    def step(self, step: int, real_BCHW: Tensor, chance: Chance) -> None:
        """One step of both networks, the `step`th (from 0). Nothing waits for the device here."""
        if "mirror" in self.config.augment:
            real_BCHW = augment(real_BCHW, ["mirror"], chance)
        with self._autocast:
            fake_BCHW = self.generator(chance.normal(len(real_BCHW), self.shape.latent_dim))
        loss_d, real_B, fake_B = self._step_discriminator(real_BCHW, fake_BCHW.detach(), chance)
        loss_g = self._step_generator(fake_BCHW, chance)
        self.average.update(step)
        self._sum_up(loss_d, loss_g, real_B, fake_B)

    def _step_discriminator(self, real_BCHW: Tensor, fake_BCHW: Tensor, chance: Chance) -> tuple[Tensor, ...]:
        real_B, fake_B = self._judge(real_BCHW, chance), self._judge(fake_BCHW, chance)
        loss = self._loss.discriminator(real_B, fake_B, self.config.label_smoothing)
        self._descend(loss, self.discriminator, self._optimizer_d)
        return loss.detach(), real_B.detach(), fake_B.detach()

    def _step_generator(self, fake_BCHW: Tensor, chance: Chance) -> Tensor:
        loss = self._loss.generator(self._judge(fake_BCHW, chance))
        self._descend(loss, self.generator, self._optimizer_g)
        return loss.detach()

    def _judge(self, pictures_BCHW: Tensor, chance: Chance) -> Tensor:
        with self._autocast:
            outputs_B: Tensor = self.discriminator(augment(pictures_BCHW, self._both_sides, chance))
        return outputs_B.float()

    def _descend(self, loss: Tensor, module: nn.Module, optimizer: Optimizer) -> None:
        """Step `module` alone: the other's gradients are not even computed.

        From the first loss on that is not a number the fused optimizers leave all weights as they are
        (`found_inf`, as GradScaler sets it): the check stays on the device, the loop reads it now and then.
        """
        self._broken = torch.maximum(self._broken, (~loss.detach().isfinite()).float())
        optimizer.zero_grad()
        loss.backward(inputs=list(module.parameters()))
        optimizer.found_inf = self._broken  # type: ignore[attr-defined]
        optimizer.step()

    @torch.no_grad()
    def _sum_up(self, loss_d: Tensor, loss_g: Tensor, real_B: Tensor, fake_B: Tensor) -> None:
        score, boundary = self._loss.score, self._loss.boundary
        means = [score(real_B).mean(), score(fake_B).mean()]
        means += [(real_B > boundary).float().mean(), (fake_B <= boundary).float().mean()]
        self._sums += torch.stack([loss_d, loss_g, *means])
        self._summed += 1

    def broken(self) -> bool:
        """Whether a loss was no number since the start, or a weight is none now. Waits for the device."""
        weights = [weight for _, module in self._modules() for weight in module.parameters()]
        return bool(self._broken) or not all(bool(weight.isfinite().all()) for weight in weights)

    def take_means(self) -> dict[str, float]:
        """The means of MEANS since they were last taken. Waits for the device."""
        means = (self._sums / self._summed).tolist()
        self._sums.zero_()
        self._summed.zero_()
        return dict(zip(MEANS, means, strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a step depends on and changes, by name; the tensors themselves, not copies."""
        named = {"sums": self._sums, "summed": self._summed}
        for prefix, module in self._modules():
            named |= {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}
        for prefix, module, optimizer in self._optimizers():
            for name, parameter in module.named_parameters():
                state = optimizer.state[parameter]
                named |= {f"{prefix}.{name}.{key}": tensor for key, tensor in state.items()}
        return named

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` gave, bit for bit."""
        for _, module, optimizer in self._optimizers():
            for parameter in module.parameters():
                optimizer.state[parameter] = _fresh_state(parameter)
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])

    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over networks and average alone; raises ValueError where they have other shapes."""
        for prefix, module in self._modules():
            for name, tensor in module.state_dict().items():
                given = tensors.get(f"{prefix}.{name}")
                if given is None or given.shape != tensor.shape:
                    raise ValueError(f"{prefix}.{name}")
                tensor.copy_(given)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "generator", self.generator
        yield "discriminator", self.discriminator
        yield "average", self.average.module

    def _optimizers(self) -> Iterator[tuple[str, nn.Module, Optimizer]]:
        yield "optimizer_g", self.generator, self._optimizer_g
        yield "optimizer_d", self.discriminator, self._optimizer_d


def _adam(module: nn.Module, rate: float, beta1: float) -> Adam:
    return Adam(module.parameters(), rate, (beta1, 0.999), fused=True)


def _fresh_state(parameter: Tensor) -> dict[str, Tensor]:
    """What fused Adam keeps of a parameter, laid out in memory as the parameter is."""
    step = torch.zeros((), dtype=torch.float32, device=parameter.device)
    return {"step": step, "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
