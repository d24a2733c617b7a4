"""What benchmarks of training share: the outside reference, pictures as a dataset, the machine in a line."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image, ImageOps

from models.device import choose_device, choose_precision

SIZE = 64  # px, what the tutorial makes


def load(path: Path, option: str) -> ModuleType:
    """The Python file that an option names, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"{option} {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def curated(data: Path, name: str, folder: Path) -> None:
    """The pictures of `folder`, cut square, as a dataset that training reads."""
    images = data / "processed" / name / "images"
    images.mkdir(parents=True)
    rows = []
    for number, path in enumerate(sorted(folder.iterdir()), 1):
        kept = images / f"{number:06d}.png"
        with Image.open(path) as picture:
            ImageOps.fit(picture.convert("RGB"), (SIZE, SIZE)).save(kept)
        sha256 = hashlib.sha256(kept.read_bytes()).hexdigest()
        rows.append(
            {"status": "kept", "number": number, "path": str(kept.relative_to(data)), "sha256": sha256}
        )
    pq.write_table(pa.Table.from_pylist(rows), images.parent / "manifest.parquet")


def machine() -> str:
    precision = str(choose_precision("auto", choose_device("auto"))).removeprefix("torch.")
    capabilities = [name for name, there in torch.cpu.get_capabilities().items() if there is True]
    cpu = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores ({' '.join(capabilities)})"
    threads = f"{torch.get_num_threads()} threads"
    return f"{cpu}, {threads}, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, {precision}"
