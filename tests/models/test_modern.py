"""What `modern` adds to DCGAN's layers, and that it learns."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, interpolate

from models import data, sample
from models.chance import latents
from models.config import SIZES, TrainConfig, defaults
from models.guard import diversity
from models.networks import NETWORKS, Shape
from models.networks.modern import Doubling, Painter, Unlikeness
from models.trainer import train

MakeDataset = Callable[..., Path]


def shape(size: int, base: int = 4) -> Shape:
    return Shape(size, 3, 6, base, base, "none")


def test_one_more_channel_says_how_unlike_the_pictures_of_a_group_are() -> None:
    torch.manual_seed(0)
    one = torch.randn(1, 5, 4, 4)
    alike, apart = one.expand(8, -1, -1, -1), torch.randn(8, 5, 4, 4)
    for features, low, high in ((alike, 0.0, 1e-3), (apart, 0.7, 1.1), (3 * apart, 2.1, 3.3)):
        seen = Unlikeness()(features)
        assert torch.equal(seen[:, :5], features)
        assert low <= seen[:, 5].min()
        assert seen[:, 5].max() <= high
        assert seen[:, 5].unique().numel() == 1


def test_unlikeness_is_of_groups_where_they_make_up_the_batch() -> None:
    torch.manual_seed(0)
    features = torch.randn(16, 5, 4, 4)
    assert Unlikeness()(features)[:, 5].unique().numel() == 2
    assert Unlikeness()(features[:9])[:, 5].unique().numel() == 1


def test_doubling_is_nearest_neighbours_and_a_convolution() -> None:
    torch.manual_seed(0)
    layer, features = Doubling(5, 7), torch.randn(2, 5, 4, 6)
    plain = conv2d(interpolate(features, scale_factor=2, mode="nearest"), layer.weight, padding=1)
    assert torch.allclose(layer(features), plain, atol=1e-5)


@pytest.mark.parametrize("size", SIZES["modern"][:4])
def test_pictures_are_painted_small_first_and_added_up(size: int) -> None:
    torch.manual_seed(0)
    painter = NETWORKS["modern"].generator(shape(size)).eval()
    assert isinstance(painter, Painter)
    points = torch.randn(2, 6)
    seen: list[torch.Tensor] = []
    for layer in (*painter.sketches, painter.last):
        layer.register_forward_hook(lambda _, __, painted: seen.append(painted))
    pictures = painter(points)
    assert [one.shape[2] for one in seen] == [*(side for side in (8, 16, 32) if side < size // 2), size]
    total = seen[0]
    for painted in seen[1:]:
        while total.shape[2] < painted.shape[2]:
            total = interpolate(total, scale_factor=2, mode="bilinear")
        total = total + painted
    assert torch.allclose(pictures, total.tanh(), atol=1e-6)


@pytest.mark.slow
def test_modern_learns_discs_and_does_not_collapse(make_dataset: MakeDataset) -> None:
    made = make_dataset(200, 16)
    changes = {"base_channels": 8, "latent_dim": 8, "steps": 400, "device": "cpu", "sample_every": 100}
    run = train(TrainConfig(**{"network": "modern", **defaults("modern"), **changes}), "blobs", made).folder
    fake = sample.load(run).pictures(latents(200, 8, 1))
    real = data.load(data.find(made, "blobs"))
    assert abs(fake.mean() - real.mean()) < 15
    assert 0.6 < diversity(fake) / diversity(real) < 1.5
    middle, corner = np.s_[:, 7:9, 7:9], np.s_[:, :2, :2]
    assert fake[middle].mean() > fake[corner].mean() + 60
