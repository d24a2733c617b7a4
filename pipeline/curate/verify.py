"""Whether two pictures are copies: laid over each other, their thumbnails differ nowhere by much.

The greatest difference counts, not the average: pictures of one series, and composed ones, differ in one
place. Forgiven are light and contrast, a picture without colours, and one small mark that looks like one: all
else being the same, it lies near the border, or it is a line that only darkens or only lightens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.curate.alignment import reduced, refined, sampled
from pipeline.curate.arrays import Bytes, chroma

LUMA_SIDE, CHROMA_SIDE = 64, 16  # px
_FAR = 24.0  # grey levels: more in too many places ends the comparison early
# Side in px, steps of alignment, and in which part of the places at most, before the next stage.
_STAGES = ((16, 1, 0.35), (16, 2, 0.22), (32, 3, 0.14))
_RIM = 0.06  # of a side
_ASIDE = 0.02  # of a side: boxes that are moved by more can never lie quite exactly
# Grey levels that are allowed in a cell, and for each level between neighbouring pixels.
_EXACT, _NEARLY = (5.0, 0.1), (9.0, 0.4)
_CLIPPED = 0.3  # of the brightness, for each part of contrast gained: colours are cut off one by one
_COLOUR, _AT_COLOURS = 16.0, 0.6  # levels of Cb or Cr, and for each level between neighbouring cells
_COLOURS = 0.06  # share of the cells
_GREY = 2.0  # levels: a picture with less on average has no colours
_CELLS = 16  # along a side
_MARK = 26  # cells: 5 % of the area and the cells that it touches
_OUTER, _CORNER = 3, 5  # cells: within which it lies from a border, or from both borders of a corner
_LINE, _THIN = 2, 4  # times longer than wide, and cells of width at most
_ONE_COLOUR = 0.99  # share of a difference that is all lighter, or all darker
_SAME = 1.5  # grey levels, median difference of pictures with a mark
_SHIFT, _GAIN = 70.0, 1.4  # grey levels between means, ratio of contrasts: the greatest of copies

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def thumb(square: Bytes, small: Bytes) -> bytes:
    """Luma of LUMA_SIDE × LUMA_SIDE, then Cb and Cr of `small`, which is RGB, CHROMA_SIDE × CHROMA_SIDE."""
    return square.tobytes() + chroma(small).tobytes()


@dataclass(frozen=True, slots=True)
class Thumbs:
    luma: Floats  # N × LUMA_SIDE × LUMA_SIDE
    chroma: Floats  # N × 2 × CHROMA_SIDE × CHROMA_SIDE, about 0

    @classmethod
    def of(cls, thumbs: Sequence[bytes]) -> Thumbs:
        rows = np.frombuffer(b"".join(thumbs), np.uint8).reshape(len(thumbs), -1).astype(np.float32)
        luma = rows[:, : LUMA_SIDE**2].reshape(-1, LUMA_SIDE, LUMA_SIDE)
        chroma = rows[:, LUMA_SIDE**2 :].reshape(-1, 2, CHROMA_SIDE, CHROMA_SIDE) - 128
        return cls(luma, chroma)

    def at(self, side: int) -> Floats:
        """Luma at LUMA_SIDE, or at a half or a quarter of it."""
        squares = self.luma
        while squares.shape[1] > side:
            squares = reduced(squares)
        return squares

    def rows(self, rows: Flags) -> Thumbs:
        return Thumbs(self.luma[rows], self.chroma[rows])


@dataclass(frozen=True, slots=True)
class Differences:
    """N times, what is left between two pictures laid over each other, in cells of 1/16 of the side."""

    bad: Flags  # N × 16 × 16: cells that differ
    usual: Floats  # grey levels, median of all cells
    lighter: Floats  # 0 to 1: which part of what differs in bad cells is lighter in the second picture
    gain: Floats  # contrast of the one over that of the other
    shift: Floats  # grey levels between the means
    exact: Flags  # both show the whole picture
    colours: Floats  # 0 to 1: share of the cells whose colours differ


def alike(one: Thumbs, other: Thumbs, box_one: Floats, box_other: Floats) -> Flags:
    """Pair by pair; the boxes say where to begin: what each shows of its picture is the same in a copy."""
    found = np.zeros(len(box_one), bool)
    at = np.arange(len(box_one))
    for side, steps, most in _STAGES:
        shown = sampled(other.at(side), box_other, side)
        box_one, residuals = refined(one.at(side), box_one, shown, steps)
        hopeful = (np.abs(residuals[:, 1:-1, 1:-1]) > _FAR).mean(axis=(1, 2)) <= most
        one, other, at = one.rows(hopeful), other.rows(hopeful), at[hopeful]
        box_one, box_other = box_one[hopeful], box_other[hopeful]
        if not len(at):
            return found
    found[at] = verdict(differences(one, other, *trimmed(box_one, box_other)))
    return found


def trimmed(box_one: Floats, box_other: Floats) -> tuple[Floats, Floats]:
    """Without the rim where a border was cut off, for what is left of it is not the picture's."""
    cut = np.abs(box_other - (0, 0, 1, 1)).max(axis=1) > 0.01
    beyond = np.maximum(-box_one.min(axis=1), box_one.max(axis=1) - 1)
    rim = np.where(cut, _RIM, 0) + np.maximum(beyond, 0)

    def less(box: Floats) -> Floats:
        sides = (box[:, 2:] - box[:, :2]) * rim[:, None]
        return np.asarray(box + np.concatenate([sides, -sides], axis=1), np.float32)

    return less(box_one), less(box_other)


