"""Sums of latent points: mean of A − mean of B + mean of C (Radford et al. 2016, section 6.3.2, figure 7).

L latent dimensions, N points of one term.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.chance import latents
from models.errors import ConfigError, MissingInput
from models.pictures import GAP, save_picture
from models.sample import as_image, load, truncated

_NOISE = 0.25  # either way, on each coordinate, of the eight neighbours of a result: the paper's
_LEAST_SIDE = 64  # px that a picture is shown at
_POINT = r"\d{1,18}(?::\d{1,6})?"
_TERM = rf"{_POINT}(?:,{_POINT})*"
_MOST = 16  # pictures of one term


Term = list[tuple[int, int]]  # seed and number of each picture


def parse(text: str) -> list[Term]:
    """A, B, C of `1,2,3 - 4,5,6 + 7,8,0:17`: a seed means its first picture, 0:17 number 17 of seed 0.

    Numbers count from 0, row by row in a grid of that seed.
    """
    found = re.fullmatch(rf"({_TERM})-({_TERM})\+({_TERM})", re.sub(r"\s", "", text))
    terms = [[one.partition(":") for one in term.split(",")] for term in found.groups()] if found else []
    if not found or max(map(len, terms)) > _MOST:
        rule = f"need A - B + C, each 1 to {_MOST} seeds or SEED:NUMBER, e.g. '1,2,3 - 4,5,6 + 7,8,0:17'"
        raise ConfigError("--arithmetic", text, rule)
    return [[(int(seed), int(number or 0)) for seed, _, number in term] for term in terms]


def write(run: Path, asked: str, output: Path, *, truncation: float | None = None) -> None:
    """What was added, each term above its mean, and the result among eight neighbours, as one PNG.

    Raises ConfigError for a sum that cannot be read, MissingInput for another kind of file.
    """
    terms = parse(asked)
    if output.suffix.lower() != ".png":
        raise MissingInput(f"{output}: cannot write {output.suffix or 'a folder'} here; use .png")
    generator = load(run)
    points = [_points(term, generator.shape.latent_dim, truncation) for term in terms]
    a_L, b_L, c_L = (point_NL.mean(0) for point_NL in points)
    result_L = a_L - b_L + c_L
    noise = torch.from_numpy(np.random.default_rng(0).uniform(-_NOISE, _NOISE, (9, len(result_L))))
    noise[4] = 0  # the result itself stands in the middle
    columns = [torch.cat([point_NL, point_NL.mean(0, keepdim=True)]) for point_NL in points]
    drawn = [generator.pictures(one) for one in (*columns, (result_L + noise).float())]
    _save(drawn, output)


def _points(term: Term, latent_dim: int, truncation: float | None) -> Tensor:
    """N x L."""
    points_NL = torch.stack([latents(number + 1, latent_dim, seed)[number] for seed, number in term])
    return truncated(points_NL, truncation)


def _save(drawn: list[np.ndarray], output: Path) -> None:
    side = max(_LEAST_SIDE, drawn[0].shape[1])
    cell, sign = side + GAP, side // 2
    rows = max(3, *(len(column) - 1 for column in drawn[:3]))
    sheet = Image.new("RGB", (6 * cell + 3 * sign + GAP, (rows + 1) * cell + 5 * GAP), "white")
    draw = ImageDraw.Draw(sheet)
    below = rows * cell + 4 * GAP  # where the means stand
    left = GAP
    for column, what in zip(drawn[:3], "-+=", strict=True):
        for row, picture in enumerate(column[:-1]):
            sheet.paste(_shown(picture, side), (left, (rows - len(column) + 1 + row) * cell + GAP))
        sheet.paste(_shown(column[-1], side), (left, below))
        draw.text((left + cell + sign // 2, below + side // 2), what, "black", anchor="mm", font_size=sign)
        left += cell + sign
    for place, picture in enumerate(drawn[3]):
        down, across = divmod(place, 3)
        sheet.paste(_shown(picture, side), (left + across * cell, below - (2 - down) * cell))
    draw.line([(GAP, rows * cell + 2 * GAP), (3 * (cell + sign) - sign, rows * cell + 2 * GAP)], "black")
    save_picture(sheet, output)


def _shown(picture_HWC: np.ndarray, side: int) -> Image.Image:
    return as_image(picture_HWC).convert("RGB").resize((side, side), Image.Resampling.NEAREST)
