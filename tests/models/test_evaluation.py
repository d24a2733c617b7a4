"""What is measured while training: distances, the best generator, early ends, copies."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file

from models import evaluation, nearest
from models.config import TrainConfig
from models.distances import frechet, kid, precision_recall
from models.errors import ConfigError
from models.evaluation import Evaluation, Standing
from models.features import Features
from models.records import TrainProgress
from models.run import read_header
from models.trainer import outlook, train

MakeDataset = Callable[..., Path]

TINY = TrainConfig(
    steps=30, batch_size=8, base_channels=4, latent_dim=8, device="cpu", precision="float32",
    checkpoint_every=8, log_every=4, sample_every=10, evaluate_every=4, augment=("mirror", "translation"),
)  # fmt: skip


class Cheap:
    """Features that cost nothing: random projections of the pixels, of one length."""

    def __init__(self, *_given: object) -> None:
        self.seconds = 0.0

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        flat = pictures.reshape(len(pictures), -1) / 127.5 - 1
        projected = np.tanh(flat @ np.random.default_rng(0).standard_normal((flat.shape[1], 32)) / 10)
        return projected / np.linalg.norm(projected, axis=1, keepdims=True) * 32**0.5


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "Features", Cheap)
    monkeypatch.setattr(evaluation, "_SHARE", float("inf"))


def kids(folder: Path) -> dict[int, float]:
    rows = pq.read_table(folder / "metrics.parquet").to_pylist()
    return {row["step"]: row["kid"] for row in rows if row["kid"] is not None}


def test_frechet_is_that_of_the_two_normal_distributions() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 6)) * 2 + 1, rng.standard_normal((200, 6)) @ rng.standard_normal((6, 6))
    a, b = np.cov(x.T), np.cov(y.T)
    root = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)).sum()
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(a) + np.trace(b) - 2 * root
    assert frechet(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet(x, x) == pytest.approx(0, abs=1e-8)


def test_kid_is_zero_on_average_between_sets_of_one_kind() -> None:
    rng = np.random.default_rng(0)
    same = [kid(rng.standard_normal((60, 5)), rng.standard_normal((40, 5))) for _ in range(200)]
    assert abs(np.mean(same)) < 3 * np.std(same) / 200**0.5 + 1e-3
    assert min(same) < 0  # without bias, it may fall below
    assert kid(rng.standard_normal((60, 5)), rng.standard_normal((40, 5)) + 1) > 10 * np.std(same)


def test_precision_falls_with_strange_pictures_and_recall_with_missing_ones() -> None:
    rng = np.random.default_rng(0)
    reals, fakes = (rng.standard_normal((200, 4)) for _ in range(2))
    both = precision_recall(reals, fakes)
    assert min(both) > 0.8
    assert precision_recall(reals, reals) == (1.0, 1.0)
    strange = np.concatenate([fakes[:100], fakes[100:] + 20])
    precision, recall = precision_recall(reals, strange)
    assert precision == pytest.approx(both[0] / 2, abs=0.05)
    assert recall > 0.7
    precision, recall = precision_recall(reals, fakes[:1] + 0.01 * fakes)
    assert precision > 0.9
    assert recall < 0.1
    assert precision_recall(reals[:1], fakes[:1]) == (0.0, 0.0)


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of InceptionV3's shape, drawn by chance: what is tested is the way there, not what they see."""
    from torch_fidelity import feature_extractor_inceptionv3 as inceptions

    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    with pytest.MonkeyPatch.context() as context:
        network = inceptions.FeatureExtractorInceptionV3
        context.setattr(inceptions, "load_state_dict_from_url", lambda *_args, **_keys: {})
        context.setattr(network, "load_state_dict", lambda *_: None)
        torch.manual_seed(0)
        torch.save(network("random", ["2048"]).state_dict(), file)
    return file


def test_inceptions_features_are_torch_fidelitys(inception: Path) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    pictures = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8).astype(np.uint8)
    network = FeatureExtractorInceptionV3("theirs", ["2048"], str(inception))
    theirs = network(torch.from_numpy(pictures).permute(0, 3, 1, 2))[0].numpy()
    ours = Features(torch.device("cpu"), "inception", inception)
    assert ours(pictures) == pytest.approx(theirs, rel=1e-5, abs=1e-6)
    assert ours(pictures[..., :1]).shape == (3, 2048)


@pytest.mark.slow
def test_a_run_is_measured_by_inception_where_its_weights_are_given(
    make_dataset: MakeDataset, inception: Path
) -> None:
    config = replace(TINY, steps=2, evaluate_every=2, features="inception", inception_weights=inception)
    folder = train(config, "blobs", make_dataset(count=12)).folder
    header = read_header(folder / "generator.safetensors")
    assert header is not None
    assert header["features"] == "inception"
    figures = pq.read_table(folder / "metrics.parquet").select(["kid", "fid", "precision", "recall"])
    assert [len(figures[name].drop_null()) for name in figures.column_names] == [1] * 4


