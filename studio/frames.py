"""What was found in a picture and cut out of it, as boxes on a smaller copy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.records import ProcessedRow


@dataclass(frozen=True, slots=True)
class Frame:
    """A box in pixels of the copy, turned about its middle."""

    kind: str  # crop | face
    left: float
    top: float
    width: float
    height: float
    angle: float  # degrees, clockwise

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2

    @property
    def corners(self) -> list[tuple[float, float]]:
        """The outermost pixels, from the left upper one on, clockwise."""
        cosine, sine = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        x, y = (self.width - 1) / 2, (self.height - 1) / 2
        return [
            (self.left + x + cosine * right - sine * down, self.top + y + sine * right + cosine * down)
            for right, down in ((-x, -y), (x, -y), (x, y), (-x, y))
        ]


def frames(row: ProcessedRow, scale: float) -> list[Frame]:
    """Crop and face of `row`, as far as it has them; `scale`: px of the copy per px of the picture."""
    boxes = (
        ("crop", row.crop_left, row.crop_top, row.crop_right, row.crop_bottom, row.crop_angle or 0.0),
        ("face", row.face_left, row.face_top, row.face_right, row.face_bottom, 0.0),
    )
    return [
        Frame(kind, left * scale, top * scale, (right - left) * scale, (bottom - top) * scale, angle)
        for kind, left, top, right, bottom, angle in boxes
        if left is not None and top is not None and right is not None and bottom is not None
    ]
