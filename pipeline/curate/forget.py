"""Taking pictures out of what was made of them: facts, squares, datasets."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pipeline import manifest, store
from pipeline.curate import numbers, shelf
from pipeline.records import ProcessedRow


def forget(data: Path, ids: Collection[str]) -> None:
    """Remove the pictures with these image_ids from every dataset and cache; their numbers stay unused.

    The next curation decides anew about those that were rejected for being like them.
    """
    shelf.forget(store.near(data), ids)
    for path in sorted((data / "processed").glob(f"*/{manifest.NAME}")):
        table, meta = manifest.read(path, ProcessedRow), manifest.meta(path)
        doomed = manifest.where(table, "image_id", lambda image_id: image_id in ids)
        if len(doomed):
            left = manifest.where(table, "image_id", lambda image_id: image_id not in ids)
            meta.pop("key", None)  # what is left is not what a curation would make
            manifest.write(left, path, meta)
            for picture in doomed["path"].drop_null().to_pylist():
                (data / picture).unlink(missing_ok=True)
        numbers.give_up(path.parent, ids)
        for square in path.parent.glob(".squares-*/*"):
            if square.name.partition("-")[0] in ids:
                square.unlink()
