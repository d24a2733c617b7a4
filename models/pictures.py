"""Pictures of a run: grids, the animation over training, the loss plot, real beside generated.

Pictures come as B x H x W x C uint8, C 1 or 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.files import publish

if TYPE_CHECKING:
    import pyarrow as pa

Pixels = NDArray[np.uint8]

GAP = 2  # px between the pictures of a grid
_GIF_FRAMES = 36  # with 64 colours about 1.5 MB at 64 px: it travels inside the report
_GIF_SIDE = 300  # px, about: the animation shows a corner of the grids, so that it stays small
_LABEL = 18  # px, height of a line of text


def columns_for(size: int, widest: int = 1024) -> int:
    """How many pictures of `size` px stand side by side in a square grid: 8, fewer where they are large."""
    return max(2, min(8, widest // size))


def grid(pictures: Pixels, columns: int) -> Image.Image:
    """Pictures in rows on white."""
    count, size, _, channels = pictures.shape
    rows = -(-count // columns)
    cell = size + GAP
    sheet = np.full((rows * cell + GAP, columns * cell + GAP, channels), 255, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = (GAP + cell * at for at in divmod(place, columns))
        sheet[top : top + size, left : left + size] = picture
    return Image.fromarray(sheet.squeeze(-1) if channels == 1 else sheet)


def save_picture(picture: Image.Image, path: Path, *, durable: bool = True) -> None:
    publish(path, lambda part: picture.save(part, "PNG"), durable=durable)


def save_animation(samples: Sequence[Path], size: int, path: Path) -> None:
    """A GIF of the same corner of every grid in `samples`, in order; the last one stays longer."""
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(_GIF_FRAMES, len(samples))).round().astype(int))
    side = GAP + (size + GAP) * max(1, min(columns_for(size), _GIF_SIDE // (size + GAP)))
    frames = []
    for index in chosen:
        with Image.open(samples[index]) as sheet:
            frames.append(sheet.crop((0, 0, side, side)).quantize(64))
    durations = [150] * (len(frames) - 1) + [2000]
    publish(
        path,
        lambda part: frames[0].save(
            part, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
        ),
    )


def save_real_and_fake(real: Pixels, fake: Pixels, path: Path) -> None:
    """Two grids of the same number of pictures side by side, each under its name."""
    columns = max(1, columns_for(real.shape[1]) // 2)
    sheets = [grid(one, columns) for one in (real, fake)]
    width, height = sheets[0].size
    both = Image.new("RGB", (2 * width + 4 * GAP, height + _LABEL), "white")
    draw = ImageDraw.Draw(both)
    for sheet, name, left in zip(sheets, ("real", "generated"), (0, width + 4 * GAP), strict=True):
        draw.text((left + GAP, GAP), name, fill="black")
        both.paste(sheet, (left, _LABEL))
    save_picture(both, path)


def save_loss_plot(metrics: pa.Table, path: Path) -> None:
    """Losses, and beneath them how well the discriminator tells real from generated, over pictures seen."""
    from matplotlib.figure import Figure

    metrics = metrics.filter(metrics["loss_d"].is_valid())
    seen = metrics["pictures_seen"].to_numpy()
    figure = Figure(figsize=(8, 6), layout="constrained")
    losses, accuracy = figure.subplots(2, sharex=True)
    for axes, lines in (
        (
            losses,
            {"loss_d": "discriminator", "loss_g": "generator", "loss_projected": "second discriminator"},
        ),
        (accuracy, {"accuracy_real": "real called real", "accuracy_fake": "generated called generated"}),
    ):
        for column, label in lines.items():
            if metrics[column].null_count == len(metrics):
                continue
            marker = "o" if len(seen) == 1 else None  # one point makes no line
            axes.plot(seen, metrics[column].to_numpy(zero_copy_only=False), label=label, marker=marker)
        axes.legend()
        axes.grid(alpha=0.3)
    losses.set_ylabel("loss")
    accuracy.set(ylabel="accuracy", ylim=(-0.02, 1.02), xlabel="pictures seen")
    publish(path, lambda part: figure.savefig(part, format="png", dpi=100))
