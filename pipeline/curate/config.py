"""The keys of a recipe's `[curate]` table. Imports nothing heavy: every command reads it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pipeline.errors import ConfigError

Crop = Literal["face", "center", "pad"]
Faces = Literal["largest", "all"]
Detector = Literal["yunet", "face-recognition", "face-recognition-cnn"]
Dedupe = Literal["near", "exact", "off"]
Format = Literal["png", "webp", "jpeg"]
NoFace = Literal["reject", "center"]
Border = Literal["move", "pad"]
Gravity = Literal["center", "saliency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateConfig:
    size: int = 64  # px, side of the written square
    crop: Crop = "face"
    faces: Faces = "largest"  # which faces of a picture become crops; with crop = "face" only
    detector: Detector = "yunet"
    margin: float = 0.4  # added on each side of the face box, as a fraction of its longer side
    align: bool = False  # turn the square so that the eyes are level; yunet only
    border: Border = "move"  # a square that reaches beyond the picture moves and shrinks inward, or is padded
    no_face: NoFace = "reject"  # or the middle of a picture without a face
    gravity: Gravity = "center"  # crop = "center": which part of the longer side
    pad_color: str = ""  # "#rrggbb"; empty: the median colour of the picture's border
    upscale: bool = False  # whether a square smaller than `size` is enlarged; else it is too_small
    min_side: int = 96  # px, of the raw picture's shorter side
    dedupe: Dedupe = "near"
    mirror_is_duplicate: bool = True  # whether a mirrored copy is one
    min_sharpness: float = 0.0  # variance of the Laplacian at a fixed scale; 0 keeps all
    min_brightness: float = 0.0  # mean luma in [0, 1]; 0 keeps all
    max_brightness: float = 1.0  # 1 keeps all
    min_contrast: float = 0.0  # standard deviation of luma in [0, 0.5]; 0 keeps all
    min_colorfulness: float = 0.0  # Hasler and Süsstrunk's measure, about 0 (grey) to 100; 0 keeps all
    holdout: float = 0.0  # share of the pictures kept from training, for evaluation
    min_pictures: int = 64  # fewer kept: exit code 4
    format: Format = "png"
    channels: int = 3  # 3 RGB, 1 grey
    workers: int = 0  # processes; 0: one per core

    def __post_init__(self) -> None:
        if self.size not in (16, 32, 64, 128, 256, 512):
            raise ConfigError("curate.size", self.size, "need a power of two from 16 to 512, e.g. 64")
        self._one_of("crop", Crop)
        self._one_of("faces", Faces)
        self._one_of("detector", Detector)
        self._one_of("dedupe", Dedupe)
        self._one_of("format", Format)
        self._one_of("no_face", NoFace)
        self._one_of("border", Border)
        self._one_of("gravity", Gravity)
        if self.align and self.detector != "yunet":
            raise ConfigError("curate.align", self.align, 'needs detector = "yunet", which tells the tilt')
        self._within("margin", 0.0, 4.0, "a fraction of the face's side, e.g. 0.4")
        self._within("min_side", 1, 100_000, "pixels, e.g. 96")
        self._within("min_sharpness", 0.0, 1e6, "e.g. 20, or 0 to keep all")
        self._within("min_brightness", 0.0, 1.0, "e.g. 0.1, or 0 to keep all")
        self._within("max_brightness", 0.0, 1.0, "e.g. 0.95, or 1 to keep all")
        if self.max_brightness <= self.min_brightness:
            raise ConfigError("curate.max_brightness", self.max_brightness, "need more than min_brightness")
        self._within("min_contrast", 0.0, 0.5, "e.g. 0.05, or 0 to keep all")
        self._within("min_colorfulness", 0.0, 200.0, "e.g. 5, or 0 to keep all")
        self._within("holdout", 0.0, 0.5, "a share, e.g. 0.1")
        if not re.fullmatch(r"(#[0-9A-Fa-f]{6})?", self.pad_color):
            raise ConfigError("curate.pad_color", self.pad_color, 'need "#rrggbb", e.g. "#ffffff"')
        self._within("min_pictures", 1, 10**9, "e.g. 64")
        self._within("workers", 0, 1024, "processes, 0 for one per core")
        if self.channels not in (1, 3):
            raise ConfigError("curate.channels", self.channels, "need 3 (RGB) or 1 (grey)")

    @property
    def looks(self) -> str:
        """What looks for faces: an entry of faces.DETECTORS."""
        return f"{self.detector}-level" if self.align else self.detector

    @property
    def processes(self) -> int:
        if self.workers or not hasattr(os, "sched_getaffinity"):  # which not every system has
            return self.workers or os.cpu_count() or 1
        return len(os.sched_getaffinity(0))

    def _one_of(self, name: str, choices: Any) -> None:
        value, allowed = getattr(self, name), get_args(choices)
        if value not in allowed:
            raise ConfigError(f"curate.{name}", value, f"need one of {', '.join(allowed)}")

    def _within(self, name: str, low: float, high: float, hint: str) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise ConfigError(f"curate.{name}", value, f"need {low:g} to {high:g}; {hint}")
