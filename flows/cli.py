"""The command line: `impasto COMMAND`. Errors become one line and an exit code here, and only here.

Everything heavy is imported by the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from flows import commands, console, describe, doctor, errands, recipes, sources
from flows.orders import STAGES
from models.errors import TrainingError
from pipeline.errors import ImpastoError, SourceRefused

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Option:
    flags: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    run: Callable[[argparse.Namespace], int]
    help: str
    options: tuple[Option, ...]


def _option(*flags: str, **settings: Any) -> Option:
    return Option(flags, settings)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: need a whole number of 1 or more")
    return int(text)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: need a whole number of 0 or more")
    return int(text)


def _above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: need a number above 0, e.g. 1.5")
    return value


_RECIPE = _option("recipe", metavar="RECIPE", help="name in recipes/, or path of a TOML file")
_OR_QUICKSTART = _option(
    "recipe",
    metavar="RECIPE",
    nargs="?",
    default=recipes.DEFAULT,
    help="default: quickstart, without a network",
)
_OR_SOURCE = _option("recipe", metavar="RECIPE", nargs="?", help="all sources of a recipe, or one source:")
_OR_ALL = _option("recipe", metavar="RECIPE", nargs="?", help="default: all there is in the data directory")
_RUN = _option("run", metavar="RUN", help="name or path of a run's folder")
_SOURCES = tuple(
    _option(f"--{name}", dest=name, metavar=key.upper(), help=f"from {kind}, by {key}")
    for name, (kind, key) in sources.offered().items()
    if key
)
_LIMIT = _option("--limit", metavar="N", type=_count, help="most pictures from that source")
_SINCE = _option("--since", metavar="DATE", help="only posts from that day on, e.g. 2024-01-31 (Instagram)")
_ASK = _option("--force", action="store_true", help="ask even a site that told us to stay away for a while")
_STAGE = _option(
    "--force",
    metavar="STAGE",
    action="append",
    default=[],
    choices=STAGES,
    help=f"do again: {', '.join(STAGES)}",
)
_AGAIN = _option("--force", action="store_true", help="curate again, changed or not")
_FRESH = _option("--fresh", action="store_true", help="start over; the old run keeps its folder as .1, .2 …")
_OUTPUT = _option(
    "-o", dest="output", metavar="FILE", required=True, help="a .png grid, a .gif or .mp4 walk, or DIR/"
)
_NUMBER = _option(
    "-n", dest="count", metavar="N", type=_count, help="how many (default: 64; a walk through 8)"
)
_NETWORK = _option("network", metavar="NETWORK", help="as in train.network, e.g. dcgan")
_SIZE = _option("--size", metavar="N", type=_count, help="side of the pictures in px (default: 64)")
_SEED = _option(
    "--seed", metavar="N", type=_whole, default=0, help="other numbers, other pictures (default: 0)"
)
_TRUNCATION = _option(
    "--truncation",
    metavar="T",
    type=_above_zero,
    help="keep latent points within ± T, e.g. 1.5: fewer odd pictures, less variety",
)
_ARITHMETIC = _option(
    "--arithmetic",
    metavar="SUM",
    help="a sheet of mean A − mean B + mean C, by seeds or SEED:NUMBER: '1,2,3 - 4,5,6 + 7,8,0:17'",
)
_REASON = _option("--reason", metavar="SLUG", help="only what failed for this reason, e.g. timeout")
_URL = _option(
    "--url", metavar="URL", action="append", default=[], help="address of a picture or of its page"
)
_AUTHOR = _option("--author", metavar="NAME", action="append", default=[], help="as the manifest has it")
_IMAGE = _option(
    "--image", metavar="IMAGE", action="append", default=[], help="its image_id (8 or more digits)"
)
_FROM_ALL = _option("recipe", metavar="RECIPE", nargs="?", help="default: from all sources there are")
_PICTURES = _option(
    "image",
    metavar="IMAGE",
    nargs="+",
    help="its number in the dataset, image_id (8 or more digits) or source_id",
)
_UNDO = _option("--undo", action="store_true", help="take the decision back")
_SHEETS = _option(
    "-o", dest="output", metavar="DIR", help="where to (default: contact/NAME in the data directory)"
)
_PROGRAM = _option("-o", dest="output", metavar="FILE", required=True, help=".onnx, or .pt for TorchScript")
_SITE = _option("site", metavar="SITE", choices=["instagram"], help="instagram")
_USER = _option("user", metavar="USER", nargs="?", help="whose password is then asked for")
_BROWSER = _option("--browser", metavar="NAME", help="take over the session of firefox, chrome … instead")
_SET = _option("--set", metavar="KEY=VALUE", action="append", default=[], help="change a key: curate.size=32")
_DATA = _option(
    "--data",
    metavar="DIR",
    help="data directory, or s3://… for pictures (default: $IMPASTO_DATA, else ./data)",
)
_JSON = _option("--json", action="store_true", help="for programs")
_DASK = _option("--dask", metavar="ADDRESS", help="curate on the Dask cluster of this scheduler: tcp://…")
_VERBOSE = _option("--verbose", action="store_true", help="show what Prefect says, too")
_HOW = (_SET, _DATA, _VERBOSE)

COMMANDS = {
    "run": Command(commands.run, "scrape, curate, train and report", (_OR_QUICKSTART, _STAGE, _DASK, *_HOW)),
    "plan": Command(
        commands.plan, "show what run would do, and do nothing", (_OR_QUICKSTART, _STAGE, _SET, _DATA, _JSON)
    ),
    "scrape": Command(
        commands.scrape, "fetch only; always lists anew", (_OR_SOURCE, *_SOURCES, _LIMIT, _SINCE, _ASK, *_HOW)
    ),
    "preprocess": Command(commands.preprocess, "curate what was fetched", (_RECIPE, _AGAIN, _DASK, *_HOW)),
    "train": Command(commands.train, "train on what was curated, or go on", (_RECIPE, _FRESH, *_HOW)),
    "doctor": Command(
        doctor.doctor, "tell what a training would suffer from, and what it takes", (_RECIPE, _SET, _DATA)
    ),
    "retry": Command(errands.retry, "fetch again what failed", (_RECIPE, _REASON, _SET, _DATA)),
    "forget": Command(
        errands.forget, "take pictures out for good", (_FROM_ALL, _URL, _AUTHOR, _IMAGE, _DATA)
    ),
    "contact": Command(
        errands.contact, "draw sheets of what was kept and of every reason", (_RECIPE, _SHEETS, _DATA)
    ),
    "keep": Command(
        errands.keep, "keep pictures whatever rule they break", (_RECIPE, _PICTURES, _UNDO, _DATA)
    ),
    "drop": Command(errands.drop, "drop pictures and their copies", (_RECIPE, _PICTURES, _UNDO, _DATA)),
    "login": Command(errands.login, "make a session file, once", (_SITE, _USER, _BROWSER)),
    "sample": Command(
        errands.sample, "make pictures", (_RUN, _NUMBER, _OUTPUT, _SEED, _TRUNCATION, _ARITHMETIC, _DATA)
    ),
    "describe": Command(describe.describe, "tell a network's layers", (_NETWORK, _SIZE, _SET)),
    "features": Command(errands.features, "write what a run's discriminator sees", (_RUN, _DATA)),
    "export": Command(errands.export, "write a generator for other programs", (_RUN, _PROGRAM, _DATA)),
    "status": Command(errands.status, "count what there is", (_OR_ALL, _SET, _DATA, _JSON)),
    "report": Command(errands.report, "write a run's report.html again", (_RUN, _DATA)),
}


# What works where the data directory is an address, too; the rest needs a folder of this machine.
_ANYWHERE = frozenset("plan scrape preprocess retry forget contact keep drop status".split())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="impasto", description="From accounts, sites and folders of pictures to a generator.")
    top.add_argument("--version", action="version", version=f"impasto {version('impasto')}")
    names = top.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, command in COMMANDS.items():
        sub = names.add_parser(
            name, help=command.help, description=f"impasto {name}: {command.help}.", allow_abbrev=False
        )
        for option in command.options:
            sub.add_argument(*option.flags, **option.settings)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit codes are those of errors.py, and 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args(arguments)
    try:
        if "data" in args and args.command not in _ANYWHERE:
            recipes.with_runs(recipes.data_directory(args.data))
        return COMMANDS[args.command].run(args)
    except (ImpastoError, TrainingError) as error:
        kept = (
            "; what was fetched is kept, the same command goes on" if isinstance(error, SourceRefused) else ""
        )
        console.complain(f"impasto: {' '.join(str(error).split())}{kept}")
        return error.exit_code
    except KeyboardInterrupt:
        console.complain(f"interrupted; what was done is kept. {_to_go_on(arguments)}")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough, as in `impasto status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _to_go_on(arguments: Sequence[str]) -> str:
    """The same command, without starting over what was begun; where that is another, both."""
    kept, rest = [], iter(arguments)
    for argument in rest:
        if argument == "--force" and arguments[0] == "run":
            next(rest, None)  # its stage
        elif arguments[0] == "scrape" or argument.partition("=")[0] not in {"--force", "--fresh"}:
            kept.append(argument)  # of scrape, too, whose --force does not start over
    called = sys.argv[0] if Path(sys.argv[0]).name == "impasto" and not shutil.which("impasto") else "impasto"
    again = f"To go on: {shlex.join([called, *kept])}"
    over = "" if kept == list(arguments) else f"; to start over: {shlex.join([called, *arguments])}"
    return again + over


if __name__ == "__main__":
    sys.exit(main())
