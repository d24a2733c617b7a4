"""Near duplicates among thousands of known copies, beside imagededup's perceptual hash on the same files.

usage: duplicates.py --pictures DIR [DIR …] [--copies 3000] [--imagededup PYTHON] [--sheet FILE.png]

The pictures of all DIRs and as many copies as asked for lie in one folder; of every kind in copies.py there
are equally many, each of another picture, by dice that fall the same each time. A pair is right if both are
of the same picture. Pairs of pictures that are no copies of ours are counted apart and drawn on the sheet:
real collections hold copies already. PYTHON is the interpreter of an environment with `pip install
imagededup`; its network (`CNN`) fetches weights, so where that cannot be done only its hash is measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from copies import KINDS
from outside import machine
from PIL import Image

from pipeline.curate.decode import Pixels
from pipeline.curate.duplicates import likenesses
from pipeline.curate.facts import PictureFacts, Thumb
from pipeline.curate.look import HANDFUL
from pipeline.curate.quality import measure

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_TIMEOUT_S = 3600
_REFERENCE = """
import json, sys, time
from imagededup import methods
start = time.perf_counter()
method = getattr(methods, sys.argv[2])()
found = method.find_duplicates(image_dir=sys.argv[1])
pairs = [sorted((one, other)) for one in found for other in found[one]]
print(json.dumps({"seconds": time.perf_counter() - start, "pairs": pairs}))
"""

Pairs = set[tuple[str, str]]


def planted(folder: Path, originals: Sequence[Path], copies: int) -> dict[str, tuple[str, str]]:
    """Copies by file name: kind and name of the original, which lies in `folder` too."""
    for at, path in enumerate(originals):
        (folder / _name(at, path)).write_bytes(path.read_bytes())
    dice = random.Random(0)
    made = {}
    for kind, change in KINDS.items():
        for at in dice.sample(range(len(originals)), min(copies // len(KINDS), len(originals))):
            with Image.open(originals[at]) as picture:
                content = change(picture.convert("RGB"), dice)
            name = f"copy-{len(made):05d}.jpg"
            (folder / name).write_bytes(content)
            made[name] = kind, _name(at, originals[at])
    return made


def _name(at: int, path: Path) -> str:
    return f"original-{at:05d}{path.suffix.lower()}"


def ours(folder: Path) -> tuple[Pairs, float, float]:
    """Pairs, seconds of reading and measuring in one process, seconds of comparing."""
    facts, thumbs = [], {}
    start = time.perf_counter()
    paths = sorted(folder.iterdir())
    for some in (paths[at : at + HANDFUL] for at in range(0, len(paths), HANDFUL)):
        pictures = [Pixels(path) for path in some]
        for path, pixels, found in zip(some, pictures, measure(pictures), strict=True):
            known = PictureFacts(path.name, None, pixels.width, pixels.height)
            facts.append(dataclasses.replace(known, signature=found.signature, hashes=found.hashes))
            thumbs[path.name] = [Thumb(path.name, found.thumb)]
    measured = time.perf_counter()
    rows = likenesses(facts, [], lambda _: thumbs)
    pairs = {(min(row.image_id, row.like), max(row.image_id, row.like)) for row in rows if row.like}
    return pairs, measured - start, time.perf_counter() - measured


def theirs(python: Path, method: str, folder: Path) -> tuple[Pairs, float] | None:
    """Pairs and seconds; None where it cannot be run."""
    command = [str(python), "-W", "ignore", "-c", _REFERENCE, str(folder), method]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        print(f"imagededup {method}: not measured ({reason[0]})")
        return None
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    return {(one, other) for one, other in answer["pairs"]}, answer["seconds"]


def judged(pairs: Pairs, made: Mapping[str, tuple[str, str]]) -> tuple[dict[str, float], int, int, Pairs]:
    """Recall by kind; right and wrong pairs with a copy of ours; pairs without one."""
    of = {name: original for name, (_, original) in made.items()}
    hit = {
        kind: [tuple(sorted((name, of[name]))) in pairs for name in made if made[name][0] == kind]
        for kind in KINDS
    }
    unplanted = {pair for pair in pairs if not of.keys() & set(pair)}
    same = {frozenset(pair) for pair in unplanted}  # copies of two that are alike are alike too
    right = wrong = 0
    for one, other in pairs - unplanted:
        names = frozenset((of.get(one, one), of.get(other, other)))
        right, wrong = (right + 1, wrong) if len(names) == 1 or names in same else (right, wrong + 1)
    return {kind: sum(hits) / len(hits) for kind, hits in hit.items()}, right, wrong, unplanted


def table(results: Mapping[str, Pairs], made: Mapping[str, tuple[str, str]]) -> None:
    verdicts = {name: judged(pairs, made) for name, pairs in results.items()}
    print(f"{'recall':24}" + "".join(f"{name:>12}" for name in verdicts))
    for kind in KINDS:
        print(f"{kind:24}" + "".join(f"{recall[kind]:12.3f}" for recall, *_ in verdicts.values()))
    means = (sum(recall.values()) / len(recall) for recall, *_ in verdicts.values())
    print(f"{'all':24}" + "".join(f"{mean:12.3f}" for mean in means))
    precisions = (right / max(1, right + wrong) for _, right, wrong, _ in verdicts.values())
    print(f"{'precision':24}" + "".join(f"{precision:12.4f}" for precision in precisions))
    print(f"{'right and wrong pairs':24}" + "".join(f"{f'{r} {w}':>12}" for _, r, w, _ in verdicts.values()))
    print(f"{'pairs not planted':24}" + "".join(f"{len(rest):12d}" for *_, rest in verdicts.values()))


def drawn(folder: Path, pairs: Iterable[tuple[str, str]], columns: int = 5, side: int = 128) -> Image.Image:
    """Pair beside pair."""
    shown = sorted(pairs)
    canvas = Image.new(
        "RGB", (columns * (2 * side + 12), max(1, -(-len(shown) // columns)) * (side + 4)), "white"
    )
    for at, pair in enumerate(shown):
        for place, name in enumerate(pair):
            with Image.open(folder / name) as picture:
                small = picture.convert("RGB")
            small.thumbnail((side, side))
            canvas.paste(small, (at % columns * (2 * side + 12) + place * side, at // columns * (side + 4)))
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, nargs="+", required=True)
    parser.add_argument("--copies", type=int, default=3000)
    parser.add_argument("--imagededup", type=Path)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    print(machine())
    found = (path for root in args.pictures for path in sorted(root.rglob("*")))
    originals = [path for path in found if path.suffix.lower() in _SUFFIXES]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = planted(folder, originals, args.copies)
        print(f"{len(originals)} pictures and {len(made)} copies of some")
        pairs, measuring, comparing = ours(folder)
        print(f"impasto: {measuring:.1f} s to measure in one process, {comparing:.1f} s to compare")
        results = {"impasto": pairs}
        for method in ("PHash", "CNN") if args.imagededup else ():
            if answer := theirs(args.imagededup, method, folder):
                results[method] = answer[0]
                ratio = answer[1] / (measuring + comparing)
                print(f"imagededup {method}: {answer[1]:.1f} s in its own processes, {ratio:.1f} x ours")
        table(results, made)
        if args.sheet is not None:
            drawn(folder, judged(pairs, made)[3]).save(args.sheet)


if __name__ == "__main__":
    main()
