"""What networks have in common: their ends, their weights' beginning, the norm of discriminators."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.networks.shape import Shape

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


class Scale(nn.Module):
    """x → factor · x + shift."""

    def __init__(self, factor: float, shift: float) -> None:
        super().__init__()
        self.factor, self.shift = factor, shift

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.shift

    def extra_repr(self) -> str:
        return f"{self.factor:g} · x + {self.shift:g}"


def to_pictures(shape: Shape) -> list[nn.Module]:
    """The generator's last layers: tanh, or a sigmoid whose [0, 1] is brought to [-1, 1]."""
    return [nn.Tanh()] if shape.output == "tanh" else [nn.Sigmoid(), Scale(2, -1)]


def from_pictures(shape: Shape) -> list[nn.Module]:
    """The discriminator's first layers: none, or back to the [0, 1] of a sigmoid."""
    return [] if shape.output == "tanh" else [Scale(0.5, 0.5)]


def norm(width: int, shape: Shape) -> list[nn.Module]:
    """What stands after a discriminator's convolution; spectral norm is put on the weights themselves."""
    return [nn.BatchNorm2d(width)] if shape.norm_d == "batch" else []


def two_parts(features: Iterable[nn.Module], score: Iterable[nn.Module], shape: Shape) -> nn.Sequential:
    """The discriminator of these layers; dropout, where asked for, between its features and its score."""
    dropout = [nn.Dropout(shape.dropout_d)] if shape.dropout_d else []
    return nn.Sequential(
        nn.Sequential(*from_pictures(shape), *features), nn.Sequential(*dropout, *score, nn.Flatten(0))
    )


def normalised(discriminator: nn.Sequential, shape: Shape) -> nn.Sequential:
    """Put spectral norm on every layer with weights, where that is the norm (Miyato et al. 2018)."""
    if shape.norm_d == "spectral":
        for layer in list(discriminator.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                spectral_norm(layer)
    return discriminator


def init_dcgan(module: nn.Module) -> None:
    """Weights N(0, 0.02), batch norm N(1, 0.02), biases 0 (Radford et al. 2016)."""
    if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
        nn.init.zeros_(module.bias)
    if isinstance(module, (*CONVOLUTIONS, nn.Linear)) and module.bias is not None:
        nn.init.zeros_(module.bias)


def init_glorot(module: nn.Module) -> None:
    """Weights uniform by fan in and out, biases 0: what Keras does unless told otherwise."""
    if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def init_he(module: nn.Module) -> None:
    """Weights normal by fan in, so that leaky activations stay as large as they came (He et al. 2015); the
    rest as `init_dcgan` has it."""
    init_dcgan(module)
    if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, 0.2)
