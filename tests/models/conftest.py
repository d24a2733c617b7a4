"""Small curated datasets, drawn and written as the pipeline writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.config import TrainConfig
from pipeline import manifest
from pipeline.records import ProcessedRow

MakeDataset = Callable[..., Path]

# As small as training gets: 16 px, a few thousand weights, 40 pictures in batches of 8.
TINY = TrainConfig(
    steps=12, batch_size=8, base_channels=4, latent_dim=8, device="cpu", precision="float32",
    checkpoint_every=5, log_every=4, sample_every=6, augment=("mirror", "translation"),
)  # fmt: skip


def blobs(count: int, size: int, channels: int) -> np.ndarray:
    """A bright disc on a dark ground, its place and colour by number."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    pictures = np.full((count, size, size, channels), 30, np.uint8)
    for picture in pictures:
        top, left = rng.uniform(size / 3, 2 * size / 3, 2)
        inside = (rows - top) ** 2 + (columns - left) ** 2 < (size / 4) ** 2
        picture[inside] = rng.integers(120, 256, channels)
    return pictures


def write_dataset(data: Path, name: str, pictures: np.ndarray) -> None:
    """data/processed/NAME with every picture kept but a rejected row in the middle."""
    folder = data / "processed" / name
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, picture in enumerate(pictures, 1):
        path = folder / "images" / f"{number:06d}.png"
        Image.fromarray(picture.squeeze()).save(path)
        rows.append(_row(number, str(path.relative_to(data)), hashlib.sha256(path.read_bytes()).hexdigest()))
    rows.insert(len(rows) // 2, _row(None, None, None))
    manifest.write(manifest.table(rows, ProcessedRow), folder / "manifest.parquet", {})


def _row(number: int | None, path: str | None, sha256: str | None) -> ProcessedRow:
    values = dict.fromkeys(field.name for field in fields(ProcessedRow))
    values |= {"image_id": f"id{number}", "source": "folder", "collection": "c", "source_id": f"{number}"}
    values |= {"item": 0, "source_url": "file", "number": number, "path": path, "sha256": sha256}
    values |= {"status": "kept", "reason": None} if number else {"status": "rejected", "reason": "too_small"}
    return ProcessedRow(**values)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Networks this small only wait for a second thread, for seconds where other processes want the cores."""
    torch.set_num_threads(1)


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """make_dataset(count, size, channels) → a data directory with the dataset `blobs`."""

    def make(count: int = 40, size: int = 16, channels: int = 3, name: str = "blobs") -> Path:
        write_dataset(tmp_path, name, blobs(count, size, channels))
        return tmp_path

    return make
