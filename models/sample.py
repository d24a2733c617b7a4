"""Pictures from a trained generator: grids, single files, walks through latent space."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from models import checkpoint, pictures
from models.chance import latents
from models.errors import MissingInput, TrainingError
from models.files import publish
from models.networks import NETWORKS, Shape
from models.pictures import Pixels

_BATCH = 64
_PICTURES = 64
_MOST_IN_GRID = 4096
_WALK_POINTS = 8
_FRAMES_BETWEEN = 24  # of a walk, from one point to the next
_FRAMES_PER_SECOND = 24


@dataclasses.dataclass(frozen=True, slots=True)
class Generator:
    """A trained generator and what its file says of it."""

    module: nn.Module
    shape: Shape
    about: dict[str, Any]  # name, network, step, pictures_seen, seconds, …

    def pictures(self, latents_BL: Tensor) -> Pixels:
        return generate(self.module, latents_BL)


def load(run: Path) -> Generator:
    """The generator of a run folder; raises MissingInput when it has none that can be read."""
    path = run / "generator.safetensors"
    found = checkpoint.read(path)
    if found is None:
        raise MissingInput(f"{path}: no generator that can be read; train the run first")
    tensors, about = found
    shape = Shape(**about["shape"])
    module = NETWORKS[about["network"]].generator(shape).eval().requires_grad_(False)
    module.load_state_dict(tensors)
    return Generator(module.to(memory_format=torch.channels_last), shape, about)


def save(path: Path, module: nn.Module, shape: Shape, about: dict[str, Any]) -> None:
    """Publish a generator so that `load` finds all it needs in the one file."""
    checkpoint.write(path, module.state_dict(), {**about, "shape": dataclasses.asdict(shape)})


def write(run: Path, output: Path, *, count: int | None = None, seed: int = 0) -> Path:
    """What `output` asks for by its suffix: .png a grid, .gif or .mp4 a walk, none a folder of singles.

    `count` pictures, or points that the walk goes through; without it as many as usually suit.
    """
    generator = load(run)
    suffix = output.suffix.lower()
    count = count or (_WALK_POINTS if suffix in {".gif", ".mp4"} else _PICTURES)
    if suffix == ".png" and count > _MOST_IN_GRID:
        raise MissingInput(
            f"{output}: a grid holds {_MOST_IN_GRID:,} at most; for {count:,} name a folder: -o DIR/"
        )
    points = latents(count, generator.shape.latent_dim, seed)
    match suffix:
        case ".png":
            write_grid(generator, points, output)
        case ".gif" | ".mp4":
            write_walk(generator, points, output)
        case "":
            write_singles(generator, points, output)
        case _:
            raise MissingInput(f"{output}: cannot write {suffix}; use .png, .gif, .mp4 or a folder")
    return output


def write_grid(generator: Generator, points_BL: Tensor, output: Path) -> None:
    columns = max(1, round(len(points_BL) ** 0.5))
    pictures.save_picture(pictures.grid(generator.pictures(points_BL), columns), output)


def write_singles(generator: Generator, points_BL: Tensor, output: Path) -> None:
    """output/000000.png …"""
    for index, picture in enumerate(generator.pictures(points_BL)):
        pictures.save_picture(_image(picture), output / f"{index:06d}.png")


def write_walk(generator: Generator, points_BL: Tensor, output: Path) -> None:
    """From point to point and back to the first, as a GIF or an MP4."""
    frames = generator.pictures(torch.stack(list(walk(points_BL))))
    publish(
        output, lambda part: (_write_gif if output.suffix.lower() == ".gif" else _write_mp4)(frames, part)
    )


def walk(points_BL: Tensor) -> Iterator[Tensor]:
    """Points along the way through all of `points_BL`, ending where it began; each step by the same angle."""
    for start_L, end_L in zip(points_BL, points_BL.roll(-1, 0), strict=True):
        for frame in range(_FRAMES_BETWEEN):
            yield slerp(start_L, end_L, frame / _FRAMES_BETWEEN)


def slerp(start_L: Tensor, end_L: Tensor, share: float) -> Tensor:
    """Between two points along a great circle (White 2016), since that is where normal samples lie."""
    cosine = torch.cosine_similarity(start_L, end_L, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle < 1e-4:
        return torch.lerp(start_L, end_L, share)
    return (torch.sin((1 - share) * angle) * start_L + torch.sin(share * angle) * end_L) / torch.sin(angle)


@torch.inference_mode()
def generate(module: nn.Module, latents_BL: Tensor) -> Pixels:
    """B x H x W x C uint8; a picture depends on its own point alone, not on the others of the batch."""
    return np.concatenate([_to_pixels(module(batch_BL)) for batch_BL in latents_BL.split(_BATCH)])


def _to_pixels(pictures_BCHW: Tensor) -> Pixels:
    """[-1, 1] → uint8, B x H x W x C."""
    scaled = pictures_BCHW.float().add(1).mul(127.5).round().clamp(0, 255)
    pixels: NDArray[np.uint8] = scaled.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def _image(picture_HWC: Pixels) -> Image.Image:
    return Image.fromarray(picture_HWC.squeeze(-1) if picture_HWC.shape[2] == 1 else picture_HWC)


def _write_gif(frames: Pixels, path: Path) -> None:
    images = [_image(frame) for frame in frames]
    duration = 1000 // _FRAMES_PER_SECOND
    images[0].save(path, "GIF", save_all=True, append_images=images[1:], duration=duration, loop=0)


def _write_mp4(frames: Pixels, path: Path) -> None:
    import cv2

    size = frames.shape[1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), _FRAMES_PER_SECOND, (size, size))
    if not writer.isOpened():
        raise TrainingError(f"{path}: OpenCV has no MP4 encoder here; write a .gif")
    for frame in frames:
        writer.write(np.ascontiguousarray(np.broadcast_to(frame[:, :, ::-1], (size, size, 3))))
    writer.release()
