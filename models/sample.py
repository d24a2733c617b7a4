"""Pictures from a trained generator: grids, single files, walks through latent space."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from models import checkpoint, pictures
from models.chance import latents
from models.errors import ConfigError, MissingInput, TrainingError
from models.files import publish
from models.networks import NETWORKS, Shape
from models.pictures import Pixels

_BATCH = 64
_PICTURES = 64
_MOST_IN_GRID = 4096
_WIDEST_GRID = 16_384  # px; also what most programs open
_MOST_SINGLES = 1_000_000  # as many names as there are
_WALK_POINTS = 8
_MOST_WALK_POINTS = 200  # more than three minutes
_FRAMES_BETWEEN = 24  # of a walk, from one point to the next
_FRAMES_PER_SECOND = 24

Tick = Callable[[int, int], object]  # done so far, of how many


@dataclasses.dataclass(frozen=True, slots=True)
class Generator:
    """A trained generator and what its file says of it."""

    module: nn.Module
    shape: Shape
    about: dict[str, Any]  # name, network, step, pictures_seen, seconds, …

    def pictures(self, latents_BL: Tensor) -> Pixels:
        return generate(self.module, latents_BL)

    def one_by_one(self, latents_BL: Tensor) -> Iterator[Pixels]:
        """The same pictures; never more than a batch of them in memory."""
        for batch_BL in latents_BL.split(_BATCH):
            yield from self.pictures(batch_BL)


def load(run: Path) -> Generator:
    """The generator of a run folder; raises MissingInput when it has none that can be read."""
    path = run / "generator.safetensors"
    found = checkpoint.read(path)
    if found is None:
        raise MissingInput(f"{path}: no generator that can be read; train the run first")
    tensors, about = found
    shape = Shape(**about["shape"])
    module = NETWORKS[about["network"]].generator(shape).eval().requires_grad_(False)
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        text = f"{path}: made by another version, whose {about['network']} had other layers; train it anew"
        raise MissingInput(text) from error
    return Generator(module.to(memory_format=torch.channels_last), shape, about)


def save(path: Path, module: nn.Module, shape: Shape, about: dict[str, Any]) -> None:
    """Publish a generator so that `load` finds all it needs in the one file."""
    checkpoint.write(path, module.state_dict(), {**about, "shape": dataclasses.asdict(shape)})


def write(
    run: Path,
    output: Path,
    *,
    count: int | None = None,
    seed: int = 0,
    truncation: float | None = None,
    tick: Tick = lambda _done, _total: None,
) -> Path:
    """What `output` asks for by its suffix: .png a grid, .gif or .mp4 a walk, none a folder of singles.

    `count` pictures, or points that the walk goes through; without it as many as usually suit. `truncation`:
    see `truncated`. `tick` hears of every picture. Raises MissingInput and ConfigError.
    """
    generator = load(run)
    suffix = output.suffix.lower()
    count = count or (_WALK_POINTS if suffix in {".gif", ".mp4"} else _PICTURES)
    _check_count(count, suffix, generator.shape.size)
    points = truncated(latents(count, generator.shape.latent_dim, seed), truncation)
    match suffix:
        case ".png":
            write_grid(generator, points, output)
        case ".gif" | ".mp4":
            write_walk(generator, points, output, tick)
        case "":
            write_singles(generator, points, output, tick)
        case _:
            raise MissingInput(f"{output}: cannot write {suffix}; use .png, .gif, .mp4 or a folder")
    return output


def _check_count(count: int, suffix: str, size: int) -> None:
    in_grid = min(_MOST_IN_GRID, (_WIDEST_GRID // (size + pictures.GAP)) ** 2)
    for suffixes, most, rule in (
        ({".png"}, in_grid, f"a grid holds {in_grid:,} at most; for more name a folder: -o DIR/"),
        ({".gif", ".mp4"}, _MOST_WALK_POINTS, f"a walk goes through {_MOST_WALK_POINTS:,} points at most"),
        ({""}, _MOST_SINGLES, f"a folder gets {_MOST_SINGLES:,} at most; take another --seed and folder"),
    ):
        if suffix in suffixes and count > most:
            raise ConfigError("-n", count, rule)


def truncated(points_BL: Tensor, limit: float | None) -> Tensor:
    """Points whose coordinates keep within ± `limit`: fewer odd pictures, less variety (Brock et al. 2019).

    Not drawn anew as there, but moved to the same place of the truncated distribution: a picture stays what
    it is, only tamer.
    """
    if limit is None:
        return points_BL
    low, high = (torch.special.ndtr(torch.tensor(end, dtype=torch.float64)) for end in (-limit, limit))
    place_BL = torch.special.ndtr(points_BL.double())
    tamed_BL: Tensor = torch.special.ndtri(low + place_BL * (high - low)).clamp(-limit, limit).float()
    return tamed_BL


def write_grid(generator: Generator, points_BL: Tensor, output: Path) -> None:
    columns = max(1, round(len(points_BL) ** 0.5))
    pictures.save_picture(pictures.grid(generator.pictures(points_BL), columns), output)


def write_singles(generator: Generator, points_BL: Tensor, output: Path, tick: Tick) -> None:
    """output/000000.png …"""
    for index, picture in enumerate(generator.one_by_one(points_BL)):
        pictures.save_picture(as_image(picture), output / f"{index:06d}.png", durable=False)
        tick(index + 1, len(points_BL))


def write_walk(generator: Generator, points_BL: Tensor, output: Path, tick: Tick) -> None:
    """From point to point and back to the first, as a GIF or an MP4."""
    way_BL = torch.stack(list(walk(points_BL)))

    def frames() -> Iterator[Pixels]:
        for index, frame in enumerate(generator.one_by_one(way_BL)):
            tick(index + 1, len(way_BL))
            yield frame

    write_film = _write_gif if output.suffix.lower() == ".gif" else _write_mp4
    publish(output, lambda part: write_film(frames(), part))


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


def as_image(picture_HWC: Pixels) -> Image.Image:
    return Image.fromarray(picture_HWC.squeeze(-1) if picture_HWC.shape[2] == 1 else picture_HWC)


def _write_gif(frames: Iterable[Pixels], path: Path) -> None:
    images = map(as_image, frames)
    duration = 1000 // _FRAMES_PER_SECOND
    next(images).save(path, "GIF", save_all=True, append_images=images, duration=duration, loop=0)


def _write_mp4(frames: Iterable[Pixels], path: Path) -> None:
    import cv2

    writer = None
    for frame in frames:
        size = len(frame)
        if writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(path), code, _FRAMES_PER_SECOND, (size, size))
            if not writer.isOpened():
                raise TrainingError(f"{path}: OpenCV has no MP4 encoder here; write a .gif")
        writer.write(np.ascontiguousarray(np.broadcast_to(frame[:, :, ::-1], (size, size, 3))))
    if writer is not None:
        writer.release()
