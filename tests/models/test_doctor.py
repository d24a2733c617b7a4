"""What is told before a run starts, and what when it does not fit."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from flows import recipes
from flows.cli import main
from models import doctor, outlay, trial
from models import run as runs
from models.config import TrainConfig
from models.errors import ConfigError, NoRoom
from models.trainer import train
from pipeline import manifest
from pipeline.records import ProcessedRow
from tests.models.conftest import TINY

MakeDataset = Callable[..., Path]
HOLDS = replace(TINY, augment=("mirror", "diffaugment"))


def advice(config: TrainConfig, data: Path, dedupe: str = "off") -> list[str]:
    run = runs.find(config, "blobs", data)
    return [f"{one.topic}: {one.text}" for one in doctor.examine(run, dedupe) if one.advice]


def test_a_run_that_should_hold_is_not_talked_about(make_dataset: MakeDataset) -> None:
    assert advice(HOLDS, make_dataset(count=120)) == []


@pytest.mark.parametrize(
    ("changes", "count", "says"),
    [
        (
            {"augment": ("mirror",)},
            120,
            r"soon wins .*train.network=modern holds.* --set train.norm_d=spectral --set 'train.augment=\[",
        ),
        ({"ema": False}, 120, "settings: a running average is calmer"),
        ({"batch_size": 64, "devices": 2}, 120, "pictures: fewer than the 128 of a step"),
        ({}, 40, "pictures: so few are learnt by heart"),
    ],
)
def test_what_is_likely_to_go_wrong_is_told_with_a_remedy(
    make_dataset: MakeDataset, changes: dict[str, object], count: int, says: str
) -> None:
    (said,) = advice(replace(HOLDS, **changes), make_dataset(count=count))
    assert re.search(says, said)


def rewrite(data: Path, change: Callable[[dict[str, object]], dict[str, object]]) -> None:
    path = data / "processed/blobs/manifest.parquet"
    rows = [change(row) if row["status"] == "kept" else row for row in pq.read_table(path).to_pylist()]
    manifest.write(manifest.table([ProcessedRow(**row) for row in rows], ProcessedRow), path, {})


def test_duplicates_are_counted_unless_curation_has_looked(make_dataset: MakeDataset) -> None:
    data = make_dataset(count=120)
    rewrite(data, lambda row: row | {"phash": int(row["number"]) // 2})  # 1; 2, 3; … 118, 119; 120
    assert advice(HOLDS, data) == [
        "duplicates: 59 of them are alike (one perceptual hash) as another; "
        "--set curate.dedupe=near drops such"
    ]
    assert advice(HOLDS, data, dedupe="near") == []
    rewrite(data, lambda row: row | {"sha256": "0" if int(row["number"]) <= 3 else row["sha256"]})
    assert advice(HOLDS, data)[0].startswith("duplicates: 2 of them are the same file as another")


def test_enlarged_squares_and_missing_files_are_told(make_dataset: MakeDataset) -> None:
    data = make_dataset(count=120)
    rewrite(data, lambda row: row | {"crop_left": 0, "crop_right": 12 if int(row["number"]) <= 30 else 40})
    (data / "processed/blobs/images/000007.png").unlink()
    missing, enlarged = advice(HOLDS, data)
    assert missing.startswith("pictures: 1 files are missing, e.g. ")
    assert enlarged == "resolution: 25% were enlarged to 16 px and are soft; lower curate.size"


def test_what_a_run_takes_is_what_it_took(make_dataset: MakeDataset) -> None:
    data = make_dataset(count=120)
    run = runs.find(replace(HOLDS, steps=30), "blobs", data)
    before = outlay.measure(run)
    assert (before.steps, before.steps_left, before.pictures_per_step) == (30, 30, 8)
    done = train(run.config, "blobs", data)
    assert 0.01 < before.seconds_left / done.seconds < 10  # at 16 px most of the time goes into all the rest
    written = sum(
        path.stat().st_size for path in run.folder.rglob("*") if path.suffix in {".safetensors", ".png"}
    )
    assert written / 2 < before.bytes_needed < 3 * written
    assert outlay.measure(run).seconds_left == 0


def test_a_run_that_the_disk_does_not_hold_does_not_start(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage("/")._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    with pytest.raises(
        NoRoom, match=r"runs/blobs-\w+: this run writes up to \d+ MB, and 0 MB are free; make room"
    ):
        train(TINY, "blobs", make_dataset())


def test_other_errors_are_not_taken_for_full_memory() -> None:
    assert trial.full_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 12 bytes")
    )
    assert not trial.full_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"))
    assert not trial.full_memory(ValueError("out of memory."))


class Narrow(TorchDispatchMode):
    """A device that refuses what is larger than `most` bytes, as the allocator refuses what nobody has."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        if any(one.untyped_storage().nbytes() > self.most for one in tensors):
            torch.empty(2**60, dtype=torch.uint8)
        return made


