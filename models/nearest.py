"""What the generator may know by heart: beside each sample the training pictures nearest to it.

N training pictures, S samples, H W pixels, C channels, D features.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.distances import squares
from models.files import publish
from models.pictures import GAP, save_picture
from models.run import Run

SAMPLES = 64
_SEARCHED = 512  # most training pictures whose features are compared: those nearest in pixels
_COLUMNS = 4  # of triples in the picture
_LEAST_SIDE = 64  # px that a picture is shown at
_LABEL = 12  # px

Pixels = NDArray[np.uint8]
Features = Callable[[Pixels], NDArray[np.float64]]


class Match(NamedTuple):
    row: int  # of the training picture, in the order of the list
    distance: float  # root mean square grey levels between pixels; 1 − cosine between features


def by_pixels(samples: Pixels, reals: Pixels, *, mirrored: bool) -> NDArray[np.float64]:
    """S x N: root mean square difference; `mirrored` where a picture's mirror image counts as itself."""
    flat_ND = reals.reshape(len(reals), -1)
    turns = [samples, samples[:, :, ::-1]] if mirrored else [samples]
    distances = np.full((len(samples), len(reals)), np.inf)
    for turned in turns:
        turned_SD = turned.reshape(len(samples), -1).astype(np.float32)
        for start in range(0, len(reals), 1024):
            part_ND = flat_ND[start : start + 1024].astype(np.float32)
            found = np.sqrt(squares(turned_SD, part_ND) / flat_ND.shape[1])
            distances[:, start : start + 1024] = np.minimum(distances[:, start : start + 1024], found)
    return distances


def find(
    samples: Pixels, reals: Pixels, features: Features, *, mirrored: bool
) -> tuple[list[Match], list[Match]]:
    """The nearest training picture of every sample by pixels, and by features."""
    pixels_SN = by_pixels(samples, reals, mirrored=mirrored)
    in_pixels = [Match(int(row.argmin()), float(row.min())) for row in pixels_SN]
    searched = np.arange(len(reals))
    if len(reals) > _SEARCHED:
        each = _SEARCHED // len(samples)
        searched = np.unique(np.argpartition(pixels_SN, each, axis=1)[:, :each])
    cosines_SN = _directions(features(samples)) @ _directions(features(reals[searched])).T
    in_features = [Match(int(searched[row.argmax()]), float(1 - row.max())) for row in cosines_SN]
    return in_pixels, in_features


def _directions(features_ND: NDArray[np.float64]) -> NDArray[np.float64]:
    directions_ND: NDArray[np.float64] = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
    return directions_ND


def write(samples: Pixels, reals: Pixels, features: Features, run: Run, *, mirrored: bool) -> None:
    """nearest.png and nearest.parquet of a run; `reals` in the order of its list of pictures."""
    found = find(samples, reals, features, mirrored=mirrored)
    save_sheet(samples, reals, *found, run.folder / "nearest.png")
    write_table(*found, run.pictures, run.folder / "nearest.parquet")


def write_table(in_pixels: list[Match], in_features: list[Match], pictures: Path, path: Path) -> None:
    """A row per sample and space, with what the run's list of `pictures` says of the match."""
    listed = pq.ParquetFile(pictures).read()
    told = [
        name for name in ("number", "path", "source_url", "author", "licence") if name in listed.column_names
    ]
    matches = [*enumerate(in_pixels), *enumerate(in_features)]
    table = listed.select(told).take(pa.array([match.row for _, match in matches]))
    spaces = ["pixels"] * len(in_pixels) + ["features"] * len(in_features)
    columns = {
        "sample": pa.array([sample for sample, _ in matches], pa.int64()),
        "space": pa.array(spaces),
        "distance": pa.array([match.distance for _, match in matches], pa.float64()),
    }
    full = pa.table({**columns, **{name: table[name] for name in told}})
    publish(path, lambda part: pq.write_table(full, part, compression="zstd"))


def save_sheet(
    samples: Pixels, reals: Pixels, in_pixels: list[Match], in_features: list[Match], path: Path
) -> None:
    """Triples of sample, nearest by pixels, nearest by features, with the distances beneath."""
    side = max(_LEAST_SIDE, samples.shape[1])
    width, height = 3 * (side + GAP) + 4 * GAP, side + _LABEL + 2 * GAP
    sheet = Image.new("RGB", (_COLUMNS * width, -(-len(samples) // _COLUMNS) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (sample, pixel, feature) in enumerate(zip(samples, in_pixels, in_features, strict=True)):
        top, left = height * (place // _COLUMNS), width * (place % _COLUMNS)
        shown = (
            (sample, "sample"),
            (reals[pixel.row], f"px {pixel.distance:.1f}"),
            (reals[feature.row], f"ft {feature.distance:.3f}"),
        )
        for column, (picture, text) in enumerate(shown):
            at = left + column * (side + GAP)
            sheet.paste(_shown(picture, side), (at, top))
            draw.text((at, top + side), text, fill="black")
    save_picture(sheet, path)


def _shown(picture_HWC: Pixels, side: int) -> Image.Image:
    grey = picture_HWC.shape[2] == 1
    image = Image.fromarray(picture_HWC.squeeze(-1) if grey else picture_HWC).convert("RGB")
    return image.resize((side, side), Image.Resampling.NEAREST)
