"""How good are the pictures after equal minutes? The tutorial's DCGAN beside `dcgan` and `modern`.

usage: quality.py --baseline PATH/dcgan_baseline.py --judge PATH/kid.py --pictures DIR [--sets shoes …]
                  [--networks dcgan modern] [--minutes 10] [--turns 10] [--seeds 0 …] [--samples 2000]
                  [--threads N] [--grids DIR]

DIR holds a folder of pictures per set. The baseline has `Baseline(data, batch, seed)` with `step()`,
`sample(count)` and `seen`; the judge `net`, `feats` and `kid`. Each trains for a turn by its own clock before
the next has its turn, so that all see the same machine; ours goes on from its checkpoint each time, and its
clock holds logging, samples and checkpoints, too. After every turn all are judged, by features that training
never looks at. `modern` is as it comes; `dcgan` has the tutorial's layers and widths, and the settings in DCGAN
below. A ratio is KID by the tutorial's after as many minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from outside import curated, load, machine

from models import data as datasets
from models import pictures, sample
from models.chance import latents
from models.config import TrainConfig, defaults
from models.trainer import train

Pixels = NDArray[np.uint8]
TUTORIAL = "tutorial"
BATCH = 64  # the tutorial's
DCGAN: dict[str, Any] = {"batch_size": 16, "augment": ("mirror", "translation")}


class Contestant(Protocol):
    def train_until(self, seconds: float) -> None:
        """Be trained for so many seconds in all."""

    def pictures(self, count: int) -> Pixels: ...

    def pace(self) -> float:
        """Pictures seen per second."""


class Tutorial:
    def __init__(self, baseline: ModuleType, real: Pixels, seed: int) -> None:
        self._net = baseline.Baseline(real, min(BATCH, len(real)), seed)
        self._seconds = 0.0

    def train_until(self, seconds: float) -> None:
        while self._seconds < seconds:
            began = time.perf_counter()
            self._net.step()
            self._seconds += time.perf_counter() - began

    def pictures(self, count: int) -> Pixels:
        made: Pixels = self._net.sample(count)
        return made

    def pace(self) -> float:
        return float(self._net.seen / self._seconds)


class Ours:
    def __init__(self, network: str, data: Path, name: str, seed: int) -> None:
        changes = DCGAN if network == "dcgan" else {}
        self._config = TrainConfig(**{"network": network, **defaults(network), **changes, "seed": seed})
        self._data, self._name = data, name

    def train_until(self, seconds: float) -> None:
        self._trained = train(replace(self._config, minutes=seconds / 60), self._name, self._data)

    def pictures(self, count: int) -> Pixels:
        generator = sample.load(self._trained.folder)
        return generator.pictures(latents(count, generator.shape.latent_dim, 7))

    def pace(self) -> float:
        return self._trained.pictures_seen / self._trained.seconds


@dataclass(frozen=True, slots=True)
class Mark:
    """How one stands after a turn."""

    minutes: float
    name: str
    kid: float
    pace: float


def contest(
    contestants: dict[str, Contestant], judge: ModuleType, real: Pixels, options: argparse.Namespace
) -> list[Mark]:
    """Turn by turn; the marks of all, the tutorial's first in each turn."""
    network = judge.net()
    wanted = judge.feats(network, real)
    marks = []
    for turn in range(1, options.turns + 1):
        minutes = options.minutes * turn / options.turns
        for name, contestant in contestants.items():
            contestant.train_until(minutes * 60)
            made = judge.feats(network, np.ascontiguousarray(contestant.pictures(options.samples)))
            mark = Mark(minutes, name, judge.kid(wanted, made)[0], contestant.pace())
            print(
                f"{minutes:5.2f} min  {name:10s} KID {mark.kid:.3f}  {mark.pace:.0f} pictures/s", flush=True
            )
            marks.append(mark)
    return marks


def rows(name: str, seed: int, marks: list[Mark]) -> list[str]:
    """The last turn's line of each, and how soon it was as good as the tutorial in the end."""
    end = max(mark.minutes for mark in marks)
    last = {mark.name: mark for mark in marks if mark.minutes == end}
    goal = last[TUTORIAL].kid
    lines = []
    for mark in last.values():
        soon = next((one.minutes for one in marks if one.name == mark.name and one.kid <= goal), None)
        reached = f"{soon:.2f} min" if soon else "not"
        cells = (name, str(seed), mark.name, f"{mark.pace:.0f}", f"{mark.kid:.3f}", f"{mark.kid / goal:.2f}")
        lines.append(" | ".join(("", *cells, reached, "")).strip())
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--baseline", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", help="folders of DIR; without it all of them")
    parser.add_argument("--networks", nargs="+", default=["dcgan", "modern"])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--grids", type=Path, help="a folder for one grid of each")
    options = parser.parse_args()
    baseline, judge = load(options.baseline, "--baseline"), load(options.judge, "--judge")
    torch.set_num_threads(options.threads)
    print(machine())
    table = []
    for name in options.sets or sorted(path.name for path in options.pictures.iterdir() if path.is_dir()):
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as folder:
                data = Path(folder)
                curated(data, name, options.pictures / name)
                real = datasets.load(datasets.find(data, name))
                contestants: dict[str, Contestant] = {TUTORIAL: Tutorial(baseline, real, seed)}
                contestants |= {one: Ours(one, data, name, seed) for one in options.networks}
                print(f"{name}, {len(real):,} pictures, seed {seed}", flush=True)
                table += rows(name, seed, contest(contestants, judge, real, options))
                if options.grids:
                    for one, contestant in contestants.items():
                        grid = pictures.grid(contestant.pictures(64), 8)
                        pictures.save_picture(grid, options.grids / f"{name}-{one}-{seed}.png")
    titles = "set | seed | network | pictures/s | KID | ratio | as good as the tutorial in the end after"
    print(f"{options.minutes:g} minutes each, by turns; {machine()}")
    print("\n".join((f"| {titles} |", "|---" * 7 + "|", *table)))


if __name__ == "__main__":
    main()
