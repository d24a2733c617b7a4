"""The work of one shard where pictures lie in an object store: they come together, and squares go back so."""

from __future__ import annotations

import dataclasses
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from pipeline import store
from pipeline.curate.config import CurateConfig
from pipeline.curate.look import Job, Seen, look
from pipeline.errors import MissingInput


def look_there(shard: Sequence[Job], config: CurateConfig, data: Path, squares: Path) -> list[Seen]:
    """What `look` does; needs room on this machine for the pictures of one shard."""
    with tempfile.TemporaryDirectory() as folder, store.requests(squares) as each:
        raw, cut = Path(folder) / "raw", Path(folder) / "squares"
        raw.mkdir()
        here = [dataclasses.replace(job, path=job.image_id) for job in shard]
        contents = each(_fetched, [data / job.path for job in shard])
        for job, content in zip(here, contents, strict=True):
            (raw / job.path).write_bytes(content)
        seen = look(here, config, raw, cut)

        def put(name: str) -> None:
            store.write_bytes(squares / name, (cut / name).read_bytes())

        deque(each(put, store.sizes(cut)), 0)
    return seen


def _fetched(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: it is not there; `impasto scrape` fetches it again") from error