def differences(one: Thumbs, other: Thumbs, box_one: Floats, box_other: Floats) -> Differences:
    a = reduced(sampled(one.luma, box_one, LUMA_SIDE))
    b = reduced(sampled(other.luma, box_other, LUMA_SIDE))
    exact = _exact(box_one) & _exact(box_other)
    forth, gain = _explained(b, a)
    back, inverse = _explained(a, b)
    cells_forth, cells_back = _cells(forth, b, gain, exact), _cells(back, a, inverse, exact)
    use = (cells_forth > 1).sum(axis=(1, 2)) <= (cells_back > 1).sum(axis=(1, 2))
    residuals = np.where(use[:, None, None], forth, -back)
    bad = np.where(use[:, None, None], cells_forth, cells_back) > 1
    there = np.where(np.repeat(np.repeat(bad, 2, axis=1), 2, axis=2), residuals, 0)
    more, all_of_it = np.maximum(there, 0).sum(axis=(1, 2)), np.abs(there).sum(axis=(1, 2))
    return Differences(
        bad=bad,
        usual=np.median(np.abs(residuals), axis=(1, 2)),
        lighter=more / np.maximum(all_of_it, 1e-6),
        gain=np.where(use, gain, 1 / inverse),
        shift=np.abs(a.mean(axis=(1, 2)) - b.mean(axis=(1, 2))),
        exact=exact,
        colours=_colours(sampled_chroma(one, box_one), sampled_chroma(other, box_other), bad),
    )


def sampled_chroma(thumbs: Thumbs, boxes: Floats) -> Floats:
    channels = [sampled(thumbs.chroma[:, channel], boxes, CHROMA_SIDE) for channel in (0, 1)]
    return np.stack(channels, axis=1)


def _explained(target: Floats, by: Floats) -> tuple[Floats, Floats]:
    """What of `target` a lighter or darker, stronger or weaker `by` does not explain, and its gain.

    What is black or white in either may have been cut off there.
    """
    x, y = by.reshape(len(by), -1), target.reshape(len(target), -1)
    counts = np.where((y > 6) & (y < 249), 1, 0.001).astype(np.float32)
    weights = counts
    for _ in range(4):
        total = weights.sum(axis=1, keepdims=True)
        mean_x, mean_y = (
            (weights * x).sum(1, keepdims=True) / total,
            (weights * y).sum(1, keepdims=True) / total,
        )
        spread = (weights * (x - mean_x) ** 2).sum(1, keepdims=True) / total
        together = (weights * (x - mean_x) * (y - mean_y)).sum(1, keepdims=True) / total
        gain = np.clip((together + 1) / (spread + 1), 0.4, 2.5)
        left = y - np.clip(gain * (x - mean_x) + mean_y, 0, 255)
        weights = counts / (1 + (left / np.maximum(4, 2 * np.median(np.abs(left), 1, keepdims=True))) ** 2)
    return left.reshape(target.shape), gain[:, 0]


