"""Curation against what a user would run instead, and against doing it all again.

usage: curate.py --baseline PATH/crop_baseline.py --pictures DIR [--sets portraits] [--rounds 2]

The baseline is a script IN_DIR OUT_DIR that prints "N pictures/s  K of N with a face". DIR holds the
sets that both curate, by turns, so that both see the same machine, and clothing128/.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from pipeline.curate.config import CurateConfig
from pipeline.records import RawRow, Selection


def fetched(data: Path, folder: Path, limit: int | None = None) -> Selection:
    """`folder` as acquisition leaves it, on disk and all, without the time that acquisition takes."""
    from pipeline import manifest

    collection = manifest.raw_folder(data, "folder", folder.name)
    rows = []
    for path in sorted(folder.iterdir())[:limit]:
        content = path.read_bytes()
        name = hashlib.sha256(content).hexdigest()
        kept = collection / name[:2] / (name + path.suffix)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
        row = dict.fromkeys(field.name for field in dataclasses.fields(RawRow)) | {
            "image_id": name,
            "source": "folder",
            "collection": folder.name,
            "source_id": path.name,
            "item": 0,
            "source_url": path.absolute().as_uri(),
            "fetched_at": dt.datetime.now(dt.UTC),
            "path": kept.relative_to(data).as_posix(),
            "status": "fetched",
            "attempts": 1,
        }
        rows.append(RawRow(**row))
    manifest.write(manifest.table(rows, RawRow), collection / manifest.NAME, {})
    os.sync()
    return Selection("folder", folder.name)


def timed(config: CurateConfig, selections: Sequence[Selection], data: Path) -> tuple[float, int, int]:
    """Seconds, pictures kept, pictures looked at.

    Imports do not count, in no process, as they do not in the baseline; in `from_nothing` they do.
    """
    from pipeline.curate import workers  # here, for every worker imports what this script does
    from pipeline.curate.curate import curate

    deque(workers.run(len, [[0]], 1), 0)
    start = time.perf_counter()
    done = curate(config, "benchmark", selections, data)
    return time.perf_counter() - start, done.kept, done.recomputed


def baseline(script: Path, pictures: Path, out: Path) -> tuple[float, int]:
    """Pictures per second and faces found, as the script says."""
    command = [sys.executable, "-W", "ignore", str(script), str(pictures), str(out)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"([\d.]+) pictures/s +(\d+) of", said)
    if found is None:
        raise SystemExit(f"{script} said {said!r}")
    return float(found[1]), int(found[2])


def from_nothing(config: CurateConfig, selection: Selection, data: Path) -> float:
    """Seconds of a process that imports all it needs and curates."""
    code = (
        "import sys, pathlib\n"
        "from pipeline.curate.config import CurateConfig\n"
        "from pipeline.curate.curate import curate\n"
        "from pipeline.records import Selection\n"
        "one = Selection('folder', sys.argv[2])\n"
        f"curate({config!r}, 'benchmark', [one], pathlib.Path(sys.argv[1]))\n"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, str(data), selection.collection], check=True)
    return time.perf_counter() - start


def against_baseline(script: Path, pictures: Path, rounds: int) -> None:
    total = len(list(pictures.iterdir()))
    config = CurateConfig(crop="face", min_pictures=1)
    ours, theirs, our_wholes, their_wholes = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:  # to the end: after deleting files, new ones are slow
        for turn in range(rounds):
            data = Path(folder) / str(turn)
            seconds, kept, _ = timed(config, [fetched(data, pictures)], data)
            ours.append(total / seconds)
            start = time.perf_counter()
            pace, faces = baseline(script, pictures, Path(folder) / f"baseline-{turn}")
            their_wholes.append(time.perf_counter() - start)
            theirs.append(pace)
            data = Path(folder) / f"from-nothing-{turn}"
            our_wholes.append(from_nothing(config, fetched(data, pictures), data))
            print(f"  curation {ours[-1]:.0f} pictures/s, {kept} kept; baseline {pace:.0f}, {faces} faces")
    ratio = fmean(ours) / fmean(theirs)
    print(f"{pictures.name}, crop = face: {ratio:.1f} x the baseline's pictures per second")
    print(f"the same with the start of both programs: {fmean(their_wholes) / fmean(our_wholes):.1f} x")


def against_itself(clothing: Path) -> None:
    config = CurateConfig(crop="center")
    pictures = len(list(clothing.iterdir()))
    few = pictures // 100
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        first, _, _ = timed(config, [fetched(data, clothing, pictures - few)], data)
        added, _, looked_at = timed(config, [fetched(data, clothing)], data)
        again, _, _ = timed(config, [fetched(data, clothing)], data)
        decided = decision(data)
    print(f"  first curation of {pictures - few}: {first:.1f} s ({(pictures - few) / first:.0f} pictures/s)")
    share = added / (0.02 * first + 1)
    print(f"1 % added ({looked_at} looked at): {added:.2f} s, {share:.2f} x of 2 % of the first plus 1 s")
    print(f"nothing changed: {again:.2f} s; decided in a new process, imports and all: {decided:.2f} s")


def decision(data: Path) -> float:
    """Seconds to find out, from a cold start, that nothing is to be done."""
    code = (
        "import sys, pathlib\n"
        "from pipeline.curate.config import CurateConfig\n"
        "from pipeline.curate.curate import outlook\n"
        "from pipeline.records import Selection\n"
        "config, one = CurateConfig(crop='center'), Selection('folder', 'clothing128')\n"
        "sys.exit(not outlook(config, 'benchmark', [one], pathlib.Path(sys.argv[1])).done)\n"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, str(data)], check=True)
    return time.perf_counter() - start


def options(usage: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    return parser


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", default=["portraits"])
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    from outside import machine  # here, for it imports torch, and every worker imports what this script does

    print(machine())
    for name in args.sets:
        against_baseline(args.baseline, args.pictures / name, args.rounds)
    against_itself(args.pictures / "clothing128")


if __name__ == "__main__":
    main()
