"""Acquisition of pictures over HTTP against a plain asyncio loop of httpx that keeps nothing.

usage: fetch.py [--pictures 400] [--parallel 4] [--answer-ms 20] [--rounds 3]

A local server answers each request after a fixed time. The loop asks for the same addresses with the same
number of requests open at once, and drops what it gets; `urls` and `wikiart` list, check, store and journal
every picture. Pacing is off for all. They take turns, so that all see the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import functools
import io
import json
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import ClassVar, cast

import httpx
import numpy as np
from PIL import Image

from pipeline.acquire.acquire import acquire
from pipeline.acquire.client import Client
from pipeline.acquire.ledger import Ledger
from pipeline.acquire.manners import Manners
from pipeline.acquire.source import SourceSpec
from pipeline.acquire.urls import UrlsSpec
from pipeline.acquire.wikiart import WikiArtSpec

PAGE = 60


def draw(number: int) -> bytes:
    """A JPEG of 683 x 512 px and some 60 kB, another for each number."""
    coarse = np.random.default_rng(number).integers(0, 256, (96, 128, 3), np.uint8)
    picture = Image.fromarray(coarse).resize((683, 512), Image.Resampling.BICUBIC)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85)
    return content.getvalue()


class Site(asyncio.Protocol):
    """`GET /N.jpg…` gives picture N, any other path a page of the listing; each after `answer_s`."""

    pictures: ClassVar[list[bytes]] = []
    answer_s: ClassVar[float] = 0.0
    address: ClassVar[str] = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            asyncio.get_running_loop().call_later(self.answer_s, self.answer, path)

    def answer(self, path: str) -> None:
        name, jpg, _ = path[1:].partition(".jpg")
        body = self.pictures[int(name)] if jpg else self.page(int(path.partition("page=")[2].split("&")[0]))
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    def page(self, number: int) -> bytes:
        shown = range(len(self.pictures))[(number - 1) * PAGE : number * PAGE]
        items = [{"id": f"{n:024x}", "title": f"No. {n}", "image": f"{self.address}/{n}.jpg"} for n in shown]
        return json.dumps({"Paintings": items or None, "AllPaintingsCount": len(self.pictures)}).encode()


def serve(count: int, answer_s: float, tell: Connection) -> None:
    async def run() -> None:
        Site.pictures = [draw(number) for number in range(count)]
        Site.answer_s = answer_s
        server = await asyncio.get_running_loop().create_server(Site, "127.0.0.1", 0)
        Site.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tell.send(Site.address)
        await server.serve_forever()

    asyncio.run(run())


async def plain(addresses: list[str], parallel: int) -> None:
    seats = asyncio.Semaphore(parallel)

    async def fetch(client: httpx.AsyncClient, address: str) -> None:
        async with seats:
            answer = await client.get(address)
        answer.raise_for_status()

    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=parallel)) as client:
        await asyncio.gather(*(fetch(client, address) for address in addresses))


def ours(spec: SourceSpec, parallel: int, expected: int, folder: Path) -> None:
    """One acquisition into an empty data directory, with ledger and all."""
    data = Path(tempfile.mkdtemp(dir=folder))
    now = functools.partial(dt.datetime.now, dt.UTC)
    client = Client(
        ledger=Ledger(data / "raw" / "ledger.sqlite", now),
        pace=0,
        manners=lambda _: Manners(parallel=parallel),
    )
    done = acquire(spec, data, client=client, now=now)
    client.close()
    if done.fetched != expected:
        raise SystemExit(f"{spec.kind}: {done.fetched} of {expected} pictures arrived")


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(address: str, count: int, parallel: int, rounds: int, folder: Path) -> None:
    class Local(WikiArtSpec):
        site: ClassVar[str] = address

    addresses = [f"{address}/{number}.jpg" for number in range(count)]
    (folder / "list.txt").write_text("\n".join(addresses))
    runs: dict[str, Callable[[], None]] = {
        "httpx": lambda: asyncio.run(plain(addresses, parallel)),
        "urls": lambda: ours(UrlsSpec(path=folder / "list.txt", allow_private=True), parallel, count, folder),
        "wikiart": lambda: ours(Local(genre="all"), parallel, count, folder),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):  # the first, which imports and compiles, is not counted
        for name, run in runs.items():
            took = timed(run)
            if turn:
                seconds[name].append(took)
    pace = {name: count / median(taken) for name, taken in seconds.items()}
    print("  " + ", ".join(f"{name} {per_s:.0f} pictures/s" for name, per_s in pace.items()))
    for name in ("urls", "wikiart"):
        print(f"{name}: {pace[name] / pace['httpx']:.2f} x the pictures per second of httpx")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--parallel", type=int, default=4)
    parser.add_argument("--answer-ms", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")

    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    site = context.Process(target=serve, args=(options.pictures, options.answer_ms / 1000, tell), daemon=True)
    site.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            compare(told.recv(), options.pictures, options.parallel, options.rounds, Path(folder))
    finally:
        site.kill()


if __name__ == "__main__":
    main()
