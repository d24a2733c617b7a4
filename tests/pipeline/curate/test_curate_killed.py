"""Curation killed anywhere and run again."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.pipeline.curate.conftest import CENTER, Raw, copied, drawn, encoded, run

KILLED = """
    import os, pathlib, signal, sys
    from pipeline.curate.config import CurateConfig
    from pipeline.curate.curate import curate
    from pipeline.records import Selection

    data, size, blow = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    count = 0

    def counted(real):
        def call(*args, **kwargs):
            global count
            count += 1
            if count == blow:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return call

    for name in ("replace", "rename", "unlink", "rmdir", "sync"):
        setattr(os, name, counted(getattr(os, name)))
    config = CurateConfig(crop="center", size=size, min_side=32, min_pictures=1, workers=1)
    curate(config, "n", [Selection("folder", "x")], data)
    print(count)
"""


def killed_at(raw: Raw, size: int, blow: int) -> subprocess.CompletedProcess[str]:
    """Curate in a process that is killed before its `blow`-th change of the file system."""
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(raw.data), str(size), str(blow)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("blows", [range(1, 40, 8), pytest.param(range(1, 60), marks=pytest.mark.soak)])
def test_killed_anywhere_and_run_again_is_as_never_killed(tmp_path, blows):
    """First a new dataset, then one whose pictures are all replaced, each killed at every such step."""

    def arranged(name: str) -> Raw:
        raw = Raw(tmp_path / name)
        raw.add(*(encoded(drawn(seed)) for seed in range(4)), copied(drawn(2)), b"text")
        return raw

    whole = arranged("whole")
    run(whole)
    first = whole.processed(), whole.pictures()
    run(whole, dataclasses.replace(CENTER, size=16))
    second = whole.processed(), whole.pictures()
    deaths = 0
    for blow in blows:
        raw = arranged(f"killed-{blow}")
        deaths += killed_at(raw, 32, blow).returncode == -signal.SIGKILL
        run(raw)
        assert (raw.processed(), raw.pictures()) == first
        deaths += killed_at(raw, 16, blow).returncode == -signal.SIGKILL
        if blow % 2:  # the user thinks again: what was replaced already must not pass for the old
            run(raw)
            assert (raw.processed(), raw.pictures()) == first
        run(raw, dataclasses.replace(CENTER, size=16))
        assert (raw.processed(), raw.pictures()) == second
        assert not list((raw.data / "processed" / "n").glob(".*"))
    assert deaths >= 4
