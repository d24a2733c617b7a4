"""The commands of `impasto`, one small function each: in comes what argparse read, out goes the exit code."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows import console, recipes
from flows.orders import Order, now, order
from pipeline import store
from pipeline.errors import ConfigError
from pipeline.records import LISTING_REASONS, PICTURE_REASONS

if TYPE_CHECKING:
    from flows.plan import Step


def run(args: Namespace) -> int:
    from flows import plan, sources

    todo = _order(args, args.force)
    steps = plan.steps(todo)
    if all(step.done for step in steps):
        _say_done(todo, steps)
        _say_where(todo.data / "runs" / steps[-1].what)
        return 0
    sources.check_there(todo.recipe.sources)
    with _prefect(todo.data, verbose=args.verbose):
        from flows.scrape_and_train import scrape_and_train

        result = scrape_and_train(args.recipe, _changes(args), str(todo.data), args.force)
    _say_where(Path(result["run"]))
    return 0


def plan(args: Namespace) -> int:
    from flows import plan as plans

    todo = _order(args, args.force)
    steps = plans.steps(todo)
    console.show(_json(plans.as_json(todo, steps)) if args.json else plans.as_text(todo, steps))
    return 0


def scrape(args: Namespace) -> int:
    """One source by its option, or all of a recipe."""
    from flows import sources

    data, changes = recipes.data_directory(args.data), _changes(args)
    named = {name: value for name in sources.offered() if (value := getattr(args, name, None)) is not None}
    if len(named) + bool(args.recipe) != 1:
        raise ConfigError("scrape", [*named], "name one: a RECIPE, or a source such as --folder DIR")
    if args.recipe and args.limit:
        raise ConfigError("--limit", args.limit, "goes with a single source; here use --set source.limit=N")
    specs = [sources.single(name, value, changes) for name, value in named.items()]
    sources.check_there(specs or _order(args).recipe.sources)
    with _prefect(data, verbose=args.verbose):
        from flows import scrape_account as flows

        if args.recipe:
            flows.scrape(args.recipe, changes, str(data))
        for name, value in named.items():
            flows.scrape_account(name, value, limit=args.limit, data=str(data), overrides=changes)
    return 0


def preprocess(args: Namespace) -> int:
    from flows import plan

    todo = _order(args, ["curate"] if args.force else [])
    step = plan.curate(todo)
    if step.done:
        _say_done(todo, [step])
        return 0
    with _prefect(todo.data, verbose=args.verbose):
        from flows.preprocess import preprocess

        preprocess(args.recipe, _changes(args), str(todo.data), sorted(todo.force))
    return 0


def train(args: Namespace) -> int:
    from flows import plan
    from models import run as runs

    todo = _order(args, ["train"] if args.fresh else [])
    trained = plan.train(todo)
    steps = [trained, plan.report(todo, [trained])]
    if all(step.done for step in steps):
        _say_done(todo, steps)
        _say_where(todo.data / "runs" / trained.what)
        return 0
    runs.find(todo.recipe.train, todo.recipe.name, todo.data)  # raises where there is nothing to train on
    with _prefect(todo.data, verbose=args.verbose):
        from flows.train import train

        result = train(args.recipe, _changes(args), str(todo.data), sorted(todo.force))
    _say_where(Path(result["run"]))
    return 0


def retry(args: Namespace) -> int:
    """Without Prefect: nothing is listed and nothing follows from it by itself."""
    from flows import clients, summaries
    from pipeline.acquire import acquire as acquisition

    todo = _order(args)
    if args.reason not in {None, *PICTURE_REASONS, *LISTING_REASONS}:
        known = ", ".join(sorted(PICTURE_REASONS | LISTING_REASONS))
        raise ConfigError("--reason", args.reason, f"need one of {known}")
    shown = console.for_this_terminal()
    with store.exclusive(todo.data), clients.client(todo.data) as client:
        for spec in todo.recipe.sources:
            where = summaries.place(spec)
            with shown.stage(f"retry {where}") as tick:
                done = acquisition.retry(
                    spec, todo.data, client=client, now=now, reason=args.reason, tick=tick
                )
            shown.say(f"{where}: {summaries.acquired(done)}")
    return 0


def login(args: Namespace) -> int:
    """The password is asked for, handed on and forgotten; what is kept is the session."""
    from getpass import getpass

    from pipeline.acquire import instagram_login

    user = args.user
    if args.browser:
        user, session = instagram_login.login_from_browser(args.browser)
    elif user:
        session = instagram_login.login(
            user,
            ask_password=lambda: getpass(f"Instagram password of {user}: "),
            ask_code=lambda: getpass("Code of the second step: "),
        )
    else:
        raise ConfigError("login", args.site, "name a USER, or the browser to take the session from")
    console.show(f'{session}: session of {user}; use it with source.session = "{user}"')
    return 0


def sample(args: Namespace) -> int:
    from models import run as runs

    folder = runs.named(args.run, recipes.data_directory(args.data))
    from models import sample  # brings torch, which a mistyped name need not wait for

    written = sample.write(folder, Path(args.output), count=args.count, seed=args.seed)
    console.show(str(written))
    return 0


def status(args: Namespace) -> int:
    from flows import status

    data = recipes.data_directory(args.data)
    recipe = recipes.load(args.recipe, _changes(args)) if args.recipe else None
    console.show(_json(status.as_json(data, recipe)) if args.json else status.as_text(data, recipe))
    return 0


def report(args: Namespace) -> int:
    from models import run as runs
    from studio.report import write_report

    data = recipes.data_directory(args.data)
    console.show(str(write_report(runs.named(args.run, data), data)))
    return 0


def _order(args: Namespace, force: Sequence[str] = ()) -> Order:
    return order(args.recipe, _changes(args), args.data, force)


def _changes(args: Namespace) -> dict[str, str]:
    """`--set section.key=value`, as often as it was given; the last of a key counts."""
    changes = {}
    for change in args.set:
        key, equals, value = change.partition("=")
        if not equals:
            raise ConfigError("--set", change, "need section.key=value, e.g. curate.size=64")
        changes[key.strip()] = value.strip()
    return changes


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

    console.show("nothing to do:")
    for step in steps:
        console.show(f"  {step.stage} {step.what}: {step.why}")
        if step.stage == "curate":
            recipe = todo.recipe
            curate(recipe.curate, recipe.name, recipe.selections, todo.data)


def _say_where(run: Path) -> None:
    """Where to look now."""
    grids = sorted((run / "samples").glob("*.png"))
    if grids:
        console.show(f"samples  {grids[-1]}")
    console.show(f"report   {run / 'report.html'}")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, default=str)
