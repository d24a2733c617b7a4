"""Near duplicates: the same picture re-encoded, resized, lighter, cropped, framed, marked, mirrored, in grey.

Signatures propose (hashes.py), thumbnails decide (verify.py). Only candidates' thumbnails are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.curate.facts import PictureFacts, Thumb
from pipeline.curate.hashes import Candidates, candidates
from pipeline.curate.verify import Flags, Thumbs, alike

VERSION = 2  # bumped when other pairs would be alike
_TILE = 8192  # pictures on each side of the pairs whose thumbnails are in hand: 40 MB
_BLOCK = 512  # pairs of thumbnails at a time
_ASPECT = 0.12  # relative: how much wider or higher a part of one may be shown by the other


@dataclass(frozen=True, slots=True)
class Likeness:
    """One compared picture (`like` null), or one pair of pictures that are alike."""

    image_id: str
    like: str | None
    mirrored: bool = False  # only when one of the two is mirrored


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
    mirrored: dict[tuple[str, str], bool] = {}
    for one, other, flip in _pairs(old + new, len(old), thumbs):
        mirrored[one, other] = mirrored.get((one, other), True) and flip
    return [
        *stays,
        *(Likeness(picture.image_id, None) for picture in new),
        *(Likeness(one, other, flip) for (one, other), flip in sorted(mirrored.items())),
    ]


def _pairs(
    pictures: Sequence[PictureFacts],
    first_new: int,
    thumbs: Callable[[Collection[str]], Mapping[str, Sequence[Thumb]]],
) -> Iterator[tuple[str, str, bool]]:
    """Names of two that are alike, in order, and whether one is mirrored."""
    if first_new == len(pictures):
        return
    signatures = [picture.signature or b"" for picture in pictures]
    proposed = candidates(signatures, [picture.hashes or b"" for picture in pictures], first_new)
    proposed = proposed.of(_same_shape(pictures, proposed))
    tile = proposed.one // _TILE * len(pictures) + proposed.other // _TILE
    for of_tile in (proposed.of(tile == one) for one in np.unique(tile)):
        indices = zip(of_tile.one.tolist(), of_tile.other.tolist(), strict=True)
        names = [(pictures[a].image_id, pictures[b].image_id) for a, b in indices]
        found = thumbs({name for pair in names for name in pair})
        for start in range(0, len(names), _BLOCK):
            rows = slice(start, start + _BLOCK)
            one, other = (
                Thumbs.of([found[name][0].pixels for name in side]) for side in zip(*names[rows], strict=True)
            )
            same = alike(one, other, of_tile.box_one[rows], of_tile.box_other[rows])
            for (a, b), flip, yes in zip(names[rows], of_tile.mirrored[rows], same, strict=True):
                if yes:
                    yield min(a, b), max(a, b), bool(flip)


def _same_shape(pictures: Sequence[PictureFacts], proposed: Candidates) -> Flags:
    """Where the part of the one picture is about as wide for its height as that of the other."""
    shapes = np.log([(picture.width or 1) / (picture.height or 1) for picture in pictures])
    one, other = (
        shapes[index] + np.log(np.abs(box[:, 2] - box[:, 0]) / np.abs(box[:, 3] - box[:, 1]))
        for index, box in ((proposed.one, proposed.box_one), (proposed.other, proposed.box_other))
    )
    return np.asarray(np.abs(one - other) <= _ASPECT)


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
