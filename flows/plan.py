"""What a run would do now, stage by stage: told from files alone, changing nothing, asking nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows import console, estimates, sources, summaries
from flows.estimates import NOTHING, Cost
from flows.orders import Order, Stage, now
from models import trainer
from models.errors import TrainingError
from pipeline import manifest, store
from pipeline.acquire import acquire as acquisition
from pipeline.curate import curate as curation
from pipeline.errors import MissingInput
from pipeline.records import ProcessedRow


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
    before: list[Step] = list(_acquire(order))
    runs = (train, report) if store.is_local(order.data) else ()  # elsewhere there are none
    for stage in (curate, *runs):
        before.append(stage(order, before))
    return before


def _acquire(order: Order) -> Iterator[Step]:
    forced = "acquire" in order.force
    for spec in order.recipe.sources:
        outlook = acquisition.outlook(spec, order.data, now=now)
        done = outlook.done and not forced
        gone = sources.missing(spec)
        todo = outlook.to_fetch if outlook.known or done else spec.limit  # never listed: as many as asked for
        yield Step(
            stage="acquire",
            what=summaries.place(spec),
            done=done,
            why=f"{gone}: no such file or folder" if gone else _why(outlook.done, outlook.why, forced),
            known=outlook.known,
            todo=todo,
            cost=NOTHING if done else estimates.fetching(order.data, spec, todo),
        )


def curate(order: Order, before: Sequence[Step] = ()) -> Step:
    """`before`: what comes before it in the same run, as for the next ones."""
    recipe, forced = order.recipe, "curate" in order.force
    try:
        outlook = curation.outlook(recipe.curate, recipe.name, recipe.selections, order.data)
    except MissingInput:  # nothing fetched yet
        outlook = curation.Outlook(False, "", 0, 0, "never curated")
    done = outlook.done and not forced
    why = _why(outlook.done, outlook.why, forced)
    if done and (few := _too_few(order)):
        why = few
    coming = [step.todo for step in before]
    todo = None if None in coming else sum(count or 0 for count in coming)
    if todo is not None:
        todo += outlook.rows if forced else outlook.to_compute
    return Step(
        stage="curate",
        what=recipe.name,
        done=done,
        why=why if _all_done(before) else f"{why}; then what is fetched",
        known=outlook.rows,
        todo=todo,
        cost=estimates.curating(order.data, recipe.curate, todo) if todo != 0 else NOTHING,
    )


def train(order: Order, before: Sequence[Step] = ()) -> Step:
    recipe, forced = order.recipe, "train" in order.force
    outlook = trainer.outlook(recipe.train, recipe.name, order.data)
    done = outlook.done and not forced
    why = _why(outlook.done, outlook.why, forced)
    if not done and (missing := _missing(order)):
        why = f"will not start: {missing}"
    elif not _all_done(before):
        why = f"{why}; anew if the dataset changes" if outlook.folder else "waits for the dataset"
    elif not done and (few := _too_few(order)):
        why = f"will not start: {few}"
    return Step(
        stage="train",
        what=outlook.folder.name if outlook.folder else recipe.name,
        done=done,
        why=why,
        known=None,
        todo=None,
        cost=NOTHING if done else estimates.training(order.data, recipe, fresh=forced),
    )


def report(order: Order, before: Sequence[Step]) -> Step:
    """Of the run that the last step before it trains."""
    run = before[-1].what
    written = (order.data / "runs" / run / "report.html").exists()
    done = _all_done(before) and written and "report" not in order.force
    why = "written" if done else "not written yet" if _all_done(before) else "after training"
    return Step("report", run, done, why, None, None, NOTHING)


def _missing(order: Order) -> str | None:
    """What keeps this recipe from being trained here, pictures or none."""
    try:
        trainer.check(order.recipe.train, order.recipe.curate.size, order.data)
    except TrainingError as error:
        return str(error)
    return None


def _too_few(order: Order) -> str | None:
    """What keeps a curated dataset from being trained on."""
    path = manifest.processed_folder(order.data, order.recipe.name) / manifest.NAME
    kept = manifest.read(path, ProcessedRow, ["status"])["status"].to_pylist().count("kept")
    least = order.recipe.curate.min_pictures
    return f"too few to train on: {kept:,} kept, min_pictures is {least:,}" if kept < least else None


def _all_done(steps: Sequence[Step]) -> bool:
    return all(step.done for step in steps)


def _why(done: bool, why: str, forced: bool) -> str:
    return f"forced ({why})" if forced and done else why


def as_json(order: Order, steps: Sequence[Step]) -> dict[str, Any]:
    return {
        "recipe": order.recipe.name,
        "data": str(order.data),
        "done": _all_done(steps),
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
