"""`impasto doctor RECIPE`: what a training would suffer from and what it takes, before it takes it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flows import arguments, console, recipes
from flows.orders import Order

if TYPE_CHECKING:
    from models.doctor import Remark
    from models.outlay import Outlay


def doctor(args: Namespace) -> int:
    """What is to be done is marked with an exclamation mark."""
    from models import doctor as doctors
    from models import run as runs

    todo = arguments.order(args)
    run = runs.find(todo.recipe.train, todo.recipe.name, recipes.with_runs(todo.data))
    remarks = [*outdated(todo), *doctors.examine(run, todo.recipe.curate.dedupe)]
    from models import outlay  # brings torch; what is wrong with the recipe need not wait for it

    taken = outlay.measure(run)
    remarks += [doctors.views(run, taken.steps), *doctors.length(run, taken.steps)]
    remarks.sort(key=lambda one: doctors.TOPICS.index(one.topic))
    rows = [("!" if one.advice else "", one.topic, one.text) for one in remarks]
    console.show(console.aligned([*rows, *(("", *row) for row in _taken(taken))]))
    return 0


def before_training(order: Order) -> Iterator[str]:
    """The lines worth saying where a run starts: only what should be done, and only at its beginning."""
    from models import doctor as doctors
    from models import run as runs

    run = runs.find(order.recipe.train, order.recipe.name, order.data)
    if not run.position()[0]:
        remarks = doctors.examine(run, order.recipe.curate.dedupe)
        yield from (f"{one.topic}: {one.text}" for one in remarks if one.advice)


def after_training(order: Order, pictures_seen: int) -> Iterator[str]:
    from models import doctor as doctors

    yield from (f"{one.topic}: {one.text}" for one in doctors.after(order.recipe.train, pictures_seen))


def outdated(order: Order) -> Iterator[Remark]:
    """Of a dataset that curation would make anew."""
    from flows import plan
    from models.doctor import Remark

    step = plan.curate(order)
    if not step.done and step.known:
        text = f"not as the recipe has them now ({step.why}); `impasto preprocess` first"
        yield Remark("pictures", text, advice=True)


def _taken(taken: Outlay) -> Iterator[tuple[str, str]]:
    if not taken.steps_left:
        ended = f"the run on this dataset has ended after {taken.steps:,} steps"
        yield "time", f"none: {ended}; `impasto train --fresh` starts over"
        return
    pace, left = taken.pictures_per_step / taken.step_s, console.duration(taken.seconds_left)
    yield "time", f"about {left} here for {taken.steps_left:,} steps ({pace:,.0f} pictures/s)"
    yield "disk", f"up to {console.size(taken.bytes_needed)}; {console.size(taken.bytes_free)} are free"
