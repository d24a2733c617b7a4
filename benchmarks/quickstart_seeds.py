"""Does the quickstart hold, whatever the seed? Trains it once per seed and compares the generators.

usage: quickstart_seeds.py --judge PATH/kid.py --data DIR [--seeds 0 1 2] [--samples 2000] [--minutes M]

The judge is a file with `net`, `feats` and `kid` (feature network, features of uint8 N x H x W x 3, KID with
its deviation). Prints KID per seed and the ratio of the worst to the best; DIR/seed-S.png is for the eye.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from outside import load


def train(seed: int, minutes: float | None, data: Path) -> Path:
    """Run the quickstart with one seed; gives the run's folder."""
    before = set((data / "runs").glob("*"))
    command = [sys.executable, "-m", "flows", "run", "quickstart", "--data", str(data)]
    command += ["--set", f"train.seed={seed}"]
    command += ["--set", f"train.minutes={minutes}"] if minutes else []
    subprocess.run(command, check=True)
    (folder,) = set((data / "runs").glob("*")) - before
    return folder


def pictures(run: Path, samples: int) -> NDArray[np.uint8]:
    from models import sample
    from models.chance import latents

    generator = sample.load(run)
    return generator.pictures(latents(samples, generator.shape.latent_dim, 7))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="an empty or new folder")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--minutes", type=float, help="other than the recipe's")
    options = parser.parse_args()
    judge = load(options.judge, "--judge")

    runs = {seed: train(seed, options.minutes, options.data) for seed in options.seeds}

    from models import data as datasets
    from models import sample

    network = judge.net()
    real = judge.feats(network, datasets.load(datasets.find(options.data, "quickstart")))
    kids = {}
    for seed, run in runs.items():
        kids[seed], deviation = judge.kid(
            real, judge.feats(network, np.ascontiguousarray(pictures(run, options.samples)))
        )
        sample.write(run, options.data / f"seed-{seed}.png")
        print(f"seed {seed}: KID {kids[seed]:.4f} ± {deviation:.4f}  ({run.name})")
    print(f"worst / best {max(kids.values()) / min(kids.values()):.2f}")


if __name__ == "__main__":
    main()
