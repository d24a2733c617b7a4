import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models import data
from models.errors import MissingInput, TooFewPictures

MakeDataset = Callable[..., Path]


def test_kept_pictures_are_read_in_the_order_of_their_numbers(make_dataset: MakeDataset) -> None:
    found = data.find(make_dataset(count=7, size=16), "blobs")
    pictures = data.load(found)
    assert pictures.shape == (7, 16, 16, 3)
    assert pictures.dtype == np.uint8
    for path, picture in zip(found.paths, pictures, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), picture)


def test_grey_pictures_have_one_channel(make_dataset: MakeDataset) -> None:
    found = data.find(make_dataset(count=3, channels=1), "blobs")
    assert data.load(found).shape == (3, 16, 16, 1)
    assert data.picture_shape(found) == (16, 1)


def test_the_digest_follows_the_pictures_and_nothing_else(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = make_dataset(count=5)
    make_dataset(count=5, name="same")
    make_dataset(count=6, name="more")
    assert data.find(folder, "blobs").digest == data.find(folder, "same").digest
    assert data.find(folder, "blobs").digest != data.find(folder, "more").digest


def test_a_dataset_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no such dataset yet; run `impasto preprocess` on"):
        data.find(tmp_path, "cats")


def test_a_torn_manifest_is_one_line(make_dataset: MakeDataset) -> None:
    folder = make_dataset(count=3)
    (folder / "processed/blobs/manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingInput, match="not a readable manifest"):
        data.find(folder, "blobs")


def test_nothing_kept_is_nothing_to_train_on(make_dataset: MakeDataset) -> None:
    with pytest.raises(TooFewPictures, match="nothing to train on") as refused:
        data.find(make_dataset(count=0), "blobs")
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("damage", ["gone", "text", "other size", "other mode"])
def test_a_picture_that_is_not_as_the_manifest_says_is_named(make_dataset: MakeDataset, damage: str) -> None:
    found = data.find(make_dataset(count=4), "blobs")
    path = found.paths[2]
    path.unlink()
    if damage == "text":
        path.write_text("no picture")
    elif damage == "other size":
        Image.new("RGB", (32, 32)).save(path)
    elif damage == "other mode":
        Image.new("RGBA", (16, 16)).save(path)
    with pytest.raises(MissingInput, match=path.name):
        data.load(found)


def test_an_epoch_shows_every_picture_once_but_for_an_incomplete_batch() -> None:
    order = data.Order(pictures=103, batch_size=10, seed=1)
    assert order.steps_per_epoch == 10
    for epoch in range(3):
        shown = np.concatenate([order.batch(epoch * 10 + step) for step in range(10)])
        assert len(set(shown.tolist())) == 100


def test_the_order_is_a_function_of_seed_and_step() -> None:
    forwards, backwards = data.Order(50, 8, seed=3), data.Order(50, 8, seed=3)
    batches = [forwards.batch(step) for step in range(30)]
    for step in reversed(range(30)):
        assert np.array_equal(backwards.batch(step), batches[step])
    assert not np.array_equal(data.Order(50, 8, seed=4).batch(0), batches[0])
    assert not np.array_equal(batches[0], batches[6])  # the next epoch begins


def test_fewer_pictures_than_a_batch_are_one_batch() -> None:
    order = data.Order(pictures=5, batch_size=64, seed=0)
    assert (order.batch_size, order.steps_per_epoch) == (5, 1)
    assert sorted(order.batch(7).tolist()) == [0, 1, 2, 3, 4]


def test_decoding_is_not_needed_to_know_a_dataset(make_dataset: MakeDataset) -> None:
    folder = make_dataset(count=3)
    shutil.rmtree(folder / "processed/blobs/images")
    assert len(data.find(folder, "blobs")) == 3
