"""What copies of a picture are found by, of many pictures at once: one by one takes four times as long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes
from pipeline.curate.hashes import hashed
from pipeline.curate.signature import Shown, signatures

SMALL = 32  # px, what the perceptual hash sees

_COSINES = np.cos(np.pi / (2 * SMALL) * np.outer(np.arange(8), 2 * np.arange(SMALL) + 1))


@dataclass(frozen=True, slots=True)
class Reduced:
    """A picture, reduced to what its fingerprint is taken from."""

    small: Bytes  # luma, SMALL × SMALL
    shown: Shown


@dataclass(frozen=True, slots=True)
class Fingerprint:
    phash: int  # 64 bits
    signature: bytes  # signature.signatures
    hashes: bytes  # hashes.hashed


def fingerprints(pictures: Sequence[Reduced]) -> list[Fingerprint]:
    if not pictures:
        return []
    phashes = perceptual_hashes(np.stack([one.small for one in pictures]))
    signed = signatures([one.shown for one in pictures])
    return [Fingerprint(*found) for found in zip(phashes, signed, hashed(signed), strict=True)]


def perceptual_hashes(luma: Bytes) -> list[int]:
    """pHash: the signs, about their median, of the 8 × 8 lowest frequencies of the cosine transform.

    `luma` is N × SMALL × SMALL.
    """
    frequencies = (_COSINES @ luma.astype(np.float64) @ _COSINES.T).reshape(-1, 64).round(3)
    median = np.sort(frequencies[:, 1:], axis=1)[:, 31:32]  # the first is the mean, far above all others
    bits: npt.NDArray[np.uint8] = np.packbits(frequencies > median, axis=1)
    return [int.from_bytes(one.tobytes(), "big") for one in bits]
