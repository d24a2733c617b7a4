"""Each stage as a Prefect task: cached on what its output is made of, retried where a retry can help.

Whether a stage is done is told by its files (the stage's `outlook`), never by Prefect's database; the cache
only spares the call and shows in the UI that nothing was to be done. What Prefect keeps is plain JSON.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import CacheKeyFnPolicy

from flows import artifacts, clients, cluster, console, doctor, rates, summaries, tables, turns
from flows.console import Console, Lines
from flows.orders import Order, now
from models import run as runs
from models import trainer
from models.records import Trained
from pipeline import manifest, store
from pipeline.acquire import acquire as acquisition
from pipeline.acquire.client import Client
from pipeline.acquire.run import Acquired
from pipeline.acquire.source import SourceSpec
from pipeline.curate import curate as curation
from pipeline.curate.curate import Curated
from pipeline.errors import SourceRefused
from studio import report as studio_report

_PASSING = {errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT}


def may_pass(_task: object, _run: object, state: Any) -> bool:
    """Whether the same again may end otherwise: a disk or share that hiccups; our own errors never do.

    What a source does not give is retried by the client, picture by picture and within its manners.
    """
    error = state.result(raise_on_failure=False)
    return isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, OSError) and error.errno in _PASSING
    )


_STAGE: dict[str, Any] = {
    "cache_policy": CacheKeyFnPolicy(cache_key_fn=lambda _context, parameters: parameters["key"]),
    "persist_result": True,
    "result_serializer": "json",
    "retries": 2,
    "retry_delay_seconds": [5, 60],
    "retry_condition_fn": may_pass,
}


def acquire(sources: Sequence[SourceSpec], data: Path, *, anew: bool, forced: bool = False) -> None:
    """Acquire from every source; one that refuses does not keep the others from being asked.

    `anew` lists again however fresh the last listing is; `forced` also asks a host that told us to stay away.
    Raises the first SourceRefused at the end: what was fetched is kept, but nothing is made of half a set.
    """
    refusals = []
    with clients.client(data) as client:
        if forced:
            client.ledger.release()
        for spec in sources:
            try:
                _acquire_one(spec, data, client, anew=anew or forced)
            except SourceRefused as refusal:
                refusals.append(refusal)
                if len(sources) > 1:
                    _console().say(f"{summaries.place(spec)}: {refusal}")
    if refusals:
        raise refusals[0]


def _acquire_one(spec: SourceSpec, data: Path, client: Client, *, anew: bool) -> None:
    where = summaries.place(spec)
    outlook = acquisition.outlook(spec, data, now=now)
    done = outlook.done and not anew
    run = _acquire.with_options(
        task_run_name=f"acquire {where}", refresh_cache=not done, cache_expiration=spec.refresh
    )
    key = _key("acquire", acquisition.VERSION, data, [spec.kind, tables.as_table(spec)])
    with turns.with_site(None if done else spec.host):
        acquired = Acquired(**run(key, spec, data, client, anew))
    _console().say(f"{where}: {outlook.why if done else summaries.acquired(acquired)}")


@task(name="acquire", **_STAGE)
def _acquire(key: str, spec: SourceSpec, data: Path, client: Client, anew: bool) -> dict[str, Any]:  # noqa: ARG001 (key: the cache)
    started = time.monotonic()
    with _console().stage(f"fetch {summaries.place(spec)}") as tick:
        acquired = acquisition.acquire(spec, data, client=client, now=now, anew=anew, tick=tick)
    rates.note(data, f"acquire {spec.kind}", acquired.fetched, time.monotonic() - started)
    return dataclasses.asdict(acquired)


def curate(order: Order) -> None:
    """Curate what the recipe's sources have given; raises TooFewPictures after publishing what there is."""
    recipe, forced = order.recipe, "curate" in order.force
    outlook = curation.outlook(recipe.curate, recipe.name, recipe.selections, order.data)
    done = outlook.done and not forced
    run = _curate.with_options(task_run_name=f"curate {recipe.name}", refresh_cache=not done)
    key = _key(
        "curate", curation.VERSION, order.data, [recipe.name, tables.as_table(recipe.curate), outlook.key]
    )
    try:
        curated = Curated(**run(key, order, forced))
    finally:
        artifacts.counts(order)
    _console().say(f"{recipe.name}: {outlook.why if done else summaries.curated(curated)}")