def _exact(boxes: Floats) -> Flags:
    """Which show the whole picture, mirrored or not."""
    upright = np.concatenate([np.sort(boxes[:, 0::2], axis=1), boxes[:, 1::2]], axis=1)
    return np.asarray(np.abs(upright - (0, 1, 0, 1)).max(axis=1) <= _ASIDE)


def _cells(residuals: Floats, picture: Floats, gain: Floats, exact: Flags) -> Floats:
    """By how much cells of 2 × 2 differ, over what is allowed, which is more where the picture has edges."""
    down, across = np.gradient(picture, axis=(1, 2))
    edges = reduced(np.abs(down) + np.abs(across))
    least, at_edges = np.where(exact, *np.array([_EXACT, _NEARLY])[:, :, None])[:, :, None, None]
    clipped = _CLIPPED * np.abs(np.log(gain))[:, None, None] * reduced(picture)
    return np.asarray(np.sqrt(reduced(residuals**2)) / (least + at_edges * edges + clipped))


def _colours(a: Floats, b: Floats, bad: Flags) -> Floats:
    """Share of the cells, but bad ones, with other colours; 0 where one picture has none."""
    gain = (a * b).sum(axis=(1, 2, 3)) / np.maximum((a * a).sum(axis=(1, 2, 3)), 1e-6)
    gain = np.clip(gain, 0.6, 1.6)[:, None, None, None]
    down, across = np.gradient(b, axis=(2, 3))
    allowed = _COLOUR + _AT_COLOURS * (np.abs(down) + np.abs(across))
    other = (np.abs(b - gain * a) > allowed).any(axis=1) & ~bad
    grey = np.minimum(np.abs(a).mean(axis=(1, 2, 3)), np.abs(b).mean(axis=(1, 2, 3))) < _GREY
    return np.where(grey, 0, other.mean(axis=(1, 2)))


def verdict(found: Differences) -> Flags:
    plausible = (
        (found.colours <= _COLOURS) & (found.shift <= _SHIFT) & (np.abs(np.log(found.gain)) <= np.log(_GAIN))
    )
    return np.asarray(plausible & (~found.bad.any(axis=(1, 2)) | marked(found)))


def marked(found: Differences) -> Flags:
    """Where what differs may be a mark: small, at a border, in a corner, or a line of one colour."""
    top, bottom = _ends(np.asarray(found.bad.any(axis=2)))
    left, right = _ends(np.asarray(found.bad.any(axis=1)))
    height, width = bottom - top, right - left
    near_y, near_x = np.minimum(bottom, _CELLS - top), np.minimum(right, _CELLS - left)
    outside = (np.minimum(near_y, near_x) <= _OUTER) | (np.maximum(near_y, near_x) <= _CORNER)
    long, wide = np.maximum(height, width), np.minimum(height, width)
    one_colour = np.maximum(found.lighter, 1 - found.lighter) >= _ONE_COLOUR
    line = (long >= _LINE * wide) & (wide <= _THIN) & one_colour
    small = found.exact & (found.bad.sum(axis=(1, 2)) <= _MARK) & (height * width <= 2 * _MARK)
    return np.asarray(small & (outside | line) & (found.usual <= _SAME))


def _ends(flags: Flags) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Of N × _CELLS: the first that is true, and the one after the last."""
    return flags.argmax(axis=1), _CELLS - flags[:, ::-1].argmax(axis=1)