def test_a_batch_that_does_not_fit_is_answered_by_one_that_does(make_dataset: MakeDataset) -> None:
    data = make_dataset(count=256)
    large = replace(TINY, batch_size=256, steps=2)
    with Narrow(most=64 * 3 * 20 * 20 * 4):  # 64 pictures about to be translated
        with pytest.raises(ConfigError) as error:
            train(large, "blobs", data)
        said = "train.batch_size = 256: out of memory on cpu; 64 fit here: --set train.batch_size=64"
        assert str(error.value) == said
        assert train(replace(large, batch_size=64), "blobs", data).pictures_seen == 128
        with pytest.raises(ConfigError, match=r"halve it, or curate\.size"), Narrow(most=1000):
            train(large, "blobs", data)


def recipe_on(data: Path, *keys: str) -> str:
    """A recipe of the dataset "blobs" with these keys of [train]."""
    path = data / "blobs.toml"
    train_keys = "\n".join(('device = "cpu"', "base_channels = 4", *keys))
    path.write_text(f'[[source]]\nkind = "folder"\npath = "."\n[train]\n{train_keys}\n')
    return str(path)


def test_the_command_marks_what_is_to_be_done(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset(count=120)
    recipe = recipe_on(data, "steps=500")
    assert main(["doctor", recipe, "--data", str(data), "--set", "train.batch_size=8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14].split() for line in lines] == [
        ["pictures"], ["pictures"], ["duplicates"], ["!", "settings"], ["settings"], ["time"], ["disk"],
    ]  # fmt: skip
    assert "each is seen 33 times" in lines[1]
    assert not (data / "runs").exists()


def test_a_run_that_is_soon_over_is_told(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset(count=120)
    recipe = recipe_on(data, "batch_size=8", "sample_every=20", 'augment=["diffaugment"]')
    for steps, often, soon in ((5, "less than once", True), (15, "once", True), (30, "2 times", False)):
        assert main(["doctor", recipe, "--data", str(data), "--set", f"train.steps={steps}"]) == 0
        said = capsys.readouterr().out
        assert f"each is seen {often}\n" in said
        assert ("! " in said) == soon
        assert (f"about {steps} steps are soon over" in said) == soon


def test_a_run_that_ended_before_it_saw_much_says_how_to_go_on() -> None:
    timed = replace(TINY, steps=None, minutes=4)
    (remark,) = doctor.after(timed, 2_500)
    assert "--set train.minutes=16 goes on" in remark.text
    assert not list(doctor.after(timed, 20_000))
    assert not list(doctor.after(TINY, 96)), "its steps were asked for"


def test_of_a_run_that_has_ended_there_is_no_time_to_tell(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset(count=16)
    recipe = recipe_on(data, "batch_size=8", "steps=2", "log_every=1")
    train(recipes.load(recipe).train, "blobs", data)
    assert main(["doctor", recipe, "--data", str(data)]) == 0
    assert "the run on this dataset has ended after 2 steps" in capsys.readouterr().out
