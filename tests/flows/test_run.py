"""`impasto run` as a user types it: a process of its own, on a tiny recipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

Impasto = Callable[..., "subprocess.Popen[str]"]


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """What it said, having ended with `code`."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    assert "Traceback" not in out + err
    return out + err


def files(data: Path) -> dict[str, int]:
    """Every file under the data directory with the time it was written."""
    return {str(path): path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}


def wait_for(pattern: str, folder: Path, process: subprocess.Popen[str]) -> Path:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
        if process.poll() is not None:
            pytest.fail(f"ended before there was {pattern}: {process.communicate()}")
        time.sleep(0.05)
    pytest.fail(f"no {pattern} after 200 s")


def test_a_run_goes_the_whole_way_and_the_same_again_does_nothing_but_say_so(
    tiny: Path, impasto: Impasto
) -> None:
    data = tiny.parent / "data"
    said = finish(impasto("run", "tiny.toml"))
    report = next(data.glob("runs/tiny-*/report.html"))
    assert str(report) in said
    assert pq.read_table(data / "processed/tiny/manifest.parquet")["status"].to_pylist() == ["kept"] * 12
    assert pq.read_table(report.parent / "metrics.parquet")["step"].to_pylist()[-1] == 6
    assert "pictures" in (report.parent / "recipe.toml").read_text()

    before = files(data)
    again = (
        f"import os, sys; os.chdir({str(tiny.parent)!r})\n"
        "from flows.cli import main\n"
        "code = main(['run', 'tiny.toml'])\n"
        "print('imported:', *{'prefect', 'torch'} & sys.modules.keys())\n"
        "sys.exit(code)"
    )
    said = finish(
        subprocess.Popen(
            [sys.executable, "-c", again], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    )
    assert "nothing to do" in said
    assert str(report) in said
    assert said.rstrip().endswith("imported:")
    assert files(data) == before


def test_ctrl_c_keeps_what_was_done_and_the_same_command_goes_on(tiny: Path, impasto: Impasto) -> None:
    command = ("run", "tiny.toml", "--set", "train.steps=600", "--set", "train.log_every=20")
    data = tiny.parent / "data"
    first = impasto(*command)
    wait_for("raw/folder/*/manifest.parquet", data, first)
    held = finish(impasto(*command), code=6)  # a second one meanwhile
    assert held.count("\n") == 1
    assert f"in use by process {first.pid}" in held

    metrics = wait_for("runs/*/metrics.parquet", data, first)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does: to all processes of the command
    asked = time.monotonic()
    said = finish(first, code=130)
    assert time.monotonic() - asked < 60
    assert said.rstrip().endswith("To go on: impasto " + " ".join(command))
    reached = pq.read_table(metrics)["step"].to_pylist()
    assert 0 < reached[-1] < 600

    finish(impasto(*command))
    logged = [row["step"] for row in pq.read_table(metrics).to_pylist() if row["loss_d"] is not None]
    assert logged == list(range(20, 601, 20))  # beside rows of events
    assert len(list(data.glob("runs/*"))) == 1


def test_a_plan_changes_nothing_and_says_what_a_run_would_do(tiny: Path, impasto: Impasto) -> None:
    before = files(tiny.parent)
    plan = json.loads(finish(impasto("plan", "tiny.toml", "--json")))
    assert [stage["stage"] for stage in plan["stages"]] == ["acquire", "curate", "train", "report"]
    assert {stage["state"] for stage in plan["stages"]} == {"to do"}
    assert not plan["done"]
    assert files(tiny.parent) == before
    assert not (tiny.parent / "data").exists()
    text = finish(impasto("plan", "tiny.toml"))
    assert "never listed" in text


def test_status_counts_every_fate(scraped: Path, impasto: Impasto) -> None:
    for arguments in (["status", "--json"], ["status", str(scraped), "--json"]):
        status = json.loads(finish(impasto(*arguments)))
        fates = {(row["stage"], row["status"], row["reason"]): row["pictures"] for row in status["pictures"]}
        assert fates == {("raw", "fetched", None): 12, ("raw", "failed", "not_an_image"): 1}
    assert "not_an_image" in finish(impasto("status"))
    assert "no pictures of portraits in " in finish(impasto("status", "portraits"))


def test_preprocess_says_what_is_to_be_done_again_and_why(scraped: Path, impasto: Impasto) -> None:
    asked = ("preprocess", str(scraped))
    assert "curate tiny: 12 pictures to look at" in finish(impasto(*asked))
    smaller = finish(impasto(*asked, "--set", "curate.size=32"))
    assert "curate tiny: 0 pictures to look at, 12 known ones to cut" in smaller


def outcome(data: Path) -> dict[str, object]:
    """What a run leaves behind but for times and tries."""
    raw = pq.read_table(next(data.glob("raw/folder/*/manifest.parquet")))
    run = next(data.glob("runs/tiny-*"))
    metrics = pq.read_table(run / "metrics.parquet").drop_columns(["seconds"])
    return {
        "raw": raw.drop_columns(["fetched_at", "attempts"]).to_pylist(),
        "processed": pq.read_table(data / "processed/tiny/manifest.parquet").to_pylist(),
        "pictures": {path.name: path.read_bytes() for path in data.glob("processed/tiny/images/*")},
        "metrics": metrics.to_pylist(),
        "run": run.name,
        "samples": {path.name: path.read_bytes() for path in run.glob("samples/*")},
    }


def nobody_is_left(group: int) -> bool:
    """Whether all that a process started has ended, given ten seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_every_stage_it_ends_as_if_it_had_not_been(tiny: Path, impasto: Impasto) -> None:
    command = ("run", "tiny.toml", "--set", "train.steps=300", "--set", "train.checkpoint_every=50")
    data = tiny.parent / "data"
    for point in ("raw/folder/*/journal*", "processed/tiny/*", "runs/tiny-*/checkpoints/*"):
        process = impasto(*command)
        wait_for(point, data, process)
        process.kill()
        process.wait()
        assert nobody_is_left(process.pid)
    finish(impasto(*command))
    finish(impasto(*command, "--data", "uninterrupted"))
    assert outcome(data) == outcome(tiny.parent / "uninterrupted")
