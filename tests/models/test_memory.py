"""Training holds what it holds from the first steps on."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.config import TrainConfig
from models.records import TrainProgress
from models.trainer import train

MakeDataset = Callable[..., Path]


def resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


_LOOKS = 5  # of which the least counts: a grid may just be written, which is no leak


def growth(data: Path, config: TrainConfig, settled: int) -> tuple[int, int]:
    """How many kB and open files are added from step `settled` to the last."""
    memory: dict[int, int] = {}
    files: dict[int, int] = {}

    def look(progress: TrainProgress) -> None:
        memory[progress.step], files[progress.step] = resident_kb(), open_files()

    train(config, "blobs", data, on_progress=look)
    until_settled = [files[step] for step in files if step <= settled][-_LOOKS:]
    at_the_end = [*files.values()][-_LOOKS:]
    return memory[config.steps or 0] - memory[settled], min(at_the_end) - min(until_settled)


def test_memory_and_open_files_stay_flat_over_some_hundred_steps(make_dataset: MakeDataset) -> None:
    """A kept graph would cost about 100 kB a step even here."""
    config = TrainConfig(
        steps=300, batch_size=8, base_channels=4, latent_dim=8, device="cpu", log_every=10, sample_every=50
    )
    kb, files = growth(make_dataset(), config, settled=100)
    assert kb < 10_000
    assert files <= 0


# At 32 px with all that training does on its way: measuring (where it is affordable), checkpoints, samples.
LONG = TrainConfig(
    steps=20_000, batch_size=16, base_channels=8, device="cpu", norm_d="spectral", evaluate_every=500
)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_memory_and_open_files_stay_flat_over_2_000_steps(make_dataset: MakeDataset) -> None:
    """A batch of real pictures that is kept every step would cost 200 kB each time."""
    kb, files = growth(make_dataset(size=32), replace(LONG, steps=2000), settled=1000)
    assert kb < 20_000
    assert files <= 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_memory_and_open_files_stay_flat_over_20_000_steps(make_dataset: MakeDataset) -> None:
    kb, files = growth(make_dataset(size=32), LONG, settled=1000)
    assert kb < 50_000
    assert files <= 0
