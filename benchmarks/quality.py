"""How good are the pictures after equal minutes? The tutorial's DCGAN beside `dcgan` and `modern`.

usage: quality.py --baseline PATH/dcgan_baseline.py --judge PATH/kid.py --pictures DIR [--sets shoes …]
                  [--networks dcgan modern] [--minutes 10] [--turns 10] [--seeds 0 …] [--samples 2000]
                  [--threads N] [--clock wall|cpu] [--grids DIR]

DIR holds a folder of pictures per set. The baseline has `Baseline(data, batch, seed)` with `step()`,
`sample(count)` and `seen`; the judge `net`, `feats`, `kid` and `swd`. Each trains for a turn by its own
clock before the next has its turn, so that all see the same machine; ours is `train`, which goes on from
its checkpoint each time, and its clock holds logging and samples, too. Where others want the machine,
`--clock cpu` counts seconds of the processor instead (meant for --threads 1). After every turn all are
judged, by features that training never looks at. `modern` is as it comes; `dcgan` has the tutorial's layers
under the settings of `modern`, widths included, but without the trained network that `modern` sees with. A
ratio is KID by the tutorial's after as many minutes. SWD, sliced Wasserstein distance on patches, has no
network in it.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from outside import curated, load, machine

from models import data as datasets
from models import pictures, sample
from models import run as runs
from models.chance import latents
from models.config import TrainConfig, defaults
from models.records import TrainProgress
from models.trainer import train

Pixels = NDArray[np.uint8]
Clock = Callable[[], float]  # seconds
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
ENDLESS = 100_000  # steps: more than anybody makes in the minutes of a contest
TUTORIAL = "tutorial"
BATCH = 64  # the tutorial's


class Contestant(Protocol):
    def train_until(self, seconds: float) -> None:
        """Be trained for so many seconds in all."""

    def pictures(self, count: int) -> Pixels: ...

    def pace(self) -> float:
        """Pictures seen per second."""


class Tutorial:
    def __init__(self, baseline: ModuleType, real: Pixels, seed: int, clock: Clock) -> None:
        self._net = baseline.Baseline(real, min(BATCH, len(real)), seed)
        self._clock, self._seconds = clock, 0.0

    def train_until(self, seconds: float) -> None:
        while self._seconds < seconds:
            began = self._clock()
            self._net.step()
            self._seconds += self._clock() - began

    def pictures(self, count: int) -> Pixels:
        made: Pixels = self._net.sample(count)
        return made

    def pace(self) -> float:
        return float(self._net.seen / self._seconds)


class Ours:
    def __init__(self, network: str, data: Path, name: str, seed: int, clock: Clock) -> None:
        settings = {**defaults("modern"), "projected": 0.0} if network == "dcgan" else defaults(network)
        self._config = TrainConfig(**{**settings, "network": network, "steps": ENDLESS, "seed": seed})
        self._data, self._name, self._clock = data, name, clock
        self._run = runs.find(self._config, name, data)
        self._seconds, self._seen = 0.0, 0

    def train_until(self, seconds: float) -> None:
        """As a user would: train, and Ctrl-C when the time is over."""
        before: float | None = None  # from the first step on: what a turn costs to begin is not training

        def tick(progress: TrainProgress) -> None:
            nonlocal before
            now = self._clock()
            self._seconds += now - before if before is not None else 0.0
            before, self._seen = now, progress.pictures_seen
            if self._seconds >= seconds:
                signal.raise_signal(signal.SIGINT)

        with suppress(KeyboardInterrupt):
            train(self._config, self._name, self._data, on_progress=tick)

    def pictures(self, count: int) -> Pixels:
        generator = sample.load(self._run.folder)
        return generator.pictures(latents(count, generator.shape.latent_dim, 7))

    def pace(self) -> float:
        return self._seen / self._seconds


@dataclass(frozen=True, slots=True)
class Mark:
    """How one stands after a turn."""

    minutes: float
    name: str
    kid: float
    pace: float


def contest(
    contestants: dict[str, Contestant],
    judge: ModuleType,
    real: Pixels,
    options: argparse.Namespace,
    title: str,
) -> list[Mark]:
    """Turn by turn; the marks of all, the tutorial's first in each turn."""
    network = judge.net()
    wanted = judge.feats(network, real)
    marks = []
    for turn in range(1, options.turns + 1):
        minutes = options.minutes * turn / options.turns
        for name, contestant in contestants.items():
            contestant.train_until(minutes * 60)
            made = np.ascontiguousarray(contestant.pictures(options.samples))
            found = judge.kid(wanted, judge.feats(network, made))[0]
            mark = Mark(minutes, name, found, contestant.pace())
            patches = " ".join(f"{one:.3f}" for one in judge.swd(real, made))
            line = f"{minutes:5.2f} min  {name:10s} KID {mark.kid:.3f}  SWD {patches}"
            print(f"{line}  {mark.pace:.0f} pictures/s", flush=True)
            marks.append(mark)
            if options.grids:
                pictures.save_picture(pictures.grid(made[:64], 8), options.grids / f"{title}-{name}.png")
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


def arguments() -> argparse.Namespace:
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
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--grids", type=Path, help="a folder for one grid of each")
    return parser.parse_args()


def of_set(
    name: str, seed: int, baseline: ModuleType, judge: ModuleType, options: argparse.Namespace
) -> list[str]:
    """The lines of one set of pictures and one seed."""
    clock = CLOCKS[options.clock]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        curated(data, name, options.pictures / name)
        real = datasets.load(datasets.find(data, name))
        print(f"{name}, {len(real):,} pictures, seed {seed}", flush=True)
        contestants: dict[str, Contestant] = {TUTORIAL: Tutorial(baseline, real, seed, clock)}
        contestants |= {one: Ours(one, data, name, seed, clock) for one in options.networks}
        marks = contest(contestants, judge, real, options, f"{name}-{seed}")
    return rows(name, seed, marks)


def main() -> None:
    options = arguments()
    baseline, judge = load(options.baseline, "--baseline"), load(options.judge, "--judge")
    torch.set_num_threads(options.threads)
    print(machine())
    sets = options.sets or sorted(path.name for path in options.pictures.iterdir() if path.is_dir())
    table = [
        line
        for name in sets
        for seed in options.seeds
        for line in of_set(name, seed, baseline, judge, options)
    ]
    titles = "set | seed | network | pictures/s | KID | ratio | as good as the tutorial in the end after"
    print(f"{options.minutes:g} minutes ({options.clock}) each, by turns; {machine()}")
    print("\n".join((f"| {titles} |", "|---" * 7 + "|", *table)))


if __name__ == "__main__":
    main()
