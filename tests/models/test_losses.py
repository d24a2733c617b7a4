"""Each loss against its formula worked out by hand."""

import math

import pytest
import torch

from models import config
from models.losses import LOSSES, Judged, by_chance, called_real

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -0.25])


def judged(outputs: torch.Tensor, features: list[list[float]] | None = None) -> Judged:
    return Judged(torch.tensor(features or [[0.0]] * len(outputs)), outputs)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_every_name_that_a_recipe_may_use_is_there() -> None:
    assert tuple(LOSSES) == config.LOSSES


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        # -log sigmoid(x) = softplus(-x); -log(1 - sigmoid(x)) = softplus(x)
        (
            "bce",
            (softplus(-2) + softplus(1)) / 2 + (softplus(0.5) + softplus(-0.25)) / 2,
            (softplus(-0.5) + softplus(0.25)) / 2,
        ),
        ("lsgan", ((1 + 4) / 2 + (0.25 + 0.0625) / 2) / 2, (0.25 + 1.5625) / 2 / 2),
        ("hinge", (0 + 2) / 2 + (1.5 + 0.75) / 2, -(0.5 - 0.25) / 2),
        ("relativistic", (softplus(-1.5) + softplus(0.75)) / 2, (softplus(1.5) + softplus(-0.75)) / 2),
        (
            "feature-matching",
            ((1 - sigmoid(2)) ** 2 + (1 - sigmoid(-1)) ** 2 + sigmoid(0.5) ** 2 + sigmoid(-0.25) ** 2) / 4,
            0.0,
        ),
    ],
)
def test_losses_are_what_their_papers_write(name: str, discriminator: float, generator: float) -> None:
    loss = LOSSES[name]
    assert loss.discriminator(REAL, FAKE, 0.0).item() == pytest.approx(discriminator, rel=1e-6)
    assert loss.generator(judged(FAKE), judged(REAL)).item() == pytest.approx(generator, rel=1e-6)


def test_feature_matching_is_the_squared_distance_of_mean_features() -> None:
    real = judged(REAL, [[1.0, 0.0], [3.0, 2.0]])  # mean 2, 1
    fake = judged(FAKE, [[0.0, 0.0], [1.0, 5.0]])  # mean 0.5, 2.5
    assert LOSSES["feature-matching"].generator(fake, real).item() == pytest.approx(1.5**2 + 1.5**2)


@pytest.mark.parametrize(
    ("name", "smoothing", "least", "chance"),
    [
        ("bce", 0.0, 0.0, 2 * math.log(2)),
        ("bce", 0.1, -0.1 * math.log(0.1) - 0.9 * math.log(0.9), 2 * math.log(2)),
        ("lsgan", 0.0, 0.0, 0.25),
        ("hinge", 0.0, 0.0, 2.0),
        ("relativistic", 0.0, 0.0, math.log(2)),
        ("feature-matching", 0.0, 0.0, 0.25),
    ],
)
def test_what_a_loss_is_at_best_and_by_chance(
    name: str, smoothing: float, least: float, chance: float
) -> None:
    assert LOSSES[name].least(smoothing) == pytest.approx(least)
    assert by_chance(LOSSES[name], smoothing) == pytest.approx(chance)
    if name != "lsgan":  # whose best outputs are its labels
        best = torch.tensor([math.log(0.9 / 0.1) if smoothing else 30.0])
        found = LOSSES[name].discriminator(best, torch.tensor([-30.0]), smoothing)
        assert found.item() == pytest.approx(least, abs=1e-5)


def test_where_only_differences_count_a_picture_is_real_above_the_middle() -> None:
    real, fake = called_real(LOSSES["relativistic"], REAL + 100, FAKE + 100)
    assert (real.tolist(), fake.tolist()) == ([1.0, 0.0], [1.0, 0.0])


def test_smoothing_moves_the_real_label_only() -> None:
    smooth, plain = (LOSSES["bce"].discriminator(REAL, FAKE, amount).item() for amount in (0.1, 0.0))
    # target 0.9 adds 0.1 x (softplus(x) - softplus(-x)) = 0.1 x for each real output x
    assert smooth - plain == pytest.approx(0.1 * (2 - 1) / 2, rel=1e-5)
    lsgan = LOSSES["lsgan"].discriminator(REAL, FAKE, 0.1).item()
    assert lsgan == pytest.approx(((1.1**2 + 1.9**2) / 2 + (0.25 + 0.0625) / 2) / 2, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_huge_outputs_give_finite_losses_and_gradients(name: str) -> None:
    real, fake = (torch.tensor([value], requires_grad=True) for value in (-500.0, 500.0))
    loss = LOSSES[name].discriminator(real, fake, 0.0)
    loss.backward()
    assert loss.isfinite()
    assert real.grad is not None
    assert real.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_the_boundary_lies_between_what_the_loss_wants_of_real_and_of_fake(name: str) -> None:
    outputs = torch.linspace(-3, 3, 601)
    losses = torch.stack([LOSSES[name].discriminator(one[None], -one[None], 0.0) for one in outputs])
    assert outputs[losses.argmin()] > (LOSSES[name].boundary or 0.0)
