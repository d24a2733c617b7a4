"""Laying one picture over another: which part of the first is what the second shows.

N pairs at once. A box is (left, top, right, bottom) as fractions of width and height; left > right where the
picture is mirrored.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_STEP = 0.04  # of the box, the most that one step may move or stretch it
_NOISE = 6.0  # grey levels: residuals below weigh fully

Floats = npt.NDArray[np.float32]


def reduced(squares: Floats) -> Floats:
    """N × S × S to N × S/2 × S/2, by means."""
    upper, lower = squares[:, 0::2], squares[:, 1::2]
    rows = upper + lower
    return np.asarray((rows[:, :, 0::2] + rows[:, :, 1::2]) / 4)


def sampled(squares: Floats, boxes: Floats, side: int) -> Floats:
    """N × side × side of what N × 4 `boxes` of N × S × S hold, linear between pixels."""
    x, y = coordinates(boxes, side)
    return np.asarray(
        _shares(y, squares.shape[1]) @ squares @ _shares(x, squares.shape[2]).transpose(0, 2, 1)
    )


def coordinates(boxes: Floats, side: int) -> tuple[Floats, Floats]:
    """Where the pixels of boxes lie: N × side of the picture's width, and of its height."""
    at = ((np.arange(side) + 0.5) / side).astype(np.float32)
    left, top, right, bottom = boxes.T[:, :, None]
    return left + (right - left) * at, top + (bottom - top) * at


def _shares(at: Floats, size: int) -> Floats:
    """N × side × size: what each pixel has of each of a row's pixels."""
    pixels = np.clip(at * size - 0.5, 0, size - 1)
    distances = np.abs(pixels[:, :, None] - np.arange(size, dtype=np.float32))
    return np.asarray(np.maximum(0, 1 - distances))


def refined(squares: Floats, boxes: Floats, shown: Floats, steps: int) -> tuple[Floats, Floats]:
    """`boxes` of `squares` moved and stretched until they show N × S × S `shown`, and what still differs.

    Gauss-Newton over shift, scale, gain and offset at once (Lucas and Kanade 1981), with weights that forgive
    what is not in both, such as a mark. The residuals are those before the last step, N × S × S.
    """
    boxes, side = boxes.copy(), shown.shape[1]
    target = shown.reshape(len(shown), -1, 1)
    middle = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    weights = np.ones_like(target)
    residuals = target
    for _ in range(steps):
        seen = sampled(squares, boxes, side)
        gradients_y, gradients_x = np.gradient(seen * side, axis=(1, 2))
        model = np.empty((*seen.shape, 6), np.float32)
        model[..., 0], model[..., 1] = gradients_x, gradients_x * middle
        model[..., 2], model[..., 3] = gradients_y, gradients_y * middle[:, None]
        model[..., 4], model[..., 5] = seen - seen.mean(axis=(1, 2), keepdims=True), 1
        flat = model.reshape(len(seen), -1, 6)
        weighted = (flat * weights).transpose(0, 2, 1)
        normal = weighted @ flat
        diagonal = np.arange(6)
        normal[:, diagonal, diagonal] = normal[:, diagonal, diagonal] * 1.0005 + 0.01
        fit = np.linalg.solve(normal, weighted @ target)
        residuals = target - flat @ fit
        spread = np.maximum(_NOISE, 2 * np.median(np.abs(residuals), axis=1, keepdims=True))
        weights = 1 / (1 + (residuals / spread) ** 2)
        boxes = _moved(boxes, fit[:, :4, 0] / np.clip(np.abs(fit[:, 4]), 0.3, 3))
    return boxes, residuals.reshape(shown.shape)


def _moved(boxes: Floats, by: Floats) -> Floats:
    """By N × (shift x, stretch x, shift y, stretch y), in sides of the box."""
    x, wider, y, higher = np.clip(by, -_STEP, _STEP).T
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    steps = [
        width * (x - wider / 2),
        height * (y - higher / 2),
        width * (x + wider / 2),
        height * (y + higher / 2),
    ]
    return np.asarray(boxes + np.stack(steps, axis=1))
