"""The curated dataset as training sees it: its rows without pixels, its pixels as one array, its order.

N pictures, H W pixels, C channels.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import MissingInput, TooFewPictures
from models.files import publish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_MODES = {"L": 1, "RGB": 3}


@dataclass(frozen=True, slots=True)
class Dataset:
    """The kept pictures of data/processed/NAME, by number."""

    name: str
    manifest: Path
    paths: tuple[Path, ...]
    digest: str  # sha256 over (number, sha256) of every kept row

    def __len__(self) -> int:
        return len(self.paths)


def find(data: Path, name: str) -> Dataset:
    """Read the manifest of a dataset; raises MissingInput and TooFewPictures (nothing kept)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = data / "processed" / name / "manifest.parquet"
    if not manifest.exists():
        raise MissingInput(f"{manifest}: no such dataset yet; run `impasto preprocess` on its recipe first")
    try:
        # read_table would import pandas, a second of a command's start
        with pq.ParquetFile(manifest) as file:
            names = {"status", "number", "path", "sha256", "split"} & {*file.schema_arrow.names}
            columns = file.read(columns=sorted(names))
    except (pa.ArrowInvalid, OSError) as error:
        raise MissingInput(f"{manifest}: not a readable manifest ({error})") from error
    kept = sorted(
        (row["number"], row["sha256"], row["path"])
        for row in columns.to_pylist()
        if row["status"] == "kept" and row.get("split") != "test"
    )
    if not kept:
        raise TooFewPictures(f"{manifest}: no picture was kept, nothing to train on")
    hasher = hashlib.sha256()
    for number, sha256, _ in kept:
        hasher.update(f"{number} {sha256}\n".encode())
    return Dataset(name, manifest, tuple(data / path for _, _, path in kept), hasher.hexdigest())


def write_list(dataset: Dataset, path: Path) -> None:
    """Publish the manifest's rows of the dataset's pictures: what a run saw, whatever comes after."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows = pq.ParquetFile(dataset.manifest).read()
    kept = rows.filter(pc.equal(rows["status"], "kept"))
    if "split" in kept.column_names:
        kept = kept.filter(pc.fill_null(pc.not_equal(kept["split"], "test"), fill_value=True))
    kept = kept.sort_by("number")
    publish(path, lambda part: pq.write_table(kept, part, compression="zstd"))


def load(dataset: Dataset) -> NDArray[np.uint8]:
    """All pictures as one uint8 array N x H x W x C, in the order of their numbers."""
    import numpy as np

    first = _decode(dataset.paths[0])
    pictures = np.empty((len(dataset), *first.shape), np.uint8)
    _fill(pictures, dataset)
    return pictures


def write_pixels(dataset: Dataset, path: Path) -> None:
    """Publish what `load` would give as a NumPy file, without ever holding it in memory."""
    import numpy as np

    first = _decode(dataset.paths[0])

    def write(part: Path) -> None:
        pictures = np.lib.format.open_memmap(part, "w+", np.uint8, (len(dataset), *first.shape))
        _fill(pictures, dataset)
        pictures.flush()

    publish(path, write)


def mapped(path: Path) -> NDArray[np.uint8]:
    """The array in a file of `write_pixels`, read from there as it is used."""
    import numpy as np

    # "c": nobody writes, but torch wants to be allowed to, and its writing would go nowhere
    pictures: NDArray[np.uint8] = np.load(path, mmap_mode="c")
    return pictures


def _fill(pictures: NDArray[np.uint8], dataset: Dataset) -> None:
    first = pictures[0]

    def place(index: int) -> None:
        picture = _decode(dataset.paths[index])
        if picture.shape != first.shape:
            raise MissingInput(f"{dataset.paths[index]}: {_differs(picture.shape, first.shape)}")
        pictures[index] = picture

    # Pillow decodes outside the interpreter's lock, so threads use every core.
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(place, range(len(dataset))):
            pass


def picture_shape(dataset: Dataset) -> tuple[int, int]:
    """Side in pixels and channels of the dataset's pictures, from the first one's header."""
    with _open(dataset.paths[0]) as image:
        return image.height, _MODES[image.mode]


def _decode(path: Path) -> NDArray[np.uint8]:
    import numpy as np

    with _open(path) as image:
        picture = np.asarray(image)
    return picture.reshape(*picture.shape[:2], -1)


def _open(path: Path) -> Image:
    from PIL import Image

    try:
        image = Image.open(path)
    except OSError as error:
        raise MissingInput(
            f"{path}: cannot be read; run `impasto preprocess --force` on its recipe"
        ) from error
    if image.mode not in _MODES or image.height != image.width:
        raise MissingInput(
            f"{path}: {image.width} x {image.height} {image.mode}, need a square of RGB or grey"
        )
    return image


def some(pictures_NHWC: NDArray[np.uint8], count: int, seed: int) -> NDArray[np.uint8]:
    """`count` of the pictures, or all there are, chosen by `seed`."""
    return pictures_NHWC[Order(len(pictures_NHWC), count, seed).batch(0)]


def _differs(shape: tuple[int, ...], first: tuple[int, ...]) -> str:
    here, there = (" x ".join(map(str, one)) for one in (shape, first))
    return f"is {here}, the first picture {there}; run `impasto preprocess --force` on its recipe"


class Order:
    """Which pictures make up which batch: a function of (seed, step) alone, so there is no position to save.

    An epoch is one permutation, its last incomplete batch dropped; fewer pictures than a batch are one batch.
    Where several processes train, a batch is what all of them see, each as many.
    """

    def __init__(self, pictures: int, batch_size: int, seed: int, processes: int = 1) -> None:
        if pictures < processes:
            raise TooFewPictures(f"{pictures} pictures for {processes} devices; need one for each at least")
        self.pictures, self.seed = pictures, seed
        self.batch_size = min(batch_size, pictures // processes) * processes
        self.steps_per_epoch = pictures // self.batch_size
        self._epoch = -1
        self._permutation: NDArray[np.int64]

    def batch(self, step: int) -> NDArray[np.int64]:
        """The indices of the pictures of one step (steps count from 0)."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            import numpy as np

            self._epoch = epoch
            self._permutation = np.random.default_rng([self.seed, epoch]).permutation(self.pictures)
        return self._permutation[place * self.batch_size : (place + 1) * self.batch_size]
