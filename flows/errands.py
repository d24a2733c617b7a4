"""The commands that need no Prefect: each asks or changes one thing, and nothing follows by itself."""

from __future__ import annotations

import difflib
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from flows import arguments, console, recipes
from flows.orders import now
from pipeline import store
from pipeline.errors import ConfigError, MissingInput
from pipeline.records import LISTING_REASONS, PICTURE_REASONS

_MANY = 256  # pictures from which on making them is worth a line that tells how far it is

if TYPE_CHECKING:
    from pipeline.curate.review import Decision


def retry(args: Namespace) -> int:
    """Only what failed, without listing anything."""
    from flows import clients, summaries
    from pipeline.acquire import acquire as acquisition

    todo = arguments.order(args)
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
            tried = done.fetched or done.failed or done.skipped
            nothing = f"nothing failed{f' with {args.reason}' if args.reason else ''}"
            shown.say(f"{where}: {summaries.acquired(done) if tried else nothing}")
    return 0


def forget(args: Namespace) -> int:
    """Out of raw pictures, datasets and caches; runs that saw them are named, since they cannot unlearn."""
    from models import run as runs
    from pipeline.acquire import forget as raw
    from pipeline.curate import forget as curated

    if not (args.url or args.author or args.image):
        raise ConfigError("forget", args.recipe, "say what: --url URL, --author NAME or --image SHA256")
    data = recipes.data_directory(args.data)
    within = None
    if args.recipe:
        within = {(one.source, one.collection) for one in recipes.load(args.recipe).selections}
    with store.exclusive(data):
        gone = raw.forget(data, urls=args.url, authors=args.author, images=args.image, within=within)
        curated.forget(data, gone.images)
    if not gone.rows and not gone.named:
        near = difflib.get_close_matches((args.author or [""])[0], raw.known_authors(data), n=1, cutoff=0.4)
        hint = f"; did you mean --author {near[0]!r}?" if near else ""
        asked = {"--url": args.url, "--author": args.author, "--image": args.image}
        option, value = next((option, values[0]) for option, values in asked.items() if values)
        raise ConfigError(option, value, f"no picture here has that{hint}")
    done = f"pictures forgotten: {gone.rows:,}" if gone.rows else "forgotten before"
    console.show(f"{done}; no later run fetches them again")
    for run in runs.trained_on(data, gone.named):
        console.show(f"trained on them: {run} (its weights, samples and report keep what it saw; delete it)")
    return 0


def keep(args: Namespace) -> int:
    """Whatever rule it breaks."""
    return _decide(args, "keep")


def drop(args: Namespace) -> int:
    """And its copies with it."""
    return _decide(args, "drop")


def _decide(args: Namespace, decision: Decision) -> int:
    from pipeline.curate import review

    data, name = recipes.data_directory(args.data), recipes.load(args.recipe).name
    with store.exclusive(data):
        ids = review.decide(data, name, args.image, None if args.undo else decision)
    done = "decision taken back" if args.undo else decision
    for image_id in ids:
        console.show(f"{done}: {image_id}")
    console.show(f"`impasto preprocess {args.recipe}` applies it")
    return 0


def contact(args: Namespace) -> int:
    from studio import contact

    data, name = recipes.data_directory(args.data), recipes.load(args.recipe).name
    for page in contact.write(data, name, Path(args.output or store.near(data) / "contact" / name)):
        console.show(str(page))
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
    from models import arithmetic, sample  # bring torch, which a mistyped name need not wait for

    output, tamed = Path(args.output), args.truncation
    if tamed is not None and tamed < 1:
        console.complain(f"--truncation {tamed:g}: below 1 all pictures come near one average and turn pale")
    try:
        if args.arithmetic is not None:
            arithmetic.write(folder, args.arithmetic, output, truncation=tamed)
        else:
            many = (args.count or 0) > _MANY
            with console.for_this_terminal().stage("sample") if many else nullcontext(_unheard) as tick:
                sample.write(folder, output, count=args.count, seed=args.seed, truncation=tamed, tick=tick)
    except OSError as error:
        raise MissingInput(f"{output}: cannot be written ({error.strerror})") from error
    console.show(str(output))
    return 0


def _unheard(_done: int, _total: int | None) -> None:
    pass


def features(args: Namespace) -> int:
    """Of the pictures that the run saw."""
    from models import run as runs

    data = recipes.data_directory(args.data)
    folder = runs.named(args.run, data)
    from models import representation

    console.show(str(representation.write(folder, data)))
    return 0


def export(args: Namespace) -> int:
    from models import run as runs

    folder = runs.named(args.run, recipes.data_directory(args.data))
    from models import export

    console.show(str(export.export(folder, Path(args.output))))
    return 0


def status(args: Namespace) -> int:
    from flows import status

    data = recipes.data_directory(args.data)
    recipe = recipes.load(args.recipe, arguments.changes(args)) if args.recipe else None
    if args.json:
        console.show_json(status.as_json(data, recipe))
    else:
        console.show(status.as_text(data, recipe))
    return 0


def report(args: Namespace) -> int:
    from models import run as runs
    from studio.report import write_report

    data = recipes.data_directory(args.data)
    console.show(str(write_report(runs.named(args.run, data), data)))
    return 0
