"""The keys of a recipe's [train] table, checked when built. Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ConfigError

_POWERS = (16, 32, 64, 128, 256, 512)
# The networks, each with the sides of the pictures that it makes, in px. bonsai's widest layers stand at full
# size: beyond 128 px that is too much for any machine.
SIZES: Mapping[str, tuple[int, ...]] = {
    "dcgan": _POWERS,
    "dcgan-1024": _POWERS,
    "celeba": (64,),
    "portraits": _POWERS,
    "bonsai": (16, 32, 64, 128),
    "modern": _POWERS,
}
NETWORKS = tuple(SIZES)
LOSSES = ("bce", "lsgan", "hinge", "relativistic", "feature-matching")
SMOOTHED = ("bce", "lsgan", "feature-matching")  # the losses that know labels
AUGMENTATIONS = ("mirror", "translation", "color", "sharpness", "diffaugment")
OUTPUTS = ("tanh", "sigmoid")
NORMS = ("batch", "spectral", "none")
PRECISIONS = ("auto", "float32", "bf16")
FEATURES = ("lite2", "inception")
DEVICES = ("auto", "cpu", "cuda", "mps")
# accelerate's
TRACKERS = ("aim", "clearml", "comet_ml", "dvclive", "mlflow", "swanlab", "tensorboard", "trackio", "wandb")

_COUNTS = "batch_size base_channels latent_dim penalty_every checkpoint_every log_every sample_every".split()
_SHARES = {"beta1": "0.5", "ema_decay": "0.995", "dropout_d": "0.2", "augment_target": "0.6"}

DEFAULT_STEPS = 10_000  # where a recipe names no length: 640,000 pictures at batch 64

# What a network brings where a recipe does not say otherwise; docs/training.md argues it.
_OWN: Mapping[str, Mapping[str, Any]] = {
    "modern": {
        "base_channels": 32,
        "batch_size": 16,
        "loss": "relativistic",
        "norm_d": "none",
        "r1": 1.0,
        "r2": 1.0,
        "penalty_every": 8,
        "projected": 0.15,
        "beta1": 0.0,
        "lr_g": 5e-4,
        "lr_d": 5e-4,
        "augment": ("mirror", "translation"),
    },
}


def defaults(network: object) -> dict[str, Any]:
    """The keys of [train] that `network` has other defaults for, with these."""
    return dict(_OWN.get(str(network), {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    network: str = "dcgan"
    loss: str = "bce"
    steps: int | None = None  # the length of the whole run, resumes included: at most one of these three
    epochs: float | None = None
    minutes: float | None = None
    batch_size: int = 64
    base_channels: int = 64
    base_channels_d: int | None = None  # as the generator's unless given
    latent_dim: int = 100
    output: str = "tanh"  # of the generator; sigmoid: the networks work on [0, 1] within
    norm_d: str = "batch"  # what keeps the discriminator in bounds
    dropout_d: float = 0.0  # share of the discriminator's features left out before its score
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    beta1: float = 0.5
    augment: tuple[str, ...] = ("mirror",)
    augment_target: float = 0.0  # mean sign of D(real) above which augmentation grows; 0: always in full
    label_smoothing: float = 0.0  # a real picture counts as 1 - this; not with hinge and relativistic
    r1: float = 0.0  # weight of the discriminator's squared gradient on real pictures
    r2: float = 0.0  # the same on generated ones
    penalty_every: int = 1  # steps between two such penalties, each as much heavier
    projected: float = 0.0  # weight of a second discriminator that sees through a trained network
    ema: bool = True
    ema_decay: float = 0.995  # per step; half of the average is younger than 139 steps
    precision: str = "auto"
    device: str = "auto"
    compile: bool = False  # by torch.compile
    devices: int = 1  # processes, each with a batch of its own
    sync_norm: bool = True  # batch norm sees the batches of all devices
    seed: int = 0
    checkpoint_every: int = 500  # steps, as the next three
    log_every: int = 50
    sample_every: int = 250
    evaluate_every: int = 0  # 0: never
    features: str = "lite2"  # the network that evaluations see through
    inception_weights: Path | None = None  # a file; else torch-fidelity's, fetched once
    patience: int = 0  # evaluations without a better KID before a run ends early; 0: never
    trackers: tuple[str, ...] = ()  # programs that are told the figures, too
    init: str = ""  # a run to start from (weights only)

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_length()
        for key in _COUNTS:
            _need(key, getattr(self, key), getattr(self, key) >= 1, "need 1 or more")
        for key in ("evaluate_every", "patience"):
            _need(key, getattr(self, key), getattr(self, key) >= 0, "need 0 (never) or more")
        if self.base_channels_d is not None:
            _need("base_channels_d", self.base_channels_d, self.base_channels_d >= 1, "need 1 or more")
        for key in ("lr_g", "lr_d"):
            value = getattr(self, key)
            _need(key, value, math.isfinite(value) and value > 0, "need a number above 0, e.g. 2e-4")
        for key in ("r1", "r2", "projected"):
            value = getattr(self, key)
            _need(key, value, math.isfinite(value) and value >= 0, "need 0 (none) or more, e.g. 1.0")
        for key, example in _SHARES.items():
            value = getattr(self, key)
            _need(key, value, 0 <= value < 1, f"need 0 or more and less than 1, e.g. {example}")
        self._check_together()
        _need("devices", self.devices, self.devices >= 1, "need 1 or more")
        _need("seed", self.seed, 0 <= self.seed < 2**63, "need a whole number from 0 to 2**63 - 1")

    def _check_together(self) -> None:
        smoothing, target = self.label_smoothing, self.augment_target
        rule = "need 0 or more and less than 0.5, e.g. 0.1"
        _need("label_smoothing", smoothing, 0 <= smoothing < 0.5, rule)
        if smoothing and self.loss not in SMOOTHED:
            raise ConfigError(
                "train.label_smoothing", smoothing, f"{self.loss} has no labels to smooth; use 0.0"
            )
        if target and not set(self.augment) - {"mirror"}:
            rule = 'nothing to adapt: train.augment names none but mirror; add e.g. "diffaugment"'
            raise ConfigError("train.augment_target", target, rule)
        if self.compile and self.devices > 1:
            raise ConfigError("train.compile", True, "for one device alone; use false, or devices = 1")
        if self.inception_weights and self.features != "inception":
            rule = 'asked for by train.features = "inception" alone'
            raise ConfigError("train.inception_weights", str(self.inception_weights), rule)
        if self.patience and not self.evaluate_every:
            rule = "counts evaluations, and there are none; set train.evaluate_every, e.g. 500"
            raise ConfigError("train.patience", self.patience, rule)

    def _check_choices(self) -> None:
        _choose("network", self.network, NETWORKS)
        _choose("loss", self.loss, LOSSES)
        _choose("output", self.output, OUTPUTS)
        _choose("norm_d", self.norm_d, NORMS)
        _choose("precision", self.precision, PRECISIONS)
        _choose("device", self.device, DEVICES)
        _choose("features", self.features, FEATURES)
        for name in self.trackers:
            _choose("trackers", name, TRACKERS)
        for name in self.augment:
            _choose("augment", name, AUGMENTATIONS)

    def _check_length(self) -> None:
        given = [key for key in ("steps", "epochs", "minutes") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ConfigError(
                f"train.{given[1]}", getattr(self, given[1]), f"{given[0]} is given too; keep one"
            )
        for key in given:
            value = getattr(self, key)
            _need(key, value, math.isfinite(value) and value > 0, "need a number above 0")


def check_size(network: str, size: int) -> None:
    """Raise ConfigError where `network` does not make pictures of `size` px."""
    if size not in SIZES[network]:
        rule = f"makes pictures of {', '.join(map(str, SIZES[network]))} px, not {size}; set curate.size"
        raise ConfigError("train.network", network, rule)


def _need(key: str, value: object, holds: bool, rule: str) -> None:
    if not holds:
        raise ConfigError(f"train.{key}", value, rule)


def _choose(key: str, value: str, known: tuple[str, ...]) -> None:
    _need(key, value, value in known, f"need one of {', '.join(known)}")
