"""What a face is, and the detectors that find faces: one file and one line in DETECTORS each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pipeline.curate.decode import Pixels


@dataclass(frozen=True, slots=True)
class Face:
    """A box in pixels of the raw picture, inside it; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int
    score: float | None = None  # the detector's own scale; None where it has none
    landmarks: tuple[float, ...] | None = None  # x, y of right eye, left eye, nose, right, left mouth corner
    tilt: float | None = None  # degrees that the head is turned, clockwise; None where nobody looked

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    @property
    def side(self) -> int:
        return max(self.right - self.left, self.bottom - self.top)


class Detector(Protocol):
    """Made once per process. The same pixels give the same faces, in any order."""

    def __call__(self, pixels: Pixels) -> Sequence[Face]: ...


def _yunet() -> Detector:
    from pipeline.curate.yunet import Yunet

    return Yunet()


def _level_yunet() -> Detector:
    from pipeline.curate.level import LevelYunet

    return LevelYunet()


def _face_recognition(model: str) -> Detector:
    from pipeline.curate.dlib import FaceRecognition

    return FaceRecognition(model)


class Entry(NamedTuple):
    version: int  # bumped when the detector's boxes change: pictures are then looked at again
    make: Callable[[], Detector]


DETECTORS = {
    "yunet": Entry(8, _yunet),
    "yunet-level": Entry(8, _level_yunet),  # curate.align
    "face-recognition": Entry(1, lambda: _face_recognition("hog")),
    "face-recognition-cnn": Entry(1, lambda: _face_recognition("cnn")),
}


@lru_cache(maxsize=1)
def detector(name: str) -> Detector:
    return DETECTORS[name].make()


def by_prominence(faces: Sequence[Face], width: int, height: int) -> list[Face]:
    """Large and central first: area, halved on its way from the middle to a corner."""

    def prominence(face: Face) -> float:
        x, y = (face.left + face.right) / 2 - width / 2, (face.top + face.bottom) / 2 - height / 2
        off_centre = math.hypot(x, y) / math.hypot(width / 2, height / 2)
        return (face.right - face.left) * (face.bottom - face.top) * (1 - 0.5 * off_centre)

    return sorted(faces, key=lambda face: (-prominence(face), face.left, face.top))
