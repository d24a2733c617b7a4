"""The step against the PyTorch tutorial's, written here as plainly as the tutorial writes it."""

import copy

import pytest
import torch
from torch import Tensor, nn

from models.augment import Strength
from models.chance import Chance
from models.config import TrainConfig
from models.gan import Gan
from models.losses import LOSSES, Judged
from models.networks import Shape
from models.penalty import gradient_penalty

CPU = torch.device("cpu")
SHAPE = Shape(size=16, channels=3, latent_dim=8, base_channels=8, base_channels_d=8, norm_d="batch")


def config(**changes: object) -> TrainConfig:
    return TrainConfig(**{"augment": (), "base_channels": 8, "latent_dim": 8, **changes})


def reals(step: int, batch: int = 16) -> Tensor:
    return torch.rand(batch, 3, 16, 16, generator=torch.Generator().manual_seed(step)) * 2 - 1


class Tutorial:
    """netG, netD, optimizerG, optimizerD and the loop's body, as in pytorch.org's DCGAN tutorial."""

    def __init__(self, gan: Gan) -> None:
        self.g = copy.deepcopy(gan.generator).to(memory_format=torch.contiguous_format)
        self.d = copy.deepcopy(gan.discriminator).to(memory_format=torch.contiguous_format)
        self.opt_g = torch.optim.Adam(self.g.parameters(), 2e-4, (0.5, 0.999))
        self.opt_d = torch.optim.Adam(self.d.parameters(), 2e-4, (0.5, 0.999))
        self.criterion = nn.BCELoss()

    def step(self, real: Tensor, noise: Tensor) -> dict[str, float]:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        self.d.zero_grad()
        on_real = self.d(real).sigmoid()
        loss_real = self.criterion(on_real, ones)
        loss_real.backward()
        fake = self.g(noise)
        on_fake = self.d(fake.detach()).sigmoid()
        loss_fake = self.criterion(on_fake, zeros)
        loss_fake.backward()
        self.opt_d.step()
        self.g.zero_grad()
        loss_g = self.criterion(self.d(fake).sigmoid(), ones)
        loss_g.backward()
        self.opt_g.step()
        return {
            "loss_d": (loss_real + loss_fake).item(),
            "loss_g": loss_g.item(),
            "score_real": on_real.mean().item(),
            "score_fake": on_fake.mean().item(),
            "accuracy_real": (on_real > 0.5).float().mean().item(),
            "accuracy_fake": (on_fake <= 0.5).float().mean().item(),
        }


def test_steps_are_the_tutorials() -> None:
    gan = Gan(SHAPE, config(), CPU, torch.float32)
    tutorial, chance = Tutorial(gan), Chance(0, CPU)
    for step in range(4):
        noise = chance.at(step).normal(16, 8)
        expected = tutorial.step(reals(step), noise)
        gan.step(step, reals(step), chance.at(step))
        assert gan.take_means() == pytest.approx(expected, rel=1e-3, abs=1e-4)
        if step == 0:
            _same_gradients(tutorial.d, tutorial.opt_d, gan, "optimizer_d")
            _same_gradients(tutorial.g, tutorial.opt_g, gan, "optimizer_g")
    for theirs, ours in ((tutorial.g, gan.generator), (tutorial.d, gan.discriminator)):
        for name, value in theirs.state_dict().items():
            # Adam turns a gradient near 0 into a whole step of either sign: a few weights may differ by one.
            difference = (ours.state_dict()[name] - value).abs().float()
            assert difference.mean() < 2e-5, name


def _same_gradients(module: nn.Module, optimizer: torch.optim.Adam, gan: Gan, prefix: str) -> None:
    ours = gan.tensors()
    for name, parameter in module.named_parameters():
        theirs = optimizer.state[parameter]["exp_avg"]
        difference = (ours[f"{prefix}.{name}.exp_avg"] - theirs).abs().max()
        assert difference <= 1e-4 * theirs.abs().max() + 1e-8, name


