"""Curation only, from what is in data/raw."""

from __future__ import annotations

from prefect import flow

from flows import tasks, turns
from flows.orders import Stage, order
from flows.parameters import NO_CHANGES, NO_STAGES, Overrides


@flow(name="preprocess", flow_run_name="preprocess {recipe}")
def preprocess(
    recipe: str = "quickstart",
    overrides: Overrides = NO_CHANGES,
    data: str | None = None,
    force: list[Stage] = NO_STAGES,
    dask: str | None = None,
) -> None:
    """Curate the pictures that a recipe's sources have given before; nothing when nothing changed.

    Args:
        recipe: a name in recipes/, or the path of a TOML file
        overrides: recipe keys to change, e.g. {"curate.size": 32}
        data: the data directory; $IMPASTO_DATA or ./data when not given
        force: ["curate"] curates again whatever the cache says
        dask: a Dask scheduler to curate on, e.g. tcp://10.0.0.1:8786; without, processes of its own
    """
    todo = order(recipe, overrides, data, force, dask)
    with turns.with_data(todo.data):
        tasks.curate(todo)
