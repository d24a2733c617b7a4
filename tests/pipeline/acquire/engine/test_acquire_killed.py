"""SIGKILL at any moment, then the same again: manifest and pictures as if nothing had happened."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from pipeline import manifest
from pipeline.acquire.folder import FolderSpec
from pipeline.records import RawRow
from tests.servers import mortal
from tests.servers.pictures import picture
from tests.servers.shelf import fill

NAMES = [f"n{number:02}" for number in range(23)]


def what_is_there(data: Path) -> tuple[list[RawRow], dict[str, bytes], dict[str, object]]:
    """Rows but for times and attempts, files by path, and what the listing says."""
    [path] = data.glob(f"raw/*/*/{manifest.NAME}")
    rows = manifest.rows(manifest.read(path, RawRow), RawRow)
    same = [dataclasses.replace(row, fetched_at=None, attempts=0) for row in rows]
    files = {
        str(file.relative_to(data)): b"" if file.suffix in {".parquet", ".json"} else file.read_bytes()
        for file in data.rglob("*")
        if file.is_file()
    }
    listing = json.loads((path.parent / "listing.json").read_text())
    return same, files, {key: listing[key] for key in ("complete", "outcome", "counts", "cut", "listed")}


@pytest.mark.parametrize(
    ("point", "limit"),
    [
        *((point, None) for point in mortal.POINTS if point != "when all are listed"),
        ("while listing", 16),
        ("between pictures and manifest", 16),
    ],
)
def test_killed_at_a_named_point_and_run_again_is_as_if_nothing_had_happened(tmp_path, server, point, limit):
    spec = dataclasses.replace(fill(server, NAMES), limit=limit)
    mortal.run(spec, tmp_path / "plain")
    mortal.run(spec, tmp_path / "killed", point)
    mortal.run(spec, tmp_path / "killed")
    assert what_is_there(tmp_path / "killed") == what_is_there(tmp_path / "plain")


def test_what_was_stored_before_the_kill_is_not_fetched_again(tmp_path, server):
    spec = fill(server, NAMES)
    mortal.run(spec, tmp_path, "when all are listed")
    before = {path for path in server.paths() if path.endswith(".jpg")}
    server.asked.clear()
    mortal.run(spec, tmp_path)
    again = before & set(server.paths())
    assert len(again) <= spec.parallel, "more than was in flight"
    assert sum(path.startswith("/list") for path in server.paths()) <= 1


def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(300):
        (pictures / f"{number}.png").write_bytes(picture(number, side=32, kind="PNG"))
    return pictures


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 12))])
def test_killed_at_random_moments_until_it_is_done(tmp_path, seed):
    pictures = folder(tmp_path)
    spec = FolderSpec(path=pictures)
    mortal.run(spec, tmp_path / "plain")
    dice = random.Random(seed)
    for _ in range(3):
        process = mortal.start(spec, tmp_path / "killed")
        time.sleep(dice.random() * 0.5)
        process.kill()
        process.join()
    mortal.run(spec, tmp_path / "killed")
    assert what_is_there(tmp_path / "killed") == what_is_there(tmp_path / "plain")


def test_ctrl_c_ends_soon_with_everything_accounted_for(tmp_path, server):
    spec = fill(server, NAMES)
    server.faults.add("/n07.jpg", cut="stalled", times=None)
    process = mortal.start(spec, tmp_path)
    while "/n07.jpg" not in server.paths():
        time.sleep(0.02)
        assert process.is_alive()
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    process.join(20)
    assert time.monotonic() - began < 10
    assert process.exitcode not in {0, None}
    rows, _, listing = what_is_there(tmp_path)
    assert listing["outcome"] == "interrupted"
    assert {row.status for row in rows if row.reason != "interrupted"} == {"fetched"}
    assert not list(tmp_path.rglob("journal.jsonl"))
