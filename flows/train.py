"""Training only, from what is in data/processed."""

from __future__ import annotations

from prefect import flow

from flows import recipes, tasks, turns
from flows.orders import Stage, order
from flows.parameters import NO_CHANGES, NO_STAGES, Overrides


@flow(name="train", flow_run_name="train {recipe}")
def train(
    recipe: str = "quickstart",
    overrides: Overrides = NO_CHANGES,
    data: str | None = None,
    force: list[Stage] = NO_STAGES,
) -> dict[str, str]:
    """Train on a recipe's dataset, from the last checkpoint when there is one, and report.

    Args:
        recipe: a name in recipes/, or the path of a TOML file
        overrides: recipe keys to change, e.g. {"train.minutes": 10}
        data: the data directory; $IMPASTO_DATA or ./data when not given
        force: ["train"] starts over; the old run is kept under another name
    """
    todo = order(recipe, overrides, data, force)
    recipes.with_runs(todo.data)
    with turns.with_data(todo.data):
        return tasks.report(todo, tasks.train(todo))
