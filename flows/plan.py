"""What a run would do now, stage by stage: told from files alone, changing nothing, asking nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows import console, estimates, summaries
from flows.estimates import NOTHING, Cost
from flows.orders import Order, Stage, now
from models import trainer
from pipeline.acquire import acquire as acquisition
from pipeline.curate import curate as curation
from pipeline.errors import MissingInput


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of one source, dataset or run."""

    stage: Stage
    what: str  # KIND/COLLECTION, dataset or run
    done: bool  # nothing to do: `cached`
    why: str
    known: int | None  # pictures there already
    todo: int | None  # pictures to fetch or to compute; None where nobody can know
    cost: Cost

    @property
    def state(self) -> str:
        return "cached" if self.done else "to do"


def steps(order: Order) -> list[Step]:
    """The stages of a run in their order."""
    acquired = list(_acquire(order))
    to_fetch = [step.todo for step in acquired]
    curated = curate(order, coming=None if None in to_fetch else sum(todo or 0 for todo in to_fetch))
    trained = train(order, new_dataset=not all(step.done for step in [*acquired, curated]))
    return [*acquired, curated, trained, report(order, trained)]


def _acquire(order: Order) -> Iterator[Step]:
    forced = "acquire" in order.force
    for spec in order.recipe.sources:
        outlook = acquisition.outlook(spec, order.data, now=now)
        done = outlook.done and not forced
        todo = outlook.to_fetch if outlook.known else spec.limit  # never listed: as many as asked for
        yield Step(
            stage="acquire",
            what=summaries.place(spec),
            done=done,
            why=_why(outlook.done, outlook.why, forced),
            known=outlook.known,
            todo=todo,
            cost=NOTHING if done else estimates.fetching(order.data, spec, todo),
        )


def curate(order: Order, *, coming: int | None = 0) -> Step:
    """`coming`: pictures that are to be fetched before; None where nobody knows how many."""
    recipe, forced = order.recipe, "curate" in order.force
    try:
        outlook = curation.outlook(recipe.curate, recipe.name, recipe.selections, order.data)
    except MissingInput:  # nothing fetched yet
        outlook = curation.Outlook(False, "", 0, 0, "never curated")
    known = outlook.rows if forced else outlook.to_compute
    todo = None if coming is None else known + coming
    why = _why(outlook.done, outlook.why, forced)
    return Step(
        stage="curate",
        what=recipe.name,
        done=outlook.done and not forced,
        why=why if coming == 0 else f"{why}; then what is fetched",
        known=outlook.rows,
        todo=todo,
        cost=Cost() if todo is None else estimates.curating(order.data, recipe.curate, todo),
    )


def train(order: Order, *, new_dataset: bool = False) -> Step:
    recipe, forced = order.recipe, "train" in order.force
    outlook = trainer.outlook(recipe.train, recipe.name, order.data)
    why = _why(outlook.done, outlook.why, forced)
    if new_dataset:
        why = f"{why}; anew if the dataset changes" if outlook.folder else "waits for the dataset"
    return Step(
        stage="train",
        what=outlook.folder.name if outlook.folder else recipe.name,
        done=outlook.done and not forced,
        why=why,
        known=None,
        todo=None,
        cost=NOTHING if outlook.done and not forced else estimates.training(order.data, recipe, fresh=forced),
    )


def report(order: Order, trained: Step) -> Step:
    written = (order.data / "runs" / trained.what / "report.html").exists()
    done = trained.done and written and "report" not in order.force
    why = "written" if done else "after training" if not trained.done else "not written yet"
    return Step("report", trained.what, done, why, None, None, NOTHING)


def _why(done: bool, why: str, forced: bool) -> str:
    return f"forced ({why})" if forced and done else why


def as_json(order: Order, steps: Sequence[Step]) -> dict[str, Any]:
    return {
        "recipe": order.recipe.name,
        "data": str(order.data),
        "done": all(step.done for step in steps),
        "stages": [asdict(step) | {"state": step.state} for step in steps],
        "seconds": sum(step.cost.seconds or 0 for step in steps),  # as far as they are known
        "bytes": sum(step.cost.bytes or 0 for step in steps),
    }


def as_text(order: Order, steps: Sequence[Step]) -> str:
    rows = [("stage", "what", "state", "known", "to do", "time", "disk", "why")]
    rows += [
        (
            step.stage,
            step.what,
            step.state,
            "" if step.known is None else f"{step.known:,}",
            "" if step.todo is None else f"{step.todo:,}",
            _sum([step.cost.seconds], console.duration),
            _sum([step.cost.bytes], console.size),
            step.why,
        )
        for step in steps
    ]
    time = _sum([step.cost.seconds for step in steps], console.duration)
    disk = _sum([step.cost.bytes for step in steps], console.size)
    rows.append(("", "", "", "", "in all", time, disk, ""))
    return f"{order.recipe.name} on {order.data}\n{console.aligned(rows)}"


def _sum(parts: Sequence[float | None], words: Callable[[float], str]) -> str:
    """`≥` where some parts are not known, `?` where none is."""
    known = [part for part in parts if part is not None]
    if not known:
        return "?"
    return words(sum(known)) if len(known) == len(parts) else f"≥ {words(sum(known))}"
