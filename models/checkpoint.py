"""Checkpoints: safetensors with a JSON header, so nothing that is loaded can run code.

The header says the step, pictures seen and seconds, and a checksum of all tensors: a damaged file is
passed over for the one before it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.errors import MissingInput
from models.files import publish
from models.run import checkpoint_files, read_header

KEPT = 3


def write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Publish `tensors` with `about` (JSON) in the header of one safetensors file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"impasto": json.dumps({**about, "crc32": _checksum(plain)})}
    publish(path, lambda part: save_file(plain, part, header))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and header as they were written, or None where the file is damaged."""
    about = read_header(path)
    if about is None:
        return None
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError):
        return None
    return (tensors, about) if _checksum(tensors) == about["crc32"] else None


def save(folder: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write the checkpoint of `about["step"]` and drop all but the last few."""
    write(folder / f"{about['step']:07d}.safetensors", tensors, about)
    for old in checkpoint_files(folder)[KEPT:]:
        old.unlink()


def load_last(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest whole checkpoint; None where none was ever saved.

    Raises MissingInput when there are some and all are damaged: starting at 0 unasked would lose the run.
    """
    files = checkpoint_files(folder)
    for path in files:
        found = read(path)
        if found is not None:
            return found
    if files:
        raise MissingInput(f"{folder}: no checkpoint can be read; `impasto train --fresh` starts over")
    return None


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    checksum = 0
    for _, tensor in sorted(tensors.items()):
        checksum = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, checksum)
    return checksum
