"""Near duplicates: which copies are found, which pictures are taken for copies, beside a perceptual hash.

usage: duplicates.py --pictures DIR [--copied 200] [--sheet FILE.png]

DIR is searched for pictures. Some are copied in every way of copies.py, by dice that fall the same each time.
The outside reference is imagededup's default: a hash of 64 bits of the cosine transform of 32 × 32 grey
pixels, alike within 10 bits. All pictures are compared as they are, too: the sheet shows these pairs, to tell
copies that were there already from mistakes.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from copies import KINDS
from PIL import Image

from pipeline.curate.decode import Pixels
from pipeline.curate.duplicates import likenesses
from pipeline.curate.facts import PictureFacts, Thumb
from pipeline.curate.quality import measure

_REFERENCE = 10  # bits
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


class Album:
    """Pictures, measured."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "picture"
        self.facts: dict[str, PictureFacts] = {}
        self.thumbs: dict[str, list[Thumb]] = {}

    def add(self, name: str, content: bytes) -> None:
        self._file.write_bytes(content)
        pixels = Pixels(self._file)
        found = measure(pixels)
        self.facts[name] = PictureFacts(
            name,
            None,
            pixels.width,
            pixels.height,
            found.phash,
            signature=found.signature,
            hashes=found.hashes,
        )
        self.thumbs[name] = [Thumb(name, found.thumb)]

    def pairs(self, names: Sequence[str]) -> list[tuple[str, str]]:
        found = likenesses([self.facts[name] for name in names], [], lambda _: self.thumbs)
        return [(row.image_id, row.like) for row in found if row.like is not None]

    def reference(self, names: Sequence[str]) -> int:
        """How many pairs the plain hash finds."""
        hashes = np.array([self.facts[name].phash for name in names], np.uint64)
        return sum(
            int((np.bitwise_count(one ^ hashes[at + 1 :]) <= _REFERENCE).sum())
            for at, one in enumerate(hashes)
        )


def recall(album: Album, originals: Sequence[Path]) -> None:
    print(f"{'copies found':24}{'impasto':>9}{'pHash':>9}   of {len(originals)}")
    for kind, change in KINDS.items():
        ours = theirs = 0
        for path in originals:
            with Image.open(path) as picture:
                content = change(picture.convert("RGB"), random.Random(f"{path.name} {kind}"))
            album.add("copy", content)
            ours += bool(album.pairs([str(path), "copy"]))
            theirs += album.reference([str(path), "copy"])
        print(f"{kind:24}{ours / len(originals):9.3f}{theirs / len(originals):9.3f}")


def untouched(album: Album, paths: Sequence[Path], sheet: Path | None) -> None:
    names = [str(path) for path in paths]
    every = len(names) * (len(names) - 1) / 2
    start = time.perf_counter()
    pairs = album.pairs(names)
    seconds = time.perf_counter() - start
    theirs = album.reference(names)
    print(f"{len(names)} untouched pictures: {len(pairs)} pairs, {1e6 * len(pairs) / every:.3f} per million")
    print(f"  pHash {theirs} pairs, {1e6 * theirs / every:.3f} per million")
    print(f"  {seconds:.1f} s, {every / seconds / 1e6:.1f} million pairs/s")
    if sheet is not None:
        drawn(pairs).save(sheet)


def drawn(pairs: Sequence[tuple[str, str]], columns: int = 5, side: int = 128) -> Image.Image:
    """Pair beside pair."""
    rows = -(-len(pairs) // columns)
    canvas = Image.new("RGB", (columns * (2 * side + 12), max(1, rows) * (side + 4)), "white")
    for at, pair in enumerate(pairs):
        for place, name in enumerate(pair):
            with Image.open(name) as picture:
                small = picture.convert("RGB")
            small.thumbnail((side, side))
            canvas.paste(small, (at % columns * (2 * side + 12) + place * side, at // columns * (side + 4)))
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--copied", type=int, default=200)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    paths = sorted(path for path in args.pictures.rglob("*") if path.suffix.lower() in _SUFFIXES)
    with tempfile.TemporaryDirectory() as folder:
        album = Album(Path(folder))
        for path in paths:
            album.add(str(path), path.read_bytes())
        untouched(album, paths, args.sheet)
        recall(album, random.Random(0).sample(paths, min(args.copied, len(paths))))


if __name__ == "__main__":
    main()
