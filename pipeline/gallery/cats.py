"""Cats, composed from the layers that the package robohash carries (its set4).

The layers are drawn by David Revoy and licensed CC-BY 4.0. A cat is one layer of each kind over the other:
body, fur, eyes, mouth, accessory, of which there are 15 x 10 x 15 x 10 x 16.
"""

from __future__ import annotations

import importlib.util
import random
from functools import cache
from pathlib import Path

from PIL import Image

AUTHOR = "David Revoy"
LICENCE = "CC-BY-4.0"
SOURCE = "https://www.peppercarrot.com/extras/html/2016_cat-generator/"
SIDE = 256  # px
_SHRINK = 4  # the layers are drawn at 1024 px

Cat = tuple[int, ...]  # which layer of each kind, from the back to the front


@cache
def layers() -> tuple[tuple[Image.Image, ...], ...]:
    """All layers, RGBA at SIDE px, by kind; 38 MB, until `layers.cache_clear()`."""
    return tuple(tuple(_scaled(path) for path in kind) for kind in _files())


def choose(count: int, seed: int = 0) -> list[Cat]:
    """`count` cats of which any two differ in two kinds of layer or more, so that no two are near-copies."""
    dice = random.Random(seed)
    choices = [len(kind) for kind in _files()]
    chosen: list[Cat] = []
    taken = set[tuple[int, Cat]]()  # (kind left out, the rest) of every cat chosen so far
    while len(chosen) < count:
        cat = tuple(map(dice.randrange, choices))
        almost = {(kind, cat[:kind] + cat[kind + 1 :]) for kind in range(len(cat))}
        if not almost & taken:
            taken |= almost
            chosen.append(cat)
    return chosen


def compose(cat: Cat) -> Image.Image:
    """The cat on white, RGB, SIDE x SIDE."""
    picture = Image.new("RGBA", (SIDE, SIDE), "white")
    for kind, index in zip(layers(), cat, strict=True):
        picture.alpha_composite(kind[index])
    return picture.convert("RGB")


def _files() -> list[list[Path]]:
    """The files of the layers, by kind, from the back to the front."""
    spec = importlib.util.find_spec("robohash")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("robohash is not installed: `make env` installs it")
    kinds = sorted((Path(spec.submodule_search_locations[0]) / "sets" / "set4").iterdir())
    return [sorted(kind.glob("*.png")) for kind in kinds]


def _scaled(path: Path) -> Image.Image:
    """Averaged with premultiplied alpha, so that no dark rim comes of it."""
    with Image.open(path) as layer:
        return layer.convert("RGBa").reduce(_SHRINK).convert("RGBA")
