"""Near duplicates: the same picture re-encoded, resized, a little brighter.

A hash proposes, pixels decide. The 64-bit perceptual hash finds candidates; a pair is alike when their
thumbnails, brought to the same mean and contrast, differ nowhere by much. The greatest difference counts,
not the average: pictures of one series (and composed ones) differ in one small place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.curate.facts import PictureFacts, Thumb
from pipeline.curate.quality import THUMB_SIDE

VERSION = 1  # bumped when other pairs would be alike
_RADIUS = 8  # bits of 64: of 1,178 copies, re-encoded at 50 to 85 % of the size, all but one lie within 4
_ASPECT = 0.05  # relative
# Grey levels, in a 2 × 2 block of the thumbnail. 99.4 % of those copies stay below; the closest two of 7,115
# different photographs and paintings differ by 37, composed cats with different mouths by more in 9 of 10.
_DIFFERENCE = 14.0
_OF_CONTRAST = 0.7  # and of the standard deviation, for pictures with hardly any
_CONTRASTS = 2.0  # greatest ratio
_MEANS = 64.0  # grey levels, greatest distance
_BLOCK = 1024  # rows of hashes, or pairs of thumbnails, at a time

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Likeness:
    """One compared picture (`like` null), or one pair of pictures that are alike."""

    image_id: str
    like: str | None


def likenesses(
    pictures: Sequence[PictureFacts],
    known: Iterable[Likeness],
    thumbs: Callable[[Collection[str]], Mapping[str, Sequence[Thumb]]],
) -> list[Likeness]:
    """All that holds among `pictures`, given what is `known` of some: only new ones are compared."""
    ids = {picture.image_id for picture in pictures}
    stays = [row for row in known if row.image_id in ids and (row.like is None or row.like in ids)]
    compared = {row.image_id for row in stays if row.like is None}
    old = [picture for picture in pictures if picture.image_id in compared]
    new = [picture for picture in pictures if picture.image_id not in compared]
    names = [picture.image_id for picture in old + new]
    pairs = [(names[one], names[other]) for one, other in candidates(old + new, len(old)).tolist()]
    found = thumbs({name for pair in pairs for name in pair}) if pairs else {}
    alike = verified([(found[one][0].rgb, found[other][0].rgb) for one, other in pairs])
    return [
        *stays,
        *(Likeness(picture.image_id, None) for picture in new),
        *(Likeness(one, other) for (one, other), same in zip(pairs, alike, strict=True) if same),
    ]


def candidates(pictures: Sequence[PictureFacts], first_new: int) -> Indices:
    """Pairs (N × 2 indices) whose hashes are near and whose shapes are the same; one at least is new."""
    hashes = np.array([picture.phash for picture in pictures], np.uint64)
    shapes = np.log([(picture.width or 1) / (picture.height or 1) for picture in pictures])
    found = [np.empty((0, 2), np.intp)]
    for start in range(first_new, len(hashes), _BLOCK):
        rows = slice(start, start + _BLOCK)
        near = np.bitwise_count(hashes[rows, None] ^ hashes[None, : rows.stop]) <= _RADIUS
        pairs = np.argwhere(near) + np.array((start, 0))
        pairs = pairs[pairs[:, 1] < pairs[:, 0]]
        found.append(pairs[np.abs(shapes[pairs[:, 0]] - shapes[pairs[:, 1]]) <= _ASPECT])
    return np.concatenate(found)


def verified(pairs: Sequence[tuple[bytes, bytes]]) -> list[bool]:
    alike: list[bool] = []
    for start in range(0, len(pairs), _BLOCK):
        block = pairs[start : start + _BLOCK]
        one, other = (np.frombuffer(b"".join(side), np.uint8) for side in zip(*block, strict=True))
        alike += _alike(one.reshape(len(block), -1), other.reshape(len(block), -1)).tolist()
    return alike


def _alike(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Row by row, over N × (THUMB_SIDE × THUMB_SIDE × 3) values."""
    (a, a_mean, a_contrast), (b, b_mean, b_contrast) = _standardised(one), _standardised(other)
    contrast = np.sqrt(a_contrast * b_contrast)
    blocks = ((a - b) * contrast).reshape(len(a), THUMB_SIDE // 2, 2, THUMB_SIDE // 2, 2 * 3)
    difference = np.sqrt((blocks**2).mean(axis=(2, 4))).max(axis=(1, 2))
    ratio = np.maximum(a_contrast, b_contrast) / np.minimum(a_contrast, b_contrast)
    return np.asarray(
        (difference <= np.minimum(_DIFFERENCE, _OF_CONTRAST * contrast[:, 0]))
        & (ratio[:, 0] <= _CONTRASTS)
        & (np.abs(a_mean - b_mean)[:, 0] <= _MEANS)
    )


def _standardised(values: npt.NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    floats = values.astype(np.float32)
    mean = floats.mean(axis=1, keepdims=True)
    contrast = np.maximum(floats.std(axis=1, keepdims=True), 1.0)
    return (floats - mean) / contrast, mean, contrast


def kept_instead(pictures: Sequence[PictureFacts], pairs: Iterable[Likeness]) -> dict[str, str]:
    """For every picture that is not to be kept beside the others, the kept one that it is like.

    The largest original is kept, of equals the first. A name given is always that of a kept picture, and
    no two kept ones are alike.
    """
    alike: dict[str, set[str]] = {}
    for pair in pairs:
        if pair.like is not None:
            alike.setdefault(pair.image_id, set()).add(pair.like)
            alike.setdefault(pair.like, set()).add(pair.image_id)
    instead: dict[str, str] = {}
    kept: dict[str, int] = {}  # to its rank
    for picture in sorted(pictures, key=lambda picture: -(picture.width or 0) * (picture.height or 0)):
        better = alike.get(picture.image_id, set()) & kept.keys()
        if better:
            instead[picture.image_id] = min(better, key=kept.__getitem__)
        else:
            kept[picture.image_id] = len(kept)
    return instead
