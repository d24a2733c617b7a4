"""Whether the memory of a curation is flat: its peak over few and over many pictures, and the slope between.

usage: memory.py [--few 2000] [--many 20000] [--crop center] [--workers 2]

Small pictures are drawn, each unlike the others, and curated in a fresh process each time. Resident memory is
that of the process and of all that it has started, pages that they share counted as often as they are shared,
looked at twenty times a second. Names no outside reference: the slope is the figure.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from curate import fetched
from PIL import Image, ImageDraw

from pipeline.curate.config import CurateConfig
from pipeline.records import Selection

_SIDE = 96  # px
_EVERY_S = 0.05


def draw(seed: int, path: Path) -> None:
    dice = random.Random(seed)
    picture = Image.new("RGB", (_SIDE, _SIDE), dice.randrange(1 << 24))
    pen = ImageDraw.Draw(picture)
    for _ in range(8):
        x, y = dice.randrange(_SIDE), dice.randrange(_SIDE)
        w, h = dice.randrange(8, _SIDE // 2), dice.randrange(8, _SIDE // 2)
        shape = pen.ellipse if dice.random() < 0.5 else pen.rectangle
        shape((x - w, y - h, x + w, y + h), dice.randrange(1 << 24))
    picture.save(path, "JPEG", quality=90)


def curate_here(data: Path, crop: str, workers: int) -> None:
    from pipeline.curate.curate import curate

    config = CurateConfig(crop=crop, no_face="center", min_side=1, workers=workers)
    done = curate(config, "benchmark", [Selection("folder", "drawn")], data)
    print(f"{done.kept} kept, {done.rejected} rejected")


def measured(data: Path, crop: str, workers: int) -> tuple[float, float, float, str]:
    """Peak bytes of all processes and of the first alone, seconds, and what curation said."""
    command = [sys.executable, __file__, "--data", str(data), "--crop", crop, "--workers", str(workers)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    tree = psutil.Process(process.pid)
    most = most_alone = 0
    while process.poll() is None:
        sizes = [0]
        with suppress(psutil.NoSuchProcess):
            most_alone = max(most_alone, tree.memory_info().rss)
            for one in [tree, *tree.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    sizes.append(one.memory_info().rss)
        most = max(most, sum(sizes))
        time.sleep(_EVERY_S)
    said = process.stdout.read().strip() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"curation ended with {process.returncode}")
    return most, most_alone, time.monotonic() - started, said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--few", type=int, default=2000)
    parser.add_argument("--many", type=int, default=20_000)
    parser.add_argument("--crop", default="center", choices=["center", "face", "pad"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)  # only curate what is there
    args = parser.parse_args()
    if args.data:
        curate_here(args.data, args.crop, args.workers)
        return
    processor = platform.processor() or platform.machine()
    print(f"{processor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; crop = {args.crop}")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn"
        drawn.mkdir()
        for seed in range(args.many):
            draw(seed, drawn / f"{seed:06d}.jpg")
        for count in (args.few, args.many):
            data = Path(folder) / str(count)
            fetched(data, drawn, count)
            most, alone, seconds, said = measured(data, args.crop, args.workers)
            peaks.append((most, alone))
            print(f"  {count} pictures ({said}), {seconds:.0f} s")
            print(f"    at most {most / 1e6:.0f} MB in all, {alone / 1e6:.0f} MB in the first process")
    spans = [(many - few) / (args.many - args.few) / 1000 for few, many in zip(*peaks, strict=True)]
    print(f"slope: {spans[0]:.2f} kB per picture in all, {spans[1]:.2f} kB in the first process")


if __name__ == "__main__":
    main()