def test_what_is_not_inception_is_refused_and_never_run(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data, files = make_dataset(), [tmp_path / name for name in ("text.pth", "other.pth", "code.pth")]
    files[0].write_text("not weights")
    torch.save({"fc.weight": torch.zeros(2)}, files[1])
    torch.save(Path.cwd, files[2])  # unpickled, it would call what it names
    for file in files:
        config = replace(TINY, features="inception", inception_weights=file)
        with pytest.raises(ConfigError, match=r"inception_weights = .*: not the weights of InceptionV3"):
            train(config, "blobs", data)
    with pytest.raises(ConfigError, match="no such file"):
        train(replace(config, inception_weights=tmp_path / "gone.pth"), "blobs", data)


def test_weights_that_cannot_be_fetched_are_one_line_that_names_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ConfigError, match=r"train\.features = 'inception'.*could not be fetched.*\.pth"):
        Features(torch.device("cpu"), "inception")


def test_features_rank_noise_behind_blur_behind_the_pictures_themselves() -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]

    def disc() -> NDArray[np.uint8]:
        picture = np.full((32, 32, 3), 30, np.uint8)
        top, left, radius = rng.uniform(10, 22), rng.uniform(10, 22), rng.uniform(5, 9)
        picture[(rows - top) ** 2 + (columns - left) ** 2 < radius**2] = rng.integers(120, 256, 3)
        return picture

    real, other = (np.stack([disc() for _ in range(24)]) for _ in range(2))
    blurred = np.stack([np.asarray(Image.fromarray(one).resize((4, 4)).resize((32, 32))) for one in other])
    noise = rng.integers(0, 256, real.shape, np.uint8).astype(np.uint8)
    features = Features(torch.device("cpu"))
    known = features(real)
    assert known.shape == (24, 1280)
    assert np.linalg.norm(known, axis=1) == pytest.approx(1280**0.5, rel=1e-4)
    for distance in (kid, frechet):
        close, far, farthest = (distance(known, features(one)) for one in (other, blurred, noise))
        assert close < far < farthest


@pytest.mark.usefixtures("cheap")
def test_the_generator_is_the_one_that_measured_best(make_dataset: MakeDataset) -> None:
    folder = train(TINY, "blobs", make_dataset()).folder
    measured = kids(folder)
    assert list(measured) == [4, 8, 12, 16, 20, 24, 28, 30]  # what it ends with, too
    best = min(measured, key=measured.__getitem__)
    header = read_header(folder / "generator.safetensors")
    assert header is not None
    assert (header["step"], header["best_step"], header["kid"]) == (30, best, measured[best])
    kept = load_file(folder / "checkpoints/best.safetensors")
    for name, tensor in load_file(folder / "generator.safetensors").items():
        assert tensor.equal(kept[f"average.{name}"]), name
    assert len(list((folder / "checkpoints").iterdir())) == 4
    metrics = pq.read_table(folder / "metrics.parquet").to_pylist()
    assert [row["step"] for row in metrics] == [*range(4, 29, 4), 30]  # in the rows of the logging intervals
    assert all(row["loss_d"] is not None for row in metrics)


@pytest.mark.usefixtures("cheap")
def test_the_measured_run_goes_on_exactly_after_a_stop(make_dataset: MakeDataset) -> None:
    def stop_at_13(progress: TrainProgress) -> None:
        if progress.step == 13:
            signal.raise_signal(signal.SIGINT)

    data = make_dataset()
    with pytest.raises(KeyboardInterrupt):
        train(TINY, "blobs", data, on_progress=stop_at_13)
    stopped = train(TINY, "blobs", data).folder
    twin = data / "twin"
    twin.mkdir()
    (twin / "processed").symlink_to(data / "processed")
    straight = train(TINY, "blobs", twin).folder
    assert kids(stopped) == kids(straight)
    for name in ("generator.safetensors", "checkpoints/best.safetensors", "checkpoints/0000030.safetensors"):
        ours, theirs = load_file(stopped / name), load_file(straight / name)
        assert all(tensor.equal(theirs[key]) for key, tensor in ours.items()), name
    for name in ("nearest.png", "real_and_fake.png"):
        assert (stopped / name).read_bytes() == (straight / name).read_bytes()


