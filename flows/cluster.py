"""Shards on a Dask cluster, through prefect-dask: the function that local processes run, unchanged.

Every worker has to see the data directory under the same path, and impasto has to be installed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from pipeline.curate import workers
from pipeline.curate.workers import Runner
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from prefect_dask.task_runners import DaskTaskRunner

J = TypeVar("J")
R = TypeVar("R")
_PATIENCE_S = 10


@contextmanager
def dask(address: str) -> Iterator[Runner]:
    """What `curate` may run its shards by, for as long as the block lasts."""
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise ConfigError("--dask", address, "needs prefect-dask; pip install 'impasto[dask]'") from error
    timeout = {"timeout": _PATIENCE_S}
    runner: DaskTaskRunner = DaskTaskRunner(address=address, client_kwargs=timeout)
    with ExitStack() as stack:
        try:
            stack.enter_context(runner)
            _ = runner.client  # connects
        except (OSError, ValueError) as error:
            raise ConfigError("--dask", address, f"no Dask scheduler answers there ({error})") from error
        yield partial(_run, runner)


def _run(
    runner: DaskTaskRunner, work: Callable[[Sequence[J]], R], jobs: Sequence[J]
) -> Iterator[tuple[Sequence[J], R | None]]:
    from distributed.scheduler import KilledWorker

    processes = len(runner.client.scheduler_info(n_workers=-1)["workers"])
    shards = workers.shards(jobs, max(1, processes))
    # As one call, for Prefect would look for futures in every job of a list.
    futures = [runner.submit(_shard, {"call": partial(work, shard)}) for shard in shards]
    for shard, future in zip(shards, futures, strict=True):
        try:
            made: R = future.result()
        except KilledWorker:  # a picture that kills its process: found out here, where it costs nobody else
            yield from workers.one_by_one(work, shard)
        else:
            yield shard, made


@task(name="shard", cache_policy=NO_CACHE, persist_result=False)
def _shard(call: Callable[[], Any]) -> Any:
    return call()
