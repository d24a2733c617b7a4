"""What a picture deserves by itself: squares to cut, or the reason why none is."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.curate.config import CurateConfig
from pipeline.curate.crop import Square, around, centred
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
    if config.crop != "face":
        side = (min if config.crop == "center" else max)(facts.width, facts.height)
        square = centred(side, config.size, facts.width, facts.height)
        return [Fate(reason or (None if square else "too_small"), None, square)]
    squares = [around(face, config.margin, config.size, facts.width, facts.height) for face in known.faces]
    wanted = squares if config.faces == "all" else squares[:1]
    return [
        Fate(reason or (None if square else "too_small"), face, square) for face, square in enumerate(wanted)
    ] or [Fate(reason or "no_face")]


def _flaw(config: CurateConfig, facts: PictureFacts, side: int) -> str | None:
    if side < config.min_side:
        return "too_small"
    if (facts.sharpness or 0.0) < config.min_sharpness:
        return "blurry"
    return "dark" if (facts.brightness or 0.0) < config.min_brightness else None
