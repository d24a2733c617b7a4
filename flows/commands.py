"""The commands that run stages, one small function each: in comes what argparse read, out the exit code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows import arguments, console, recipes
from flows.orders import Order
from pipeline import store
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from flows.plan import Step


def run(args: Namespace) -> int:
    from flows import plan, sources

    todo = arguments.order(args, args.force)
    steps = plan.steps(todo)
    if all(step.done for step in steps):
        _say_done(todo, steps)
        _say_where(todo.data / "runs" / steps[-1].what)
        return 0
    sources.check_there(todo.recipe.sources)
    with _prefect(todo.data, verbose=args.verbose):
        from flows.scrape_and_train import scrape_and_train

        result = scrape_and_train(args.recipe, arguments.changes(args), str(todo.data), args.force, todo.dask)
    _say_where(Path(result["run"]))
    return 0


def plan(args: Namespace) -> int:
    from flows import plan as plans

    todo = arguments.order(args, args.force)
    steps = plans.steps(todo)
    if args.json:
        console.show_json(plans.as_json(todo, steps))
    else:
        console.show(plans.as_text(todo, steps))
    return 0


def scrape(args: Namespace) -> int:
    """One source by its option, or all of a recipe."""
    from flows import sources

    data, changes = recipes.data_directory(args.data), arguments.changes(args)
    changes |= {"source.since": args.since} if args.since else {}
    named = {name: value for name in sources.offered() if (value := getattr(args, name, None)) is not None}
    if len(named) + bool(args.recipe) != 1:
        raise ConfigError("scrape", [*named], "name one: a RECIPE, or a source such as --folder DIR")
    if args.recipe and args.limit:
        raise ConfigError("--limit", args.limit, "goes with a single source; here use --set source.limit=N")
    if args.since and not args.instagram:
        raise ConfigError("--since", args.since, "goes with --instagram only")
    specs = [sources.single(name, value, changes) for name, value in named.items()]
    sources.check_there(specs or arguments.order(args).recipe.sources)
    with _prefect(data, verbose=args.verbose):
        from flows import scrape_account as flows

        if args.recipe:
            flows.scrape(args.recipe, changes, str(data), force=args.force)
        for name, value in named.items():
            flows.scrape_account(
                name, value, limit=args.limit, force=args.force, data=str(data), overrides=changes
            )
    return 0


def preprocess(args: Namespace) -> int:
    from flows import plan
    from pipeline.curate import inputs

    todo = arguments.order(args, ["curate"] if args.force else [])
    step = plan.curate(todo)
    if step.done:
        _say_done(todo, [step])
        return 0
    inputs.selected(todo.data, todo.recipe.selections)  # raises where nothing was acquired
    console.show(f"curate {step.what}: {step.why}")
    with _prefect(todo.data, verbose=args.verbose):
        from flows.preprocess import preprocess

        preprocess(args.recipe, arguments.changes(args), str(todo.data), sorted(todo.force), todo.dask)
    return 0


def train(args: Namespace) -> int:
    from flows import doctor, plan
    from models import run as runs

    rank, count = recipes.launched() or (0, 1)
    if count > 1:
        args.set.append(f"train.devices={count}")
    todo = arguments.order(args, ["train"] if args.fresh else [])
    if rank:
        return _help_train(todo)
    for remark in doctor.outdated(todo):
        console.show(f"{remark.topic}: {remark.text}")
    trained = plan.train(todo)
    steps = [trained, plan.report(todo, [trained])]
    if all(step.done for step in steps):
        _say_done(todo, steps)
        _say_where(todo.data / "runs" / trained.what)
        return 0
    runs.find(todo.recipe.train, todo.recipe.name, todo.data)  # raises where there is nothing to train on
    with _prefect(todo.data, verbose=args.verbose):
        from flows.train import train

        result = train(args.recipe, arguments.changes(args), str(todo.data), sorted(todo.force))
    _say_where(Path(result["run"]))
    return 0


def _help_train(todo: Order) -> int:
    """Not the first process of several that were launched: the first one holds the data and shows all."""
    from models import trainer

    trainer.help_train(todo.recipe.train, todo.recipe.name, todo.data, fresh=bool(todo.force))
    return 0


@contextmanager
def _prefect(data: Path, *, verbose: bool) -> Iterator[None]:
    """Within, flows run in this process and are shown on this terminal."""
    from flows import local

    with store.exclusive(data):
        pass  # where another run holds it, say so at once; the flow itself takes it for its time
    local.prepare(verbose=verbose)
    shown = console.for_this_terminal()
    with console.use(shown), ExitStack() as stack:
        with shown.stage("start Prefect"):
            stack.enter_context(local.prefect())
        yield


def _say_done(todo: Order, steps: Sequence[Step]) -> None:
    """Raises TooFewPictures where curation, though done, kept too little."""
    from pipeline.curate.curate import curate

    if any(step.stage == "curate" for step in steps):
        recipe = todo.recipe
        curate(recipe.curate, recipe.name, recipe.selections, todo.data)
    console.show("nothing to do:")
    for step in steps:
        console.show(f"  {step.stage} {step.what}: {step.why}")


def _say_where(run: Path) -> None:
    """Where to look now."""
    grids = sorted((run / "samples").glob("*.png"))
    if grids:
        console.show(f"samples  {grids[-1]}")
    console.show(f"report   {run / 'report.html'}")
