"""Drawn pictures, and the data directory as acquisition leaves it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline import manifest
from pipeline.curate import workbench
from pipeline.curate.config import CurateConfig
from pipeline.curate.curate import curate
from pipeline.curate.faces import DETECTORS, Face, detector
from pipeline.records import ProcessedRow, RawRow, Selection


def drawn(seed: int, size: tuple[int, int] = (200, 160)) -> Image.Image:
    """A picture like no other seed's: a few large shapes on a gradient."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, size[0])[None, :, None] * np.linspace(0.2, 1, size[1])[:, None, None]
    picture = Image.fromarray((ramp * random.integers(60, 255, 3)).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = random.integers(0, size[0]), random.integers(0, size[1])
        w, h = random.integers(15, 70, 2)
        colour = tuple(int(value) for value in random.integers(0, 255, 3))
        (pen.ellipse if random.random() < 0.5 else pen.rectangle)((x - w, y - h, x + w, y + h), colour)
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **how: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **({"quality": 92} if kind == "JPEG" and not how else how))
    return buffer.getvalue()


def copied(picture: Image.Image, scale: float = 0.7, quality: int = 75) -> bytes:
    """As sites copy: smaller, encoded again."""
    size = round(picture.width * scale), round(picture.height * scale)
    return encoded(picture.resize(size, Image.Resampling.LANCZOS), quality=quality)


def face_photo() -> Path:
    """A public-domain portrait (Grace Hopper, US Navy) that matplotlib carries."""
    package = importlib.util.find_spec("matplotlib")
    assert package
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "mpl-data" / "sample_data" / "grace_hopper.jpg"


class Raw:
    """data/raw/folder/x, growing."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.rows: list[RawRow] = []
        self.selections: Sequence[Selection] = [Selection("folder", "x")]

    def add(self, *contents: bytes, author: str | None = None) -> None:
        for content in contents:
            name = hashlib.sha256(content).hexdigest()
            path = self.data / "raw" / "folder" / "x" / name[:2] / f"{name}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            nothing = dict.fromkeys(field.name for field in dataclasses.fields(RawRow))
            known = {
                "image_id": name,
                "source": "folder",
                "collection": "x",
                "source_id": f"{len(self.rows)}.jpg",
                "item": 0,
                "source_url": f"file:///x/{len(self.rows)}.jpg",
                "author": author,
                "fetched_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
                "path": path.relative_to(self.data).as_posix(),
                "bytes": len(content),
                "status": "fetched",
                "attempts": 1,
            }
            self.rows.append(RawRow(**(nothing | known)))
        self.publish(self.rows)

    def publish(self, rows: Sequence[RawRow]) -> None:
        path = manifest.raw_folder(self.data, "folder", "x") / manifest.NAME
        manifest.write(manifest.table(rows, RawRow), path, {})

    def processed(self, name: str = "n") -> list[ProcessedRow]:
        path = manifest.processed_folder(self.data, name) / manifest.NAME
        return list(manifest.rows(manifest.read(path, ProcessedRow), ProcessedRow))

    def pictures(self, name: str = "n") -> dict[str, bytes]:
        folder = manifest.processed_folder(self.data, name) / "images"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


CENTER = CurateConfig(crop="center", size=32, min_side=32, min_pictures=1, workers=1)


def run(raw: Raw, config: CurateConfig = CENTER, **how):
    return curate(config, "n", raw.selections, raw.data, **how)


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    return Raw(tmp_path / "data")


@pytest.fixture
def looked_at(monkeypatch, one_process):
    """Of what facts were found out, picture by picture."""
    log: list[tuple[bool, bool]] = []  # (facts asked for, faces asked for)
    look = workbench.look

    def logged(shard, config, data, squares):
        log.extend((job.facts is None, job.faces is None) for job in shard)
        return look(shard, config, data, squares)

    monkeypatch.setattr(workbench, "look", logged)
    return log


@pytest.fixture
def faces_drawn(monkeypatch, one_process):
    """A detector that needs no faces: one in the middle, and counts its looks."""
    looks: list[int] = []

    def detect(pixels):
        looks.append(1)
        x, y = pixels.width // 2, pixels.height // 2
        return [Face(x - 20, y - 20, x + 20, y + 20, 0.9), Face(0, 0, 30, 30, 0.8)]

    monkeypatch.setitem(DETECTORS, "yunet", DETECTORS["yunet"]._replace(make=lambda: detect))
    detector.cache_clear()
    yield looks
    detector.cache_clear()
