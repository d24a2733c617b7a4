"""Files appear whole or not at all; a data directory has one run at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import store
from pipeline.errors import DataDirectoryBusy, MissingInput

HOLD = """
import pathlib, sys, time
from pipeline import store
with store.exclusive(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_file_whose_writing_fails_does_not_appear(tmp_path):
    path = tmp_path / "deep" / "file.bin"
    store.write_bytes(path, b"first")

    def write_half() -> None:
        with store.beside(path) as part:
            part.write_bytes(b"second, half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_bytes() == b"first"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    (tmp_path / ".part-x.png").write_bytes(b"half")
    (tmp_path / "whole.png").write_bytes(b"whole")
    store.sweep(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["whole.png"]


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_on_one_data_directory_is_told_who_holds_it(tmp_path, holder):
    with pytest.raises(DataDirectoryBusy, match=str(holder.pid)) as caught, store.exclusive(tmp_path):
        pass
    assert caught.value.exit_code == 6


def test_the_lock_goes_with_the_process_however_it_ends(tmp_path, holder):
    holder.kill()
    holder.wait()
    started = time.monotonic()
    with store.exclusive(tmp_path):
        assert time.monotonic() - started < 1


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingInput, match="cannot be written"), store.exclusive(tmp_path / "file" / "data"):
        pass