def test_the_generator_step_leaves_the_discriminator_alone() -> None:
    gan = Gan(SHAPE, config(), CPU, torch.float32)
    tensors = gan.tensors
    gan.step(0, reals(0), Chance(0, CPU).at(0))
    before = {name: tensor.clone() for name, tensor in tensors().items()}
    fake = gan.generator(torch.randn(4, 8))
    gradients = [weight.grad.clone() for weight in gan.discriminator.parameters()]
    gan._step_generator(fake, reals(1), Judged(fake, fake), torch.tensor(0.0), Chance(0, CPU).at(1))
    for gradient, parameter in zip(gradients, gan.discriminator.parameters(), strict=True):
        assert torch.equal(gradient, parameter.grad)
    for name, _ in gan.discriminator.named_parameters():
        assert torch.equal(before[f"discriminator.{name}"], tensors()[f"discriminator.{name}"])


@pytest.mark.parametrize("norm_d", ["batch", "spectral", "none"])
@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_loaded_goes_on_bit_for_bit(loss: str, norm_d: str) -> None:
    goes_on_bit_for_bit(config(loss=loss, norm_d=norm_d, augment=("mirror", "diffaugment", "sharpness")))


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout_d": 0.5},
        {"augment": ("diffaugment",), "augment_target": 0.3},
        {"r1": 1.0, "r2": 0.5, "penalty_every": 2, "loss": "relativistic", "augment": ("diffaugment",)},
        {"network": "bonsai", "output": "sigmoid", "norm_d": "none"},
        {"network": "portraits", "loss": "feature-matching"},
        {"projected": 0.3, "augment": ("mirror", "translation")},
        {"projected": 0.3, "network": "bonsai", "norm_d": "none", "output": "sigmoid"},
    ],
    ids=" ".join,
)
def test_so_does_what_has_more_to_remember(changes: dict[str, object]) -> None:
    goes_on_bit_for_bit(config(**changes))


def goes_on_bit_for_bit(settings: TrainConfig) -> None:
    gan, other = (Gan(shape_of(settings), settings, CPU, torch.float32) for _ in range(2))
    chance = Chance(0, CPU)
    for step in range(3):
        gan.step(step, reals(step), chance.at(step))
    other.load({name: tensor.clone() for name, tensor in gan.tensors().items()})
    for step in range(3, 6):
        for one in (gan, other):
            one.step(step, reals(step), chance.at(step))
    theirs = other.tensors()
    for name, tensor in gan.tensors().items():
        assert torch.equal(tensor, theirs[name]), name


def shape_of(settings: TrainConfig) -> Shape:
    return Shape(16, 3, 8, 8, 8, settings.norm_d, settings.output, settings.dropout_d)


def test_a_penalty_is_the_squared_gradient_by_the_picture_before_augmentation() -> None:
    """Of f(x) = sum(w x²) behind a doubling, the gradient by x is 8 w x; half its squared norm on average."""
    pictures = reals(0, batch=4)
    found = gradient_penalty(lambda one: (2 * one).square().sum((1, 2, 3)), pictures)
    assert found.item() == pytest.approx((8 * pictures).square().sum((1, 2, 3)).mean().item() / 2, rel=1e-5)


def trained(steps: int, **changes: object) -> Gan:
    settings = config(norm_d="none", lr_d=2e-3, **changes)
    gan = Gan(shape_of(settings), settings, CPU, torch.float32)
    for step in range(steps):
        gan.step(step, reals(step), Chance(0, CPU).at(step))
    return gan


def test_penalties_flatten_the_discriminator() -> None:
    plain, penalised = trained(30), trained(30, r1=100.0, r2=100.0, penalty_every=3)
    slopes = [gradient_penalty(one.discriminator, reals(0)).item() for one in (plain, penalised)]
    assert slopes[1] < slopes[0] / 3


def test_penalties_come_only_when_they_are_due() -> None:
    for steps, same in ((2, True), (3, False)):
        plain, penalised = (trained(steps, r1=weight, penalty_every=3) for weight in (0.0, 1.0))
        pairs = zip(plain.discriminator.parameters(), penalised.discriminator.parameters(), strict=True)
        assert all(torch.equal(*pair) for pair in pairs) is same


def test_half_batches_show_the_discriminator_half_and_the_generator_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    judge = Gan._judge

    def counting(self: Gan, pictures: Tensor, chance: Chance) -> Judged:
        sizes.append(len(pictures))
        return judge(self, pictures, chance)

    monkeypatch.setattr(Gan, "_judge", counting)
    settings = config(network="bonsai", norm_d="none")
    Gan(shape_of(settings), settings, CPU, torch.float32).step(0, reals(0), Chance(0, CPU).at(0))
    assert sizes == [8, 8, 16]


