"""What a discriminator has learnt to see, as features of the pictures it was trained on.

Radford et al. 2016, section 5.1: the discriminator's layers as a representation for a linear classifier. Here
every activation of the features part is averaged over space and all are put side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from models import checkpoint, sample
from models.data import Dataset, load
from models.errors import MissingInput
from models.files import publish
from models.networks import NETWORKS
from models.run import PICTURES

NAME = "features.parquet"  # in the run's folder
_BATCH = 64
_COLUMNS = ["number", "image_id", "source", "collection", "source_id", "path"]


def write(run: Path, data: Path) -> Path:
    """Publish features.parquet: a row per picture of pictures.parquet, `label` the folder that it came from,
    `features` a list of floats. Raises MissingInput where the run or its pictures are not there.
    """
    discriminator = _discriminator(run)
    listed = run / PICTURES
    if not listed.exists():
        raise MissingInput(f"{listed}: this run does not say which pictures it saw; train it anew")
    rows = pq.ParquetFile(listed).read(columns=_COLUMNS)
    paths = tuple(data / path for path in rows["path"].to_pylist())
    gone = [path for path in paths if not path.exists()]
    if gone:
        raise MissingInput(
            f"{run.name}: {len(gone):,} of the {len(paths):,} pictures that it saw are no longer in the "
            f"dataset, e.g. {gone[0]}; train anew on those that are"
        )
    pictures = load(Dataset(run.name, listed, paths, ""))
    found = np.concatenate(list(_seen(discriminator, torch.from_numpy(pictures))))
    labels = [str(Path(name).parent) for name in rows["source_id"].to_pylist()]
    table = rows.append_column("label", pa.array(labels, pa.string()))
    features = pa.FixedSizeListArray.from_arrays(pa.array(found.ravel()), found.shape[1])
    publish(run / NAME, lambda part: pq.write_table(table.append_column("features", features), part))
    return run / NAME


def _discriminator(run: Path) -> nn.Sequential:
    """Features and score, as the run's last checkpoint has them."""
    generator = sample.load(run)
    found = checkpoint.load_last(run / "checkpoints")
    if found is None:
        raise MissingInput(f"{run}: no checkpoint any more, and the discriminator is nowhere else")
    prefix = "discriminator."
    state = {name.removeprefix(prefix): one for name, one in found[0].items() if name.startswith(prefix)}
    module: Any = NETWORKS[generator.about["network"]].discriminator(generator.shape)
    module.load_state_dict(state)
    two: nn.Sequential = module.eval().requires_grad_(False)
    return two


@torch.inference_mode()
def _seen(discriminator: nn.Sequential, pictures_NHWC: Tensor) -> Iterator[np.ndarray]:
    """Batches of N x F."""
    with _activations(discriminator[0]) as seen:
        for batch in pictures_NHWC.split(_BATCH):
            seen.clear()
            discriminator[0](batch.permute(0, 3, 1, 2).float().div_(127.5).sub_(1))
            yield torch.cat(seen, 1).numpy()


@contextmanager
def _activations(features: nn.Module) -> Iterator[list[Tensor]]:
    """What every activation gave, averaged over space, in order of computing."""
    seen: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _module, _given, gave: seen.append(_pooled(gave)))
        for module in features.modules()
        if isinstance(module, nn.LeakyReLU | nn.ReLU)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _pooled(gave: Tensor) -> Tensor:
    return gave.mean((2, 3)) if gave.dim() == 4 else gave
