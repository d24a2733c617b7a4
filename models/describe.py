"""A pair of networks in plain text: layers with their output shapes and how these follow, and a diagram.

Shapes are those of one picture: channels × height × width, or a single length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.config import SIZES, TrainConfig
from models.errors import ConfigError
from models.networks import NETWORKS, shape_for
from models.networks.modern import Doubling
from models.networks.projected import TAPS, Heads, side_seen

_BOX = 11  # characters across a box of the diagram
_WRAP = 8  # boxes in a row


@dataclass(frozen=True, slots=True)
class Layer:
    name: str
    shape: tuple[int, ...]  # of its output
    formula: str  # how the side follows, in numbers; empty where it does not change
    parameters: int


def describe(config: TrainConfig, size: int | None = None) -> str:
    """Both modules of the network of `config` at `size` px (None: 64, or the nearest it has), in colour.

    Raises ConfigError for a size that the network does not have.
    """
    network, sizes = config.network, SIZES[config.network]
    size = size or min(sizes, key=lambda one: abs(one - 64))
    if size not in sizes:
        raise ConfigError("--size", size, f"{network} makes pictures of {', '.join(map(str, sizes))} px")
    shape = shape_for(config, size, 3)
    with torch.device("meta"):  # shapes alone: nothing is computed, whatever the size
        generator = NETWORKS[network].generator(shape)
        discriminator = NETWORKS[network].discriminator(shape)
    pictures = (shape.channels, size, size)
    parts = [
        f"{network} at {size} px, base_channels {shape.base_channels}, latent_dim {shape.latent_dim}, "
        f"norm_d {shape.norm_d}",
        _module("Generator", generator, (shape.latent_dim,)),
        _module("Discriminator", discriminator, pictures),
        *([_second(size, config.projected)] if config.projected else []),
        "Sides: a convolution makes (in − kernel + 2·padding)/stride + 1, rounded down; a transposed one\n"
        "(in − 1)·stride − 2·padding + kernel.",
    ]
    return "\n\n".join(parts)


def _second(size: int, weight: float) -> str:
    """What stands beside the discriminator of pixels."""
    side = side_seen(size)
    with torch.device("meta"):
        count = sum(one.numel() for one in Heads(size).parameters())
    seen = ", ".join(shape_text((tap.channels, side // tap.stride, side // tap.stride)) for tap in TAPS)
    return (
        f"Second discriminator (projected {weight:g}): EfficientNet-Lite1, whose weights stay as they are, "
        f"sees the\npicture at {side} × {side}; a head each on its {seen}: {count:,} parameters that learn."
    )


def layers_of(module: nn.Module, given: tuple[int, ...]) -> list[Layer]:
    """The layers of a Sequential in the order in which a picture or point of shape `given` passes them."""
    found: list[Layer] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        came, goes = inputs[0].shape[1:], tuple(output.shape[1:])
        count = sum(one.numel() for one in layer.parameters())
        found.append(Layer(_name(layer), goes, _formula(layer, came), count))

    leaves = [one for one in module.modules() if one is not module and not isinstance(one, nn.Sequential)]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    with torch.inference_mode():
        module.eval()(torch.zeros(1, *given, device=next(module.parameters()).device))
    for hook in hooks:
        hook.remove()
    return found


def _module(title: str, module: nn.Module, given: tuple[int, ...]) -> str:
    layers = layers_of(module, given)
    total = sum(layer.parameters for layer in layers)
    rows = [("layer", "output", "side", "parameters"), ("input", shape_text(given), "", "")]
    rows += [
        (one.name, shape_text(one.shape), one.formula, f"{one.parameters:,}" if one.parameters else "")
        for one in layers
    ]
    rows.append(("in all", "", "", f"{total:,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if place == 3 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "─" * max(map(len, lines)))
    return "\n".join([title, *lines, "", diagram([given, *_stops(layers)])])


def _stops(layers: list[Layer]) -> list[tuple[int, ...]]:
    """The shapes that layers with weights give: one box each; batch norm changes none. What a generator
    paints beside the way to its last layer has no box.
    """
    makers = ("conv", "transposed", "linear", "nearest")
    *shapes, end = [one.shape for one in layers if one.name.startswith(makers)]
    return [*(shape for shape in shapes if shape[:1] != end[:1]), end]


def diagram(shapes: list[tuple[int, ...]]) -> str:
    """Boxes from left to right, as tall as their sides are large, channels within."""
    rows = [shapes[at : at + _WRAP] for at in range(0, len(shapes), _WRAP)]
    return "\n".join(_row_of_boxes(row, first=number == 0) for number, row in enumerate(rows))


def _row_of_boxes(shapes: list[tuple[int, ...]], *, first: bool) -> str:
    boxes = [_box(shape) for shape in shapes]
    tall = max(map(len, boxes))
    lines = []
    for level in range(tall):
        cells = [box[level - tall] if level >= tall - len(box) else " " * _BOX for box in boxes]
        arrow = "─▶" if level == tall - 2 else "  "
        lines.append(("  " if first else arrow) + arrow.join(cells))
    return "\n".join(line.rstrip() for line in lines)


def _box(shape: tuple[int, ...]) -> list[str]:
    """From the top: one more line for every doubling of the side."""
    side = shape[1] if len(shape) == 3 else 1
    texts = [f"{side}×{side}", str(shape[0])] if len(shape) == 3 else ["", str(shape[0] if shape else 1)]
    inside = _BOX - 2
    blank = ["│" + " " * inside + "│"] * max(0, side.bit_length() - 2)
    return [
        "┌" + "─" * inside + "┐",
        *blank,
        *(f"│{text:^{inside}}│" for text in texts),
        "└" + "─" * inside + "┘",
    ]


def shape_text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) if shape else "1"


def _name(layer: nn.Module) -> str:
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            return f"{_kind(layer)} k{layer.kernel_size[0]} s{layer.stride[0]} p{_padding(layer)}"
        case nn.Linear():
            return "linear"
        case nn.BatchNorm2d():
            return "batch norm"
        case nn.LeakyReLU():
            return f"leaky ReLU {layer.negative_slope:g}"
        case nn.Unflatten() | nn.Flatten():
            return "reshape"
        case _:
            return type(layer).__name__


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, Doubling):
        return "nearest ×2, conv"
    return "transposed" if isinstance(layer, nn.ConvTranspose2d) else "conv"


def _padding(layer: nn.Conv2d | nn.ConvTranspose2d) -> int:
    return int(layer.padding[0])


def _formula(layer: nn.Module, came: torch.Size) -> str:
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return ""
    side, kernel, stride, padding = came[1], layer.kernel_size[0], layer.stride[0], _padding(layer)
    side *= 2 if isinstance(layer, Doubling) else 1
    if isinstance(layer, nn.ConvTranspose2d):
        out = (side - 1) * stride - 2 * padding + kernel
        return f"({side} − 1)·{stride} − 2·{padding} + {kernel} = {out}"
    left = side - kernel + 2 * padding
    text = f"({side} − {kernel} + 2·{padding})/{stride}"
    text = text if left % stride == 0 else f"⌊{text}⌋"
    return f"{text} + 1 = {left // stride + 1}"
