"""What a picture deserves by itself: squares to cut, or the reason why none is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.curate.config import CurateConfig
from pipeline.curate.crop import Square, around, whole
from pipeline.curate.faces import Face
from pipeline.curate.facts import PictureFacts


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one picture; `faces` is empty where none were looked for."""

    facts: PictureFacts
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one picture, or of one of its faces, looked at alone."""

    reason: str | None  # null: may be kept
    face: int | None = None
    square: Square | None = None


def fates(config: CurateConfig, known: Known) -> list[Fate]:
    facts = known.facts
    if facts.width is None or facts.height is None:
        return [Fate(facts.reason)]
    reason = _flaw(config, facts, min(facts.width, facts.height))
    if config.crop != "face" or (config.no_face == "center" and not known.faces):
        square = whole(config, facts.width, facts.height, facts.focus)
        return [Fate(reason or (None if square else "too_small"), None, square)]
    squares = [around(face, config, facts.width, facts.height) for face in known.faces]
    wanted = squares if config.faces == "all" else squares[:1]
    return [
        Fate(reason or (None if square else "too_small"), face, square) for face, square in enumerate(wanted)
    ] or [Fate(reason or "no_face")]


def kept_anyway(config: CurateConfig, known: Known) -> list[Fate]:
    """The same where a person wants the picture: enlarged or without a face if need be; only what cannot be
    decoded keeps its reason.
    """
    if known.facts.width is None or known.facts.height is None:
        return fates(config, known)
    lenient = replace(config, upscale=True, no_face="center")
    return [replace(fate, reason=None if fate.square else fate.reason) for fate in fates(lenient, known)]


def _flaw(config: CurateConfig, facts: PictureFacts, side: int) -> str | None:
    """The first rule that the picture breaks."""
    brightness = facts.brightness or 0.0
    rules = {
        "too_small": side < config.min_side,
        "blurry": (facts.sharpness or 0.0) < config.min_sharpness,
        "dark": brightness < config.min_brightness,
        "bright": brightness > config.max_brightness,
        "flat": (facts.contrast or 0.0) < config.min_contrast,
        "colorless": (facts.colorfulness or 0.0) < config.min_colorfulness,
    }
    return next((slug for slug, broken in rules.items() if broken), None)
