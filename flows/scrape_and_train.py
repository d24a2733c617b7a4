"""The whole way: acquire, curate, train, report."""

from __future__ import annotations

from prefect import flow

from flows import recipes, tasks, turns
from flows.orders import Stage, order
from flows.parameters import NO_CHANGES, NO_STAGES, Overrides
from models import trainer


@flow(name="scrape-and-train", flow_run_name="scrape-and-train {recipe}")
def scrape_and_train(
    recipe: str = "quickstart",
    overrides: Overrides = NO_CHANGES,
    data: str | None = None,
    force: list[Stage] = NO_STAGES,
    dask: str | None = None,
) -> dict[str, str]:
    """Scrape pictures as a recipe says, curate them into a dataset, train a generator on it, report.

    Args:
        recipe: a name in recipes/, or the path of a TOML file
        overrides: recipe keys to change, e.g. {"curate.size": 32}
        data: the data directory; $IMPASTO_DATA or ./data when not given
        force: stages to do again whatever the cache says
        dask: address of a Dask scheduler to curate on, e.g. tcp://10.0.0.1:8786; processes of its own without
    """
    todo = order(recipe, overrides, data, force, dask)
    recipes.with_runs(todo.data)
    if not trainer.outlook(todo.recipe.train, todo.recipe.name, todo.data).done:
        trainer.check(todo.recipe.train, todo.recipe.curate.size, todo.data)  # before a picture is fetched
    with turns.with_data(todo.data):
        tasks.acquire(todo.recipe.sources, todo.data, anew=False, forced="acquire" in todo.force)
        tasks.curate(todo)
        return tasks.report(todo, tasks.train(todo))
