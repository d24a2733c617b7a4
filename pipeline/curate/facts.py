"""What is found out about a picture from its bytes alone: the same for every recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class PictureFacts:
    image_id: str
    reason: str | None  # undecodable | too_large: all below is null then
    width: int | None = None
    height: int | None = None
    phash: Annotated[int, "uint64"] | None = None
    sharpness: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    colorfulness: float | None = None
    focus: float | None = None  # saliency.focuses
    signature: bytes | None = None  # signature.signatures
    hashes: bytes | None = None  # hashes.hashed


@dataclass(frozen=True, slots=True)
class Thumb:
    """What near duplicates are verified by; apart from the facts, for it is large and seldom asked for."""

    image_id: str
    pixels: bytes  # verify.thumb


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """One face of a picture, most prominent first; where there is none one row with `face` null."""

    image_id: str
    face: int | None
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    score: float | None = None
    landmarks: list[float] | None = None
    tilt: float | None = None
