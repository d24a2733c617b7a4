"""Pictures as a network sees them: what KID, Fréchet distance and the search for copies are measured on.

N pictures, H W pixels, C channels. The features are those of EfficientNet-Lite2, whose weights come packaged;
figures measured on them compare runs with each other and are not Inception's FID and KID.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from models import lite
from models.extras import MEASURES

WIDTH = 1280
_SIDE = 112  # px that pictures are brought to
_BATCH = 32


class Features:
    def __init__(self, device: torch.device) -> None:
        self._network = lite.load(MEASURES).to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, pictures_NHWC: NDArray[np.uint8]) -> NDArray[np.float64]:
        """N x 1,280, every row of length √1,280: lengths alone would rank noise before pictures."""
        rows = [self._of_batch(batch) for batch in torch.from_numpy(pictures_NHWC).split(_BATCH)]
        features: NDArray[np.float64] = torch.cat(rows).double().cpu().numpy()
        return features

    def _of_batch(self, pictures_BHWC: torch.Tensor) -> torch.Tensor:
        scaled_BCHW = pictures_BHWC.to(self._device).permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1) / 255
        sized_BCHW = F.interpolate(
            scaled_BCHW, size=(_SIDE, _SIDE), mode="bicubic", antialias=True, align_corners=False
        )
        features_BD = self._network.extract_features(sized_BCHW.clamp(0, 1) * 2 - 1).mean((2, 3))
        scaled_BD: torch.Tensor = F.normalize(features_BD, dim=1) * WIDTH**0.5
        return scaled_BD
