"""Scrapes of the local Instagram in processes of their own, killed at chosen requests."""

from __future__ import annotations

import datetime as dt
import random
import signal
import time
from pathlib import Path
from typing import Any

from pipeline.acquire.acquire import acquire
from pipeline.acquire.client import Client
from pipeline.acquire.instagram import InstagramSpec
from pipeline.acquire.ledger import Ledger
from tests.servers.instagram import Instagram, redirected
from tests.servers.processes import PROCESSES


def run(port: int, ca: Path, data: Path, keys: dict[str, Any]) -> None:
    process = _start(port, ca, data, keys)
    process.join(120)
    assert process.exitcode == 0


def run_and_kill(
    site: Instagram,
    port: int,
    ca: Path,
    data: Path,
    keys: dict[str, Any],
    at_request: int,
    dice: random.Random,
) -> None:
    """SIGKILL a moment after so many further requests have come in, the last of which is not answered.

    (A run cannot end before it is killed then, however late this process gets to it.)
    """
    site.held_from = len(site.requests) + at_request
    process = _start(port, ca, data, keys)
    while process.is_alive() and len(site.requests) < site.held_from:
        time.sleep(0.001)
    time.sleep(0.02 * dice.random())
    process.kill()
    process.join()
    site.held_from = None
    assert process.exitcode == -signal.SIGKILL


def _start(port: int, ca: Path, data: Path, keys: dict[str, Any]) -> Any:
    process = PROCESSES.Process(target=_scrape, args=(port, ca, data, keys))
    process.start()
    return process


def _scrape(port: int, ca: Path, data: Path, keys: dict[str, Any]) -> None:
    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    with redirected(port):
        client = Client(ledger=Ledger(data / "raw" / "ledger.sqlite", now), pace=0, ca_bundle=str(ca))
        acquire(InstagramSpec(**keys), data, client=client, now=now, anew=True)
        client.close()
