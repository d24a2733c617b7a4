"""Two networks and what one step of training changes of them.

B batch, C channels, H W pixels in [-1, 1], L latent dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.augment import Strength, augment
from models.average import Average
from models.chance import Chance
from models.config import TrainConfig
from models.descent import Descent, adam
from models.losses import LOSSES, Judged, by_chance, called_real
from models.networks import NETWORKS, Shape
from models.networks.fast import hasten
from models.networks.synced import sync
from models.penalty import gradient_penalty
from models.projected import Projected
from models.team import Team

# What is summed up over a logging interval, in this order.
MEANS = ("loss_d", "loss_g", "score_real", "score_fake", "accuracy_real", "accuracy_fake", "loss_projected")


class Gan:
    """Generator, discriminator, where asked for a second one, their optimizers and the average.

    `step` is one step of all.

    Same arithmetic as the DCGAN tutorial's: the discriminator sees real and fake as two batches, so that
    batch norm keeps them apart, then the generator is scored by the discriminator just changed. In a `team`
    every process has its share of both batches, and gradients are averaged before the optimizers step.
    """

    def __init__(
        self,
        shape: Shape,
        config: TrainConfig,
        device: torch.device,
        precision: torch.dtype,
        team: Team | None = None,
    ) -> None:
        self.shape, self.config = shape, config
        self._team = team or Team(device)
        self._network = NETWORKS[config.network]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generator, discriminator = self._network.generator(shape), self._network.discriminator(shape)
            self._projected = Projected(shape.size, config, device) if config.projected else None
        if self._team.count > 1 and config.sync_norm:
            sync(generator)
            sync(discriminator)
        if device.type == "cpu" and not config.compile:
            hasten(generator, precision)
            hasten(discriminator, precision)
        self.generator = generator.to(device).to(memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device).to(memory_format=torch.channels_last)
        self._descent = Descent(self._team)
        self.average = Average(self.generator, config.ema_decay if config.ema else 0.0)
        if config.compile:
            self._compile()
        self._optimizer_g = adam(self.generator, config.lr_g, config.beta1)
        self._optimizer_d = adam(self.discriminator, config.lr_d, config.beta1)
        self._loss = LOSSES[config.loss]
        self._both_sides = [name for name in config.augment if name != "mirror"]
        self._strength = Strength(config.augment_target, device) if config.augment_target else None
        self._autocast = torch.autocast(device.type, precision, enabled=precision is not torch.float32)
        self._sums = torch.zeros(len(MEANS), device=device)
        self._summed = torch.zeros((), device=device)
        self._zero = torch.zeros((), device=device)
        self.set_rates(1.0)

    def step(self, step: int, real_BCHW: Tensor, chance: Chance) -> None:
        """One step of both networks, the `step`th (from 0). Nothing waits for the device here."""
        with chance.governing_torch() if self.shape.dropout_d else nullcontext():
            if "mirror" in self.config.augment:
                real_BCHW = augment(real_BCHW, ["mirror"], chance)
            with self._autocast:
                fake_BCHW = self.generator(chance.normal(len(real_BCHW), self.shape.latent_dim))
            seen = -(-len(real_BCHW) // 2) if self._network.half_batches else len(real_BCHW)
            penalised = (step + 1) % self.config.penalty_every == 0
            loss_d, real, fake = self._step_discriminator(
                real_BCHW[:seen], fake_BCHW[:seen].detach(), chance, penalised=penalised
            )
            loss_heads, from_heads = self._step_heads(real_BCHW, fake_BCHW, chance)
            loss_g = self._step_generator(fake_BCHW, real_BCHW, real, from_heads, chance)
        self.average.update(step)
        self._sum_up((loss_d, loss_g, loss_heads), real.outputs, fake.outputs)

    def _compile(self) -> None:
        """In place, so that no weight changes its name; not what penalties differentiate twice."""
        twice = self.config.r1 or self.config.r2
        for module in [self.generator, *([] if twice else self.discriminator)]:
            module.compile(dynamic=False)

    def set_rates(self, factor: float) -> None:
        """Both learning rates as the recipe says, times `factor`."""
        self.rate_factor = factor
        self.rates = self.config.lr_g * factor, self.config.lr_d * factor
        for prefix, _, optimizer in self._optimizers():
            lr_g, lr_d = self.rates
            optimizer.param_groups[0]["lr"] = lr_g if prefix == "optimizer_g" else lr_d

    @property
    def augment_p(self) -> float:
        """The share of pictures that each augmentation changes. Waits for the device."""
        return self._strength.p.item() if self._strength else float(bool(self.config.augment))

    @property
    def loss_d_range(self) -> tuple[float, float]:
        """The discriminator's loss at best, and where it cannot tell at all."""
        smoothing = self.config.label_smoothing
        least, chance = self._loss.least(smoothing), by_chance(self._loss, smoothing)
        return least * self._share, chance * self._share

    @property
    def _share(self) -> float:
        return 0.5 if self._network.mean_of_halves else 1.0

    def _step_discriminator(
        self, real_BCHW: Tensor, fake_BCHW: Tensor, chance: Chance, *, penalised: bool
    ) -> tuple[Tensor, Judged, Judged]:
        real, fake = self._judge(real_BCHW, chance), self._judge(fake_BCHW, chance)
        smoothing = self.config.label_smoothing
        loss = self._loss.discriminator(real.outputs, fake.outputs, smoothing) * self._share
        total = loss
        for weight, pictures_BCHW in ((self.config.r1, real_BCHW), (self.config.r2, fake_BCHW)):
            if weight and penalised:
                penalty = gradient_penalty(lambda one: self._judge(one, chance).outputs, pictures_BCHW)
                total = total + penalty * (weight * self.config.penalty_every)
        self._descent.step(total, self.discriminator, self._optimizer_d)
        if self._strength:
            called, _ = called_real(self._loss, real.outputs.detach(), fake.outputs.detach())
            self._strength.follow(self._team.mean(called).repeat(self._team.count))
        return loss.detach(), _detached(real), _detached(fake)

    def _step_heads(self, real_BCHW: Tensor, fake_BCHW: Tensor, chance: Chance) -> tuple[Tensor, Tensor]:
        """Where there is a second discriminator: its loss, and the generator's by it; else zeros."""
        if self._projected is None:
            return self._zero, self._zero
        return self._projected.step(
            real_BCHW, fake_BCHW, lambda one: self._augmented(one, chance), self._descent, self._autocast
        )

    def _step_generator(
        self, fake_BCHW: Tensor, real_BCHW: Tensor, real: Judged, from_heads: Tensor, chance: Chance
    ) -> Tensor:
        if self._loss.compares:
            with torch.no_grad():
                real = self._judge(real_BCHW, chance)
        fake = self._judge(fake_BCHW, chance)
        if self._loss.compares:
            real, fake = self._centred(real), self._centred(fake)
        loss = self._loss.generator(fake, real)
        total = loss + self.config.projected * from_heads
        self._descent.step(total, self.generator, self._optimizer_g)
        return loss.detach()

    def _judge(self, pictures_BCHW: Tensor, chance: Chance) -> Judged:
        features, score = self.discriminator
        with self._autocast:
            seen = features(self._augmented(pictures_BCHW, chance))
            outputs_B: Tensor = score(seen)
        return Judged(seen.float(), outputs_B.float())

    def _augmented(self, pictures_BCHW: Tensor, chance: Chance) -> Tensor:
        strength = self._strength.p if self._strength else None
        return augment(pictures_BCHW, self._both_sides, chance, strength)

    def _centred(self, judged: Judged) -> Judged:
        """Features moved so that their mean is that of all processes: some losses compare nothing else."""
        if self._team.count == 1:
            return judged
        ours = judged.features.detach().mean(0)
        return judged._replace(features=judged.features + (self._team.mean(ours) - ours))

    @torch.no_grad()
    def _sum_up(self, losses: tuple[Tensor, Tensor, Tensor], real_B: Tensor, fake_B: Tensor) -> None:
        loss_d, loss_g, loss_heads = losses
        score = self._loss.score
        as_real, as_fake = called_real(self._loss, real_B, fake_B)
        means = [score(real_B).mean(), score(fake_B).mean(), as_real.mean(), 1 - as_fake.mean()]
        self._sums += self._team.mean(torch.stack([loss_d, loss_g, *means, loss_heads]))
        self._summed += 1

    def broken(self) -> bool:
        """Whether a loss was no number since the start, or a weight is none now. Waits for the device."""
        weights = [weight for _, module in self._modules() for weight in module.parameters()]
        return bool(self._descent.broken) or not all(bool(weight.isfinite().all()) for weight in weights)

    def take_means(self) -> dict[str, float]:
        """The means of MEANS since they were last taken. Waits for the device."""
        means = (self._sums / self._summed).tolist()
        self._sums.zero_()
        self._summed.zero_()
        known = dict(zip(MEANS, means, strict=True))
        return known if self._projected else {name: known[name] for name in MEANS if name != "loss_projected"}

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a step depends on and changes, by name; the tensors themselves, not copies."""
        named = {"sums": self._sums, "summed": self._summed}
        named |= {"augment_p": self._strength.p} if self._strength else {}
        for prefix, module in self._modules():
            named |= {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}
        for prefix, module, optimizer in self._optimizers():
            for name, parameter in module.named_parameters():
                state = optimizer.state[parameter]
                named |= {f"{prefix}.{name}.{key}": tensor for key, tensor in state.items()}
        return named

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` gave, bit for bit."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
        self._descent.mend()

    def go_on(self, rate_factor: float) -> None:
        """After another process's tensors were taken over."""
        self._descent.mend()
        self.set_rates(rate_factor)

    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over networks and average alone; raises ValueError where they have other shapes.

        Heads begin anew where those who gave the weights had none.
        """
        for prefix, module in self._modules():
            if prefix == "heads" and not any(name.startswith("heads.") for name in tensors):
                continue
            for name, tensor in module.state_dict().items():
                given = tensors.get(f"{prefix}.{name}")
                if given is None or given.shape != tensor.shape:
                    raise ValueError(f"{prefix}.{name}")
                tensor.copy_(given)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "generator", self.generator
        yield "discriminator", self.discriminator
        yield "average", self.average.module
        if self._projected:
            yield "heads", self._projected.heads

    def _optimizers(self) -> Iterator[tuple[str, nn.Module, Optimizer]]:
        yield "optimizer_g", self.generator, self._optimizer_g
        yield "optimizer_d", self.discriminator, self._optimizer_d
        if self._projected:
            yield "optimizer_heads", self._projected.heads, self._projected.optimizer


def _detached(judged: Judged) -> Judged:
    return Judged(judged.features.detach(), judged.outputs.detach())