@pytest.mark.usefixtures("cheap")
def test_patience_ends_a_run_and_more_of_it_goes_on(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([3.0, 2.0, 2.5, 2.1, 2.2, 1.0, *[1.5] * 20])
    monkeypatch.setattr(evaluation, "kid", lambda *_: next(figures))
    data, patient = make_dataset(), replace(TINY, patience=2)
    assert train(patient, "blobs", data).step == 16
    assert outlook(patient, "blobs", data).done
    assert train(patient, "blobs", data).finished_before
    more = replace(TINY, patience=4)
    assert not outlook(more, "blobs", data).done
    assert train(more, "blobs", data).step == 30
    header = read_header(next((data / "runs").iterdir()) / "generator.safetensors")
    assert header is not None
    assert (header["best_step"], header["kid"]) == (24, 1.0)


def test_measuring_is_skipped_where_it_would_take_more_than_a_tenth(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Cheap):
        def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
            time.sleep(0.3)
            return super().__call__(pictures)

    monkeypatch.setattr(evaluation, "Features", Slow)
    trained = train(replace(TINY, steps=None, minutes=0.03), "blobs", make_dataset())
    rows = pq.read_table(trained.folder / "metrics.parquet").to_pylist()
    assert len(kids(trained.folder)) == 1
    measuring = rows[-1]["evaluation_seconds"]
    assert 0.6 <= measuring < 1.2
    assert 1.8 <= trained.seconds + measuring < 12  # minutes bound both; the machine may be busy
    assert rows[-1]["seconds"] < trained.seconds + 0.01


def test_a_share_is_counted_over_the_whole_run() -> None:
    one = Evaluation(np.zeros((4, 8, 8, 3), np.uint8), torch.device("cpu"), TINY)
    assert one.affordable(Standing(), training_s=0, at_end=False)
    one._took = 2.0
    spent = Standing(seconds=4.0, best_step=1, best_kid=1.0)
    assert not one.affordable(spent, training_s=59, at_end=True)
    assert one.affordable(spent, training_s=61, at_end=True)
    assert not one.affordable(spent, training_s=79, at_end=False)  # room for the last one stays
    assert one.affordable(spent, training_s=81, at_end=False)


@pytest.mark.usefixtures("cheap")
def test_what_is_known_by_heart_is_found(make_dataset: MakeDataset) -> None:
    folder = train(replace(TINY, steps=4), "blobs", make_dataset()).folder
    found = pq.read_table(folder / "nearest.parquet").to_pylist()
    assert len(found) == 128
    assert {row["space"] for row in found} == {"pixels", "features"}
    listed = {row["path"]: row for row in pq.read_table(folder / "pictures.parquet").to_pylist()}
    for row in found:
        assert row["distance"] > 0
        assert listed[row["path"]]["source_url"] == row["source_url"]
        assert "licence" in row
    with Image.open(folder / "nearest.png") as sheet:
        assert len(np.unique(np.asarray(sheet))) > 50


def test_a_copy_is_its_own_nearest_even_mirrored() -> None:
    rng = np.random.default_rng(0)
    reals = rng.integers(0, 256, (1500, 8, 8, 3), np.uint8).astype(np.uint8)
    samples = np.stack([reals[1300], reals[7][:, ::-1], reals[40]])
    features = Cheap(torch.device("cpu"))
    in_pixels, in_features = nearest.find(samples, reals, features, mirrored=True)
    assert [match.row for match in in_pixels] == [1300, 7, 40]
    assert max(match.distance for match in in_pixels) < 0.1
    assert [in_features[place].row for place in (0, 2)] == [1300, 40]
    assert in_features[0].distance == pytest.approx(0, abs=1e-9)
    plain, _ = nearest.find(samples, reals, features, mirrored=False)
    assert plain[1].distance > 30


@pytest.fixture
def without_features(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as context:
        context.setattr("models.extras.find_spec", lambda _name: None)
        yield context


def test_without_the_features_there_is_one_line_before_anything_is_done(
    make_dataset: MakeDataset, without_features: pytest.MonkeyPatch
) -> None:
    data = make_dataset()
    with pytest.raises(ConfigError) as refused:
        train(TINY, "blobs", data)
    assert str(refused.value).endswith("pip install 'impasto[metrics]'; or use 0")
    assert not (data / "runs").exists()
    train(replace(TINY, evaluate_every=0, steps=2), "blobs", data)


@pytest.mark.usefixtures("cheap")
def test_a_finished_run_stays_where_it_is_when_the_features_are_gone(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, config = make_dataset(), replace(TINY, steps=2)
    folder = train(config, "blobs", data).folder
    monkeypatch.setattr("models.extras.find_spec", lambda _name: None)
    assert train(config, "blobs", data).finished_before
    with pytest.raises(ConfigError):
        train(config, "blobs", data, fresh=True)
    assert [one.name for one in (data / "runs").iterdir()] == [folder.name]
    assert (folder / "generator.safetensors").exists()
