"""Acquisition only: one account, artist or folder; or all sources of a recipe."""

from __future__ import annotations

import datetime as dt

from prefect import flow

from flows import recipes, sources, tasks, turns
from flows.orders import order
from flows.parameters import NO_CHANGES, Overrides, SourceName


@flow(name="scrape-account", flow_run_name="scrape-account {source} {account}")
def scrape_account(
    source: SourceName,
    account: str = "",
    *,
    limit: int | None = None,
    since: dt.date | None = None,
    force: bool = False,
    data: str | None = None,
    overrides: Overrides = NO_CHANGES,
) -> None:
    """Fetch what one account, artist, folder … has that is not here yet. Safe to schedule: it lists anew.

    Args:
        source: instagram, wikiart-artist, folder …
        account: the account, the artist's slug, the folder's path …; nothing for gallery
        limit: most pictures
        force: ask even a site that told us to stay away for a while
        since: only posts from this date on, e.g. 2024-01-31
        data: the data directory; $IMPASTO_DATA or ./data when not given
        overrides: other keys of that source, e.g. {"source.session": "my_user_name"}
    """
    given = {"source.limit": limit, "source.since": since}
    changes = {key: value for key, value in given.items() if value is not None} | overrides
    spec, folder = sources.single(source, account, changes), recipes.data_directory(data)
    with turns.with_data(folder):
        tasks.acquire([spec], folder, anew=True, forced=force)


@flow(name="scrape", flow_run_name="scrape {recipe}")
def scrape(
    recipe: str, overrides: Overrides = NO_CHANGES, data: str | None = None, *, force: bool = False
) -> None:
    """The same for every source of a recipe."""
    todo = order(recipe, overrides, data)
    with turns.with_data(todo.data):
        tasks.acquire(todo.recipe.sources, todo.data, anew=True, forced=force)
