"""Makes a data directory as a finished run leaves it: drawn pictures, manifests, a run folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from pipeline import manifest, store
from pipeline.records import ProcessedRow, RawRow

WHEN = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
RECIPE = """name = "faces"

[[source]]
kind = "folder"
path = "pictures"

[train]
steps = 400
"""


def draw_picture(seed: int, width: int = 240, height: int = 180) -> Image.Image:
    """A disc with two eyes on a coloured ground, different for each seed."""
    random = np.random.default_rng(seed)
    ground, skin = (tuple(int(level) for level in random.integers(60, 240, 3)) for _ in range(2))
    picture = Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(picture)
    middle, radius = width / 2 + random.integers(-30, 30), height * 0.35
    pen.ellipse((middle - radius, height / 2 - radius, middle + radius, height / 2 + radius), skin, "black")
    for side in (-1, 1):
        eye = middle + side * radius / 2.5
        pen.ellipse((eye - 6, height / 2 - 14, eye + 6, height / 2 - 2), "white", "black")
    return picture


@dataclass
class Workshop:
    """Makes rows and files of one collection and one dataset, then publishes their manifests."""

    data: Path
    source: str = "folder"
    collection: str = "pictures-0a1b2c3d"
    name: str = "faces"

    def __post_init__(self) -> None:
        self.raw: list[RawRow] = []
        self.processed: list[ProcessedRow] = []

    def fetch(self, source_id: str, picture: Image.Image | bytes, **more: object) -> RawRow:
        content = picture if isinstance(picture, bytes) else _encode(picture, "JPEG")
        image_id = hashlib.sha256(content).hexdigest()
        path = Path("raw", self.source, self.collection, image_id[:2], f"{image_id}.jpg")
        store.write_bytes(self.data / path, content, durable=False)
        size = (100, 100) if isinstance(picture, bytes) else picture.size
        row = replace(
            self._row(source_id),
            image_id=image_id,
            path=str(path),
            bytes=len(content),
            width=size[0],
            height=size[1],
            format="jpeg",
            status="fetched",
            fetched_at=WHEN,
            attempts=1,
        )
        self.raw.append(replace(row, **more))
        return self.raw[-1]

    def fail(self, source_id: str, reason: str, detail: str, status: str = "failed") -> None:
        self.raw.append(replace(self._row(source_id), status=status, reason=reason, detail=detail))

    def _row(self, source_id: str) -> RawRow:
        return RawRow(
            image_id=None,
            source=self.source,
            collection=self.collection,
            source_id=source_id,
            item=0,
            source_url=f"https://pictures.example/{len(self.raw)}.jpg",
            page_url=None,
            author="Ada",
            title=None,
            published_at=None,
            fetched_at=None,
            licence="CC-BY-4.0",
            path=None,
            bytes=None,
            width=None,
            height=None,
            format=None,
            status="failed",
            reason=None,
            detail=None,
            attempts=0,
        )

    def keep(self, raw: RawRow, picture: Image.Image, **more: object) -> ProcessedRow:
        number = 1 + sum(row.status == "kept" for row in self.processed)
        path = Path("processed", self.name, "images", f"{number:06}.png")
        store.write_bytes(self.data / path, _encode(picture.resize((64, 64)), "PNG"), durable=False)
        row = replace(_fate(raw), status="kept", number=number, path=str(path))
        self.processed.append(replace(row, **more))
        return self.processed[-1]

    def reject(self, raw: RawRow, reason: str, **more: object) -> None:
        self.processed.append(replace(_fate(raw), status="rejected", reason=reason, **more))

    def publish(self) -> None:
        folder = manifest.raw_folder(self.data, self.source, self.collection)
        manifest.write(manifest.table(self.raw, RawRow), folder / manifest.NAME, {})
        listing = {"at": WHEN.isoformat(), "complete": True, "outcome": "complete"}
        store.write_text(folder / "listing.json", json.dumps(listing))
        folder = manifest.processed_folder(self.data, self.name)
        manifest.write(manifest.table(self.processed, ProcessedRow), folder / manifest.NAME, {})

    def run(self) -> Path:
        """A run folder with samples, film and metrics of 400 steps."""
        run = self.data / "runs" / f"{self.name}-deadbeef"
        grids = [_grid(step) for step in range(0, 401, 50)]
        for at, grid in enumerate(grids):
            store.write_bytes(run / "samples" / f"{at * 50:07}.png", _encode(grid, "PNG"), durable=False)
        grids[0].save(run / "training.gif", save_all=True, append_images=grids[1:], duration=200)
        _side_by_side(grids[-1], grids[-1]).save(run / "real_and_fake.png")
        store.write_text(run / "recipe.toml", RECIPE)
        pq.write_table(metrics(), run / "metrics.parquet")
        return run


def metrics() -> pa.Table:
    """Forty rows as the contract names them; nothing was measured, one event."""
    steps = np.arange(10, 401, 10)
    none = pa.nulls(len(steps), pa.float64())
    columns = {
        "step": steps,
        "pictures_seen": steps * 64,
        "seconds": steps * 0.25,
        "loss_d": 1.4 - steps / 800,
        "loss_g": 0.7 + np.sin(steps / 30) / 5,
        "score_real": 0.5 + steps / 2000,
        "score_fake": 0.5 - steps / 2000,
        "accuracy_real": 0.6 + steps / 2000,
        "accuracy_fake": 0.6 + steps / 4000,
        "kid": none,
        "fid": none,
        "lr_g": np.full(len(steps), 2e-4),
        "lr_d": np.full(len(steps), 2e-4),
        "augment_p": none,
        "event": [None] * 19 + ["gone on from the checkpoint of step 150"] + [None] * 20,
    }
    return pa.table(columns)


def _fate(raw: RawRow) -> ProcessedRow:
    shared = {
        name: getattr(raw, name)
        for name in "image_id source collection source_id item source_url author licence".split()
    }
    rest = {name: None for name in manifest.schema(ProcessedRow).names if name not in shared}
    return ProcessedRow(**{**rest, **shared, "status": "kept"})


def _grid(step: int) -> Image.Image:
    """Sixteen pictures that come out of noise."""
    whole = Image.new("RGB", (4 * 66 + 2, 4 * 66 + 2), "white")
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    for index in range(16):
        tile = Image.blend(noise, draw_picture(index).resize((64, 64)), step / 400)
        whole.paste(tile, (2 + index % 4 * 66, 2 + index // 4 * 66))
    return whole


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (left.width + right.width + 16, left.height), "white")
    whole.paste(left, (0, 0))
    whole.paste(right, (left.width + 16, 0))
    return whole


def _encode(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()