def test_the_mean_of_halves_is_half_the_sum() -> None:
    settings = config(network="celeba")
    shape = Shape(64, 3, 8, 4, 4, "batch")
    gan = Gan(shape, settings, CPU, torch.float32)
    assert gan.loss_d_range == pytest.approx((0.0, 0.6931), abs=1e-4)
    pictures = torch.rand(8, 3, 64, 64)
    gan.step(0, pictures, Chance(0, CPU).at(0))
    means = gan.take_means()
    assert 0.3 < means["loss_d"] < 1.2
    assert gan.discriminator[1][0].bias.grad.abs() < 0.5  # of the sum it may be up to 1


def test_augmentation_grows_while_real_pictures_are_known_too_well_and_falls_else() -> None:
    strength = Strength(0.6, CPU)
    for _ in range(200):
        strength.follow(torch.ones(50))
    assert strength.p.item() == pytest.approx(0.5, abs=1e-4)  # 10,000 pictures of 20,000
    for _ in range(100):
        strength.follow(torch.tensor([1.0, 1.0, 1.0, 0.0] * 10))  # mean sign 0.5
    assert strength.p.item() == pytest.approx(0.3, abs=1e-4)
    for _ in range(200):
        strength.follow(torch.zeros(50))
    assert strength.p.item() == 0


def test_rates_are_lowered_together() -> None:
    gan = Gan(SHAPE, config(lr_d=4e-4), CPU, torch.float32)
    gan.set_rates(0.25)
    assert gan.rates == pytest.approx((5e-5, 1e-4))
    rates = [optimizer.param_groups[0]["lr"] for _, _, optimizer in gan._optimizers()]
    assert rates == pytest.approx([5e-5, 1e-4])


def test_a_loss_that_is_no_number_changes_no_weight_then_or_later() -> None:
    gan, chance = Gan(SHAPE, config(), CPU, torch.float32), Chance(0, CPU)
    gan.step(0, reals(0), chance.at(0))
    weights = {name: value.detach().clone() for name, value in gan.discriminator.named_parameters()}
    weights |= {name: value.detach().clone() for name, value in gan.generator.named_parameters()}
    assert not gan.broken()
    gan.step(1, torch.full_like(reals(1), float("nan")), chance.at(1))
    gan.step(2, reals(2), chance.at(2))
    assert gan.broken()
    after = dict(gan.discriminator.named_parameters()) | dict(gan.generator.named_parameters())
    assert all(torch.equal(value, after[name]) for name, value in weights.items())


def test_a_weight_that_is_no_number_is_noticed_before_it_is_saved() -> None:
    gan = Gan(SHAPE, config(), CPU, torch.float32)
    assert not gan.broken()
    next(gan.discriminator.parameters()).data[0, 0, 0, 0] = float("inf")
    assert gan.broken()


def test_bf16_stays_close_to_float32() -> None:
    exact, rough = (Gan(SHAPE, config(), CPU, kind) for kind in (torch.float32, torch.bfloat16))
    for step in range(3):
        for gan in (exact, rough):
            gan.step(step, reals(step), Chance(0, CPU).at(step))
    assert rough.take_means() == pytest.approx(exact.take_means(), abs=0.1)
    assert all(tensor.dtype is not torch.bfloat16 for tensor in rough.tensors().values())


def test_without_ema_the_generator_itself_is_sampled() -> None:
    gan = Gan(SHAPE, config(ema=False), CPU, torch.float32)
    for step in range(3):
        gan.step(step, reals(step), Chance(0, CPU).at(step))
    ours = gan.average.module.state_dict()
    for name, value in gan.generator.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(ours[name], value), name


def test_the_average_follows_with_the_decay_it_is_given() -> None:
    gan = Gan(SHAPE, config(ema_decay=0.5), CPU, torch.float32)
    name = "1.weight"
    expected = gan.generator.state_dict()[name].clone()
    for step in range(12):
        gan.step(step, reals(step), Chance(0, CPU).at(step))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = expected * decay + gan.generator.state_dict()[name] * (1 - decay)
    assert torch.allclose(gan.average.module.state_dict()[name], expected, atol=1e-7)
