"""What `train` and `outlook` promise to whoever calls them."""

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from models import run as runs
from models.config import TrainConfig
from models.errors import ConfigError, Diverged, MissingInput, TooFewPictures
from models.records import TrainProgress
from models.trainer import outlook, train

MakeDataset = Callable[..., Path]

TINY = TrainConfig(
    steps=12, batch_size=8, base_channels=4, latent_dim=8, device="cpu", precision="float32",
    checkpoint_every=5, log_every=5, sample_every=6, augment=("mirror", "translation"),
)  # fmt: skip


def test_a_run_leaves_what_the_contract_names(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    seen: list[TrainProgress] = []
    trained = train(TINY, "blobs", data, on_progress=seen.append)
    folder = trained.folder
    assert folder.parent == data / "runs"
    assert folder.name.startswith("blobs-")
    assert len(folder.name) == len("blobs-") + 8
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    events = {name for name in names if name.startswith("events.out.tfevents.")}
    assert len(events) == 1
    assert names - events == {
        "metrics.parquet", "pictures.parquet", "generator.safetensors", "training.gif", "losses.png",
        "real_and_fake.png",
        "samples/0000000.png", "samples/0000006.png", "samples/0000012.png",
        *(f"checkpoints/{step}.safetensors" for step in ("0000005", "0000010", "0000012")),
    }  # fmt: skip
    assert [progress.step for progress in seen] == list(range(1, 13))
    assert [progress.fraction for progress in seen] == [step / 12 for step in range(1, 13)]
    assert seen[3].loss_d is None
    assert seen[-1].loss_d is not None
    assert (trained.step, trained.pictures_seen) == (12, 96)


def test_metrics_have_the_contracts_columns_and_one_row_per_interval(make_dataset: MakeDataset) -> None:
    folder = train(TINY, "blobs", make_dataset()).folder
    metrics = pq.read_table(folder / "metrics.parquet")
    assert metrics.column_names == (
        "step pictures_seen seconds loss_d loss_g score_real score_fake accuracy_real accuracy_fake "
        "kid fid lr_g lr_d augment_p event evaluation_seconds loss_projected precision recall".split()
    )
    assert metrics["step"].to_pylist() == [5, 10, 12]
    assert metrics["pictures_seen"].to_pylist() == [40, 80, 96]
    seconds = metrics["seconds"].to_pylist()
    assert 0 < seconds[0] < seconds[1] < seconds[2]
    for name in ("score_real", "score_fake", "accuracy_real", "accuracy_fake"):
        values = metrics[name].to_numpy()
        assert ((values >= 0) & (values <= 1)).all()
    for name in ("event", "kid", "loss_projected", "precision", "recall"):
        assert metrics[name].null_count == 3


def test_only_the_last_three_checkpoints_stay(make_dataset: MakeDataset) -> None:
    folder = train(replace(TINY, checkpoint_every=2), "blobs", make_dataset()).folder
    assert [path.stem for path in sorted((folder / "checkpoints").iterdir())] == [
        "0000008",
        "0000010",
        "0000012",
    ]


def test_a_finished_run_says_so_and_does_nothing(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    first = train(TINY, "blobs", data)
    times = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    again = train(TINY, "blobs", data)
    assert again.finished_before
    assert not first.finished_before
    assert (again.folder, again.step, again.pictures_seen) == (first.folder, 12, 96)
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == times
    assert outlook(TINY, "blobs", data).done


def test_a_run_whose_last_pictures_were_not_written_is_not_finished(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    folder = train(TINY, "blobs", data).folder
    for name in ("generator.safetensors", "training.gif"):
        (folder / name).unlink()
    assert not outlook(TINY, "blobs", data).done
    train(TINY, "blobs", data)
    assert (folder / "training.gif").exists()
    assert outlook(TINY, "blobs", data).done
    assert pq.read_table(folder / "metrics.parquet")["step"].to_pylist() == [5, 10, 12]


def test_fresh_starts_over_and_keeps_the_old_folder_and_the_recipe(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    folder = train(TINY, "blobs", data).folder
    (folder / "recipe.toml").write_text('name = "blobs"')
    for _ in range(2):
        again = train(TINY, "blobs", data, fresh=True)
        assert not again.finished_before
    assert sorted(path.name for path in (data / "runs").iterdir()) == [
        folder.name, f"{folder.name}.1", f"{folder.name}.2"
    ]  # fmt: skip
    assert (folder / "recipe.toml").read_text() == 'name = "blobs"'
    assert (folder.with_name(f"{folder.name}.1") / "generator.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"steps": 99}, True),
        ({"steps": None, "epochs": 2.0}, True),
        ({"log_every": 1, "sample_every": 1, "checkpoint_every": 1}, True),
        ({"seed": 1}, False),
        ({"lr_d": 1e-4}, False),
        ({"augment": ()}, False),
        ({"precision": "bf16"}, False),
        ({"ema": False}, False),
    ],
)  # fmt: skip
def test_a_run_is_named_by_what_is_computed_alone(
    make_dataset: MakeDataset, change: dict[str, object], same: bool
) -> None:
    data = make_dataset()
    first, second = (runs.find(one, "blobs", data).folder for one in (TINY, replace(TINY, **change)))
    assert (first == second) is same


def test_length_in_epochs_and_minutes(make_dataset: MakeDataset) -> None:
    data = make_dataset(count=40)  # 5 steps of 8 an epoch
    assert train(replace(TINY, steps=None, epochs=1.5), "blobs", data).step == 8
    timed = replace(TINY, steps=None, minutes=0.02, seed=1)
    trained = train(timed, "blobs", data)
    assert 1.2 <= trained.seconds < 10
    assert outlook(timed, "blobs", data).done
    assert train(timed, "blobs", data).finished_before
    assert not outlook(replace(timed, minutes=5.0), "blobs", data).done


def test_fewer_pictures_than_a_batch_still_train(make_dataset: MakeDataset) -> None:
    trained = train(replace(TINY, batch_size=64), "blobs", make_dataset(count=6))
    assert (trained.step, trained.pictures_seen) == (12, 72)


def test_grey_pictures_train(make_dataset: MakeDataset) -> None:
    folder = train(replace(TINY, augment=("color", "mirror")), "blobs", make_dataset(channels=1)).folder
    assert Image.open(folder / "samples/0000012.png").mode == "L"


def test_what_cannot_be_trained_on_is_one_line(make_dataset: MakeDataset, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no such dataset"):
        train(TINY, "cats", tmp_path)
    data = make_dataset(count=0)
    with pytest.raises(TooFewPictures):
        train(TINY, "blobs", data)
    make_dataset(count=3, size=48, name="odd")
    with pytest.raises(ConfigError, match=r"makes pictures of 16, 32, 64, 128, 256, 512 px, not 48"):
        train(TINY, "odd", data)
    assert outlook(TINY, "cats", tmp_path).why.endswith("run `impasto preprocess` on its recipe first")


def test_a_loss_that_is_no_number_ends_the_run_with_the_last_good_state_kept(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.gan import Gan

    step = Gan.step

    def poisoned(self: Gan, number: int, real: torch.Tensor, chance: object) -> None:
        step(self, number, real * (float("nan") if number == 6 else 1), chance)

    monkeypatch.setattr(Gan, "step", poisoned)
    data = make_dataset()
    with pytest.raises(
        Diverged, match=r"before step 10, for the 4th time, .* state is step 5; .*lower train\.lr_d"
    ) as ended:
        train(TINY, "blobs", data)
    assert ended.value.exit_code == 5
    folder = next((data / "runs").iterdir())
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["0000005.safetensors"]
    events = pq.read_table(folder / "metrics.parquet")["event"].to_pylist()
    assert events[-1] == "diverged"
    monkeypatch.undo()
    assert train(TINY, "blobs", data).step == 12  # at the lowered rates, which the checkpoint keeps
    assert "diverged" not in pq.read_table(folder / "metrics.parquet")["event"].to_pylist()


def test_when_every_checkpoint_is_damaged_nothing_starts_over_unasked(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    folder = train(TINY, "blobs", data).folder
    for path in (folder / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(MissingInput, match="no checkpoint can be read"):
        train(TINY, "blobs", data)
    assert train(TINY, "blobs", data, fresh=True).step == 12


def test_init_starts_from_the_weights_of_another_run(make_dataset: MakeDataset) -> None:
    from safetensors.torch import load_file

    data = make_dataset()
    first = train(TINY, "blobs", data).folder
    barely = replace(TINY, init=first.name, steps=1, lr_g=1e-9, lr_d=1e-9, ema=False)
    second = train(barely, "blobs", data).folder
    assert second != first
    theirs = load_file(first / "checkpoints/0000012.safetensors")
    for name, tensor in load_file(second / "checkpoints/0000001.safetensors").items():
        if name.startswith(("generator", "discriminator")) and name.endswith("weight"):
            assert torch.allclose(tensor, theirs[name], atol=1e-6)
    with pytest.raises(MissingInput, match=r"no trained run of that name or path; there is (none in|blobs-)"):
        train(replace(TINY, init="nowhere"), "blobs", data)
    with pytest.raises(ConfigError, match="is not of its shape there; use the same network"):
        train(replace(TINY, init=first.name, base_channels=8), "blobs", data)


def test_nothing_that_is_loaded_can_run_code(make_dataset: MakeDataset) -> None:
    """Every file that training reads again is safetensors: a length, a JSON header, plain numbers."""
    folder = train(TINY, "blobs", make_dataset()).folder
    for path in folder.rglob("*.safetensors"):
        content = path.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        assert json.loads(header["__metadata__"]["impasto"])["step"] >= 5
    assert not [path for path in folder.rglob("*") if path.suffix in {".pt", ".pth", ".pkl", ".ckpt"}]


def test_an_outlook_is_given_without_torch(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    script = (
        "import sys; from pathlib import Path; from models.config import TrainConfig; "
        "from models.trainer import outlook; "
        f"print(outlook(TrainConfig(), 'blobs', Path({str(data)!r})).why); "
        "print([name for name in ('torch', 'pandas', 'cv2', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["10,000 steps on 40 pictures", "[]"]


def test_training_pictures_are_real_pictures(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    folder = train(TINY, "blobs", data).folder
    with Image.open(folder / "samples/0000012.png") as sheet:
        assert sheet.size == (8 * 18 + 2, 8 * 18 + 2)
        assert np.asarray(sheet).std() > 5
    with Image.open(folder / "training.gif") as animation:
        assert animation.n_frames == 3
    with Image.open(folder / "losses.png") as plot:
        assert len(np.unique(np.asarray(plot.convert("L")))) > 20
    with Image.open(folder / "real_and_fake.png") as both:
        pixels = np.asarray(both)
    first_real = pixels[20:36, 2:18]  # under the label
    curated = (data / "processed/blobs/images").iterdir()
    assert any(np.array_equal(first_real, np.asarray(Image.open(path))) for path in curated)
