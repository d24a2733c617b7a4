"""Faces that each detector finds in paintings and photographs, and whether its box holds the head.

usage: faces.py --pictures DIR [--detectors yunet face-recognition]

DIR holds portraits/ (paintings), faces/ (photographs), bonsai/ and shoes/ (no faces: what is found there
counts as false, even half a man's that the border of one bonsai's picture cuts). A detector looks as it does
in curation, in one process; milliseconds are those of reading, decoding and looking. The outside reference is
the package face_recognition.

heads.csv names 100 of the portraits by the sha256 of their bytes: `random.Random(0).sample(names, 100)` of
all 800 names in ascending order, so that no picture was chosen for its head. For each, before any detector
had looked, the box of the most prominent head was read off by eye over a grid of tenths, then drawn on the
picture and corrected, twice: from the chin, or the end of a short beard, to the crown, which under a hat is a
guess; from ear to ear, in a profile from the nose to the back of the head; without wide hair, hats and veils.
In fractions of the upright picture's width and height; empty where no head is to be seen. The eye can be a
hundredth or two off.

A detector's most prominent box, which curation would cut around, holds the head where the centre of the head
lies in it and its area is 1/4 to 4 times the head's. The overlap is intersection over union, of heads that
got a box: a detector that means the face alone, without brow and ears, cannot reach 1.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from outside import machine

from pipeline.curate.decode import Pixels
from pipeline.curate.faces import DETECTORS, Detector, by_prominence
from pipeline.errors import PictureFault

_FOLDERS = ("portraits", "faces", "bonsai", "shoes")
_REFERENCE = "face-recognition"
_HEADS = Path(__file__).with_name("heads.csv")
_AREAS = 0.25, 4.0  # of a box that holds a head, in areas of the head

Box = tuple[float, float, float, float]  # left, top, right, bottom, in fractions of the picture
Seen = dict[Path, Box | None]  # the most prominent face of each picture


@dataclass(frozen=True, slots=True)
class Verdict:
    """One detector's answers about the labelled pictures."""

    heads: int
    held: int
    elsewhere: int  # heads whose picture got a box that does not hold them
    missed: int  # heads whose picture got none
    overlap: float  # mean intersection over union, of heads that got a box
    headless: int
    imagined: int  # boxes in headless pictures


def labelled(pictures: Sequence[Path]) -> dict[Path, Box | None]:
    """Those of `pictures` that have a label: their head, None where there is none to be seen."""
    with _HEADS.open(newline="") as file:
        rows = {row["sha256"]: row for row in csv.DictReader(file)}
    found: dict[Path, Box | None] = {}
    for path in pictures:
        if row := rows.get(hashlib.sha256(path.read_bytes()).hexdigest()):
            left, top, right, bottom = (row[edge] for edge in ("left", "top", "right", "bottom"))
            found[path] = (float(left), float(top), float(right), float(bottom)) if left else None
    return found


def looked(detector: Detector, path: Path) -> Box | None:
    try:
        pixels = Pixels(path)
        faces = by_prominence(detector(pixels), pixels.width, pixels.height)
    except PictureFault:
        return None
    if not faces:
        return None
    left, top, right, bottom = faces[0].box
    return left / pixels.width, top / pixels.height, right / pixels.width, bottom / pixels.height


def area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    left, top, right, bottom = zip(one, other, strict=True)
    both = area((max(left), max(top), min(right), min(bottom)))
    return both / (area(one) + area(other) - both)


def holds(box: Box, head: Box) -> bool:
    x, y = (head[0] + head[2]) / 2, (head[1] + head[3]) / 2
    inside = box[0] <= x <= box[2] and box[1] <= y <= box[3]
    return inside and _AREAS[0] <= area(box) / area(head) <= _AREAS[1]


def judged(heads: Mapping[Path, Box | None], seen: Seen) -> Verdict:
    shown = {path: head for path, head in heads.items() if head is not None}
    pairs = [(box, head) for path, head in shown.items() if (box := seen[path]) is not None]
    held = sum(holds(box, head) for box, head in pairs)
    headless = heads.keys() - shown.keys()
    return Verdict(
        heads=len(shown),
        held=held,
        elsewhere=len(pairs) - held,
        missed=len(shown) - len(pairs),
        overlap=fmean(overlap(box, head) for box, head in pairs) if pairs else 0.0,
        headless=len(headless),
        imagined=sum(seen[path] is not None for path in headless),
    )


def measured(name: str, pictures: Sequence[Path]) -> tuple[Seen, float]:
    """What the detector sees, and milliseconds per picture; making it and its first look do not count."""
    detector = DETECTORS[name].make()
    looked(detector, pictures[0])
    start = time.perf_counter()
    seen = {path: looked(detector, path) for path in pictures}
    return seen, 1000 * (time.perf_counter() - start) / len(pictures)


def found(seen: Seen, *folders: str) -> tuple[int, int]:
    """Pictures of the folders with a face, and all of them."""
    boxes = [box for path, box in seen.items() if path.parent.name in folders]
    return sum(box is not None for box in boxes), len(boxes)


def share(some: int, every: int) -> str:
    return f"{some} of {every}" + (f" ({some / every:.1%})" if every else "")


def column(seen: Seen, milliseconds: float, verdict: Verdict) -> dict[str, str]:
    return {
        "found in portraits": share(*found(seen, "portraits")),
        "found in faces": share(*found(seen, "faces")),
        "false in bonsai and shoes": share(*found(seen, "bonsai", "shoes")),
        "milliseconds per picture": f"{milliseconds:.1f}",
        "labelled heads held": share(verdict.held, verdict.heads),
        "boxes that do not hold them": share(verdict.elsewhere, verdict.heads),
        "heads without a box": share(verdict.missed, verdict.heads),
        "mean overlap with the head": f"{verdict.overlap:.2f}",
        "boxes where there is no head": share(verdict.imagined, verdict.headless),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=["yunet", _REFERENCE])
    args = parser.parse_args()
    print(machine())
    pictures = [path for folder in _FOLDERS for path in sorted((args.pictures / folder).iterdir())]
    heads = labelled(pictures)
    if not heads:
        raise SystemExit(f"{args.pictures}: none of the pictures that {_HEADS.name} labels")
    seen, columns, verdicts = {}, {}, {}
    for name in args.detectors:
        seen[name], milliseconds = measured(name, pictures)
        verdicts[name] = judged(heads, seen[name])
        columns[name] = column(seen[name], milliseconds, verdicts[name])
    print(f"{'':30}" + "".join(f"{name:>24}" for name in columns))
    for row in columns[args.detectors[0]]:
        print(f"{row:30}" + "".join(f"{cells[row]:>24}" for cells in columns.values()))
    for name in [name for name in seen if name != _REFERENCE] if _REFERENCE in seen else ():
        ratio = found(seen[name], "portraits")[0] / max(1, found(seen[_REFERENCE], "portraits")[0])
        held = verdicts[name].held / max(1, verdicts[_REFERENCE].held)
        print(f"{name}: {ratio:.2f} x the portraits of {_REFERENCE}, {held:.2f} x its heads")


if __name__ == "__main__":
    main()
