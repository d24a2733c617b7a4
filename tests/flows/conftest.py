"""A tiny recipe over drawn pictures, and the command line as a user runs it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from flows import clients, recipes
from flows.orders import now
from pipeline.acquire.acquire import acquire
from pipeline.curate.curate import curate

RECIPE = """
[[source]]
kind = "folder"
path = "pictures"

[curate]
size = 16
crop = "center"
min_pictures = 4
workers = 1

[train]
steps = 6
batch_size = 4
base_channels = 4
log_every = 2
sample_every = 3
checkpoint_every = 3
precision = "float32"
device = "cpu"
"""

Impasto = Callable[..., subprocess.Popen[str]]


def draw(path: Path, seed: int) -> None:
    """A picture unlike those of other seeds."""
    dice = random.Random(seed)
    picture = Image.new("RGB", (120, 120), tuple(dice.randrange(256) for _ in range(3)))
    pencil = ImageDraw.Draw(picture)
    for _ in range(8):
        left, top, width, height = (dice.randrange(10, 90) for _ in range(4))
        colour = tuple(dice.randrange(256) for _ in range(3))
        pencil.ellipse((left, top, left + width, top + height), fill=colour)
    picture.save(path)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A recipe file beside twelve pictures and one that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(12):
        draw(folder / f"{seed:02d}.png", seed)
    (folder / "broken.jpg").write_text("not a picture")
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    return recipe


@pytest.fixture
def scraped(tiny: Path) -> Path:
    """The same, its pictures fetched into data/ beside it."""
    data = tiny.parent / "data"
    with clients.client(data) as client:
        acquire(recipes.load(str(tiny)).sources[0], data, client=client, now=now)
    return tiny


@pytest.fixture
def curated(scraped: Path) -> Path:
    """The same, with its dataset."""
    recipe = recipes.load(str(scraped))
    curate(recipe.curate, recipe.name, recipe.selections, scraped.parent / "data")
    return scraped


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: its database takes seconds to make."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture
def impasto(tmp_path: Path, prefect_home: Path) -> Iterator[Impasto]:
    """Starts `impasto ARGUMENTS` in the folder of the test, as the head of its own process group."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PREFECT", "IMPASTO"))
    }
    environment |= {
        "PREFECT_HOME": str(prefect_home),
        "OMP_NUM_THREADS": "1",
    }  # so small a network waits for threads
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
