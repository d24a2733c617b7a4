"""Curation of large JPEGs: against the baseline, against only decoding them, and with another margin.

usage: large.py --baseline PATH/crop_baseline.py --pictures DIR [--count 400]

DIR holds portraits/ and shoes/; their pictures are enlarged to 1080 x 1350 and encoded at quality 90. What is
only decoded, or decoded, cropped and encoded, is so by Pillow in one process per core, at the same reduced
scale. For the baseline see curate.py; it gets a tenth of the pictures, for it is slow.
"""

from __future__ import annotations

import io
import multiprocessing as mp
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from curate import baseline, fetched, options, timed
from PIL import Image, ImageOps

from pipeline.curate.config import CurateConfig

_SIZE = (1080, 1350)
_WORKING = 320  # px of the longer side, at least
_SHARE = 10  # of the pictures, one to the baseline


def enlarged(sources: list[Path], folder: Path) -> None:
    folder.mkdir()
    for at, path in enumerate(sources):
        with Image.open(path) as picture:
            large = ImageOps.fit(picture.convert("RGB"), _SIZE, Image.Resampling.BICUBIC)
        large.save(folder / f"{at:04d}.jpg", quality=90)


def decoded(path: Path) -> Image.Image:
    picture = Image.open(path)
    picture.draft("RGB", (_WORKING * _SIZE[0] // _SIZE[1], _WORKING))
    picture.load()
    return picture


def decode(path: Path) -> int:
    return decoded(path).width


def decode_crop_encode(path: Path) -> int:
    picture = decoded(path)
    side = min(picture.size)
    buffer = io.BytesIO()
    picture.resize((64, 64), Image.Resampling.LANCZOS, (0, 0, side, side)).save(buffer, "PNG")
    return buffer.tell()


def looped(work: Callable[[Path], int], paths: list[Path]) -> float:
    """Seconds, without those in which the processes start."""
    with mp.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(work, paths[:8])
        start = time.perf_counter()
        pool.map(work, paths, chunksize=16)
        return time.perf_counter() - start


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--count", type=int, default=400)
    args = parser.parse_args()
    from outside import machine  # here, as in curate.py

    print(machine())
    found = [path for name in ("portraits", "shoes") for path in sorted((args.pictures / name).iterdir())]
    chosen = random.Random(0).sample(found, min(args.count, len(found)))
    with tempfile.TemporaryDirectory() as scratch:
        folder, few, data = Path(scratch) / "large", Path(scratch) / "few", Path(scratch) / "data"
        enlarged(chosen, folder)
        enlarged(chosen[::_SHARE], few)
        paths = sorted(folder.iterdir())
        selections = [fetched(data, folder)]
        config = CurateConfig(crop="face", min_pictures=1)
        first, kept, _ = timed(config, selections, data)
        pace, _ = baseline(args.baseline, few, Path(scratch) / "out")
        only = looped(decode, paths)
        print(f"curation {len(paths) / first:.0f} pictures/s ({kept} kept), baseline {pace:.2f}")
        print(f"crop = face: {len(paths) / first / pace:.0f} x the baseline's pictures per second")
        print(f"{only / first:.2f} x the speed of only decoding ({len(paths) / only:.0f} pictures/s)")
        again, _, looked_at = timed(CurateConfig(crop="face", min_pictures=1, margin=0.5), selections, data)
        loop = looped(decode_crop_encode, paths[:looked_at])
        print(f"another margin: {looked_at} cut in {again:.2f} s, {again / loop:.2f} x decode, crop, encode")


if __name__ == "__main__":
    main()