@task(name="curate", **_STAGE)
def _curate(key: str, order: Order, force: bool) -> dict[str, Any]:  # noqa: ARG001 (key: the cache)
    recipe = order.recipe
    started = time.monotonic()
    where = cluster.dask(order.dask) if order.dask else nullcontext()
    with _console().stage(f"curate {recipe.name}") as tick, where as run:
        curated = curation.curate(
            recipe.curate, recipe.name, recipe.selections, order.data, tick=tick, force=force, run=run
        )
    rates.note(order.data, f"curate {recipe.curate.crop}", curated.recomputed, time.monotonic() - started)
    return dataclasses.asdict(curated)


def train(order: Order) -> Path:
    """Train, from the last checkpoint unless forced to start over; gives the run's folder."""
    recipe = order.recipe
    outlook = trainer.outlook(recipe.train, recipe.name, order.data)
    forced = "train" in order.force and outlook.folder is not None and outlook.folder.exists()
    done = outlook.done and not forced
    run = _train.with_options(task_run_name=f"train {recipe.name}", refresh_cache=not done)
    name = outlook.folder.name if outlook.folder else ""
    key = _key("train", trainer.VERSION, order.data, [name, tables.as_table(recipe.train)])
    result = run(key, order, forced, outlook.folder)
    trained = Trained(**result | {"folder": Path(result["folder"])})
    _console().say(f"{trained.folder.name}: {outlook.why if done else summaries.trained(trained)}")
    for line in doctor.after_training(order, trained.pictures_seen):
        _console().say(line)
    return trained.folder


@task(name="train", **_STAGE)
def _train(key: str, order: Order, fresh: bool, folder: Path | None) -> dict[str, Any]:  # noqa: ARG001 (key: the cache)
    recipe = order.recipe
    if folder is not None:  # without a dataset: training says what is missing
        store.write_text(folder / runs.RECIPE, recipe.to_toml())
    for line in () if folder is None else doctor.before_training(order):
        _console().say(line)
    minutes = recipe.train.minutes
    with _console().stage(f"train {recipe.name}", timed=minutes is not None) as tick:
        told = console.of_training(tick, _console().say, minutes)
        trained = trainer.train(recipe.train, recipe.name, order.data, on_progress=told, fresh=fresh)
    return dataclasses.asdict(trained) | {"folder": str(trained.folder)}


def report(order: Order, folder: Path) -> dict[str, str]:
    """Where the run and its report lie; the report is written again when what it shows has changed."""
    page = folder / studio_report.NAME
    run = _report.with_options(
        task_run_name=f"report {folder.name}", refresh_cache="report" in order.force or not page.exists()
    )
    raw = [manifest.raw_folder(order.data, one.source, one.collection) for one in order.recipe.selections]
    shown = [*raw, manifest.processed_folder(order.data, order.recipe.name)]
    files = [*(one / manifest.NAME for one in shown), folder / "metrics.parquet", folder / runs.RECIPE]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.exists()]
    run(_key("report", studio_report.VERSION, order.data, [folder.name, digests]), folder, order.data)
    artifacts.run(folder, page)
    return {"run": str(folder), "report": str(page)}


@task(name="report", **_STAGE)
def _report(key: str, folder: Path, data: Path) -> str:  # noqa: ARG001 (key: the cache)
    return str(studio_report.write_report(folder, data))


def _key(stage: str, version: int, data: Path, inputs: object) -> str:
    """What a result is remembered by: the stage, the version of its code, and all that goes into it."""
    text = json.dumps([stage, version, str(data), inputs], default=str, sort_keys=True)
    return f"impasto-{stage}-{hashlib.sha256(text.encode()).hexdigest()}"


def _console() -> Console:
    """The command line's; where a worker runs the flow, Prefect's log."""
    return console.current() or Lines(get_run_logger().info)
