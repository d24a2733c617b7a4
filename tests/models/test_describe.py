"""What `impasto describe` tells is what the networks are."""

import re

import pytest
import torch

from models import describe
from models.config import SIZES, TrainConfig, defaults
from models.errors import ConfigError
from models.networks import NETWORKS, Shape
from models.networks.projected import Heads

CASES = [(name, size) for name, sizes in SIZES.items() for size in sizes if size <= 64]


def _described(network: str, size: int | None = None) -> str:
    return describe.describe(TrainConfig(network=network, **defaults(network)), size)


@pytest.mark.parametrize(("name", "size"), CASES)
def test_every_side_follows_from_its_formula_and_every_weight_is_counted(name: str, size: int) -> None:
    shape = Shape(size, 3, 100, 8, 8, "batch")
    for module, given in (
        (NETWORKS[name].generator(shape), (100,)),
        (NETWORKS[name].discriminator(shape), (3, size, size)),
    ):
        layers = describe.layers_of(module, given)
        assert sum(layer.parameters for layer in layers) == sum(one.numel() for one in module.parameters())
        assert layers[-1].shape == module.eval()(torch.zeros(1, *given)).shape[1:]
        for layer in layers:
            if layer.formula:
                sum_, _, side = layer.formula.rpartition(" = ")
                python = re.sub(r"⌊(.*)⌋", r"int(\1)", sum_).translate(str.maketrans("−·", "-*"))
                assert int(eval(python)) == int(side) == layer.shape[1], layer


def test_a_description_has_layers_figures_and_boxes() -> None:
    text = _described("dcgan")
    for line in (
        "transposed k4 s2 p1  256 × 8 × 8    (4 − 1)·2 − 2·1 + 4 = 8     2,097,152",
        "conv k4 s2 p1   64 × 32 × 32   (64 − 4 + 2·1)/2 + 1 = 32",
        "3,576,704",
        "2,765,568",
    ):
        assert line in text
    assert max(map(len, text.splitlines())) <= 110
    boxes = [line for line in text.splitlines() if "─▶" in line]
    assert [re.findall(r"\d+", line) for line in boxes] == [
        ["100", "512", "256", "128", "64", "3"], ["3", "64", "128", "256", "512", "1"]
    ]  # fmt: skip


def test_a_size_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"--size = 65: bonsai makes pictures of 16, 32, 64, 128 px"):
        _described("bonsai", 65)


def test_the_largest_networks_fit_a_page() -> None:
    for name in NETWORKS:
        assert max(map(len, _described(name, max(SIZES[name])).splitlines())) <= 120


def test_what_modern_paints_beside_its_way_has_no_box() -> None:
    generator = _described("modern", 64).partition("Discriminator")[0]
    [boxes] = [line for line in generator.splitlines() if "─▶" in line]
    assert [box.strip() for box in boxes.replace("─▶", "").split("│") if box.strip()] == [
        "100", "4096", "128", "64", "32", "3",
    ]  # fmt: skip


def test_the_second_discriminator_is_told_of_where_there_is_one() -> None:
    text = _described("modern", 128)
    assert "conv k4 s2 p1   24 × 64 × 64" in text
    heads = sum(one.numel() for one in Heads(128).parameters())
    assert (
        "sees the\npicture at 128 × 128; a head each on its 40 × 16 × 16, 80 × 8 × 8, 192 × 4 × 4: " in text
    )
    assert f"{heads:,} parameters that learn" in text
    assert "projected" not in _described("dcgan")
