"""Pictures as a network sees them: what distances and the search for copies are measured on.

N pictures, B of a batch, H W pixels, C channels, D features. Two networks:

- `lite2`: EfficientNet-Lite2, whose weights come packaged. D is 1,280, every row of length √1,280, for
  lengths alone would rank noise before pictures. Figures compare runs with each other, not with papers.
- `inception`: InceptionV3 as torch-fidelity has it, the network of the papers' FID and KID. D is 2,048.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models import lite
from models.errors import ConfigError
from models.extras import MEASURES

WIDTH = 1280
_SIDE = 112  # px that Lite2 sees
_BATCH = 32


class Features:
    """Raises ConfigError where `inception`'s weights are something else or cannot be fetched."""

    def __init__(self, device: torch.device, name: str = "lite2", weights: Path | None = None) -> None:
        self._of_batch = _inception(device, weights) if name == "inception" else _lite(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, pictures_NHWC: NDArray[np.uint8]) -> NDArray[np.float64]:
        """N x D."""
        pictures_NCHW = torch.from_numpy(pictures_NHWC).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        rows = [self._of_batch(batch_BCHW.to(self._device)) for batch_BCHW in pictures_NCHW.split(_BATCH)]
        features_ND: NDArray[np.float64] = torch.cat(rows).double().cpu().numpy()
        return features_ND


def _lite(device: torch.device) -> Callable[[Tensor], Tensor]:
    network = lite.load(MEASURES).to(device)

    def features(bytes_BCHW: Tensor) -> Tensor:
        sized_BCHW = F.interpolate(
            bytes_BCHW.float() / 255, size=(_SIDE, _SIDE), mode="bicubic", antialias=True, align_corners=False
        )
        features_BD = network.extract_features(sized_BCHW.clamp(0, 1) * 2 - 1).mean((2, 3))
        scaled_BD: Tensor = F.normalize(features_BD, dim=1) * WIDTH**0.5
        return scaled_BD

    return features


def _inception(device: torch.device, weights: Path | None) -> Callable[[Tensor], Tensor]:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

    state = _fetched(URL_INCEPTION_V3) if weights is None else _read(weights)
    with tempfile.NamedTemporaryFile(suffix=".pth") as safe:  # torch-fidelity unpickles whatever it is given
        torch.save(state, safe.name)
        try:
            network = FeatureExtractorInceptionV3("inception", ["2048"], safe.name).to(device)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise _not_inception(weights) from error
    return lambda bytes_BCHW: network(bytes_BCHW)[0].float()


def _fetched(url: str) -> Any:
    """From torch's cache, where it is kept once fetched."""
    try:
        return torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:  # no network, or not the file that its name promises
        why = getattr(error, "reason", error)
        rule = f"its weights could not be fetched ({why}); name the file {url} by train.inception_weights"
        raise ConfigError("train.features", "inception", f"{rule}, or use lite2") from error


def _read(weights: Path) -> Any:
    try:
        return torch.load(weights, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError) as error:
        raise _not_inception(weights) from error


def _not_inception(weights: Path | None) -> ConfigError:
    rule = "not the weights of InceptionV3 that torch-fidelity's releases offer as a .pth file"
    return ConfigError("train.inception_weights", str(weights), rule)
