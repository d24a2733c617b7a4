"""The processes of a run: this one leads, the others are started here, unless torchrun or accelerate did."""

from __future__ import annotations

import multiprocessing as mp
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from accelerate.utils import patch_environment
from torch.distributed import is_torchelastic_launched

from models.device import choose_device
from models.errors import ConfigError, TrainingError
from models.run import Run
from models.team import Team, join, leave
from models.worker import Worker

_GOODBYE_S = 10.0  # that the others have to end by themselves


@contextmanager
def team(run: Run) -> Iterator[Team]:
    """The team that `run` is to be trained by, this process leading; alone where it has one device.

    Raises ConfigError where the machine has too few devices, TrainingError where one of the others died.
    """
    device, count = choose_device(run.config.device), run.config.devices
    if count == 1:
        yield Team(device)
        return
    _check_there(device, count)
    with _threads_shared(device, count), _others(run) as (others, place):
        leading = None
        try:
            with place:
                leading = join(device, count)
            yield leading
        except RuntimeError as error:
            died = _who_died(others)
            if not died:
                raise
            raise TrainingError(died) from error
        finally:
            if leading is not None:
                leading.dismiss()
            _see_off(others)
            leave()


def follow(run: Run) -> None:
    """Be one of the others, until process 0 says that it is over, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # process 0 hears them, saves, and tells us
        signal.signal(number, signal.SIG_IGN)
    try:
        Worker(run, join(choose_device(run.config.device), run.config.devices)).follow()
    finally:
        leave()


@contextmanager
def _others(run: Run) -> Iterator[tuple[Sequence[BaseProcess], AbstractContextManager[None]]]:
    """The processes started here, all of them ready to join, and the environment in which to join them."""
    if is_torchelastic_launched():
        yield [], nullcontext()
        return
    port, others, signs = _free_port(), [], []
    context = mp.get_context("spawn")  # a fork would inherit CUDA's state and locks of threads
    for rank in range(1, run.config.devices):
        sign, theirs = context.Pipe(duplex=False)
        others.append(
            context.Process(
                target=_help, args=(run, rank, port, torch.get_num_threads(), theirs), daemon=True
            )
        )
        with _found_here():
            others[-1].start()
        theirs.close()
        signs.append(sign)
    try:
        for sign in signs:
            sign.recv()
    except EOFError as error:
        _see_off(others, 0)
        message = "train.devices: another process could not start; what it says is above"
        raise TrainingError(message) from error
    yield others, _place(run, 0, port)


@contextmanager
def _found_here() -> Iterator[None]:
    """A process started within finds this project first, whatever folders lie where the user stands."""
    before = [*sys.path]
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    try:
        yield
    finally:
        sys.path[:] = before


def _help(run: Run, rank: int, port: int, threads: int, sign: Connection) -> None:
    torch.set_num_threads(threads)
    sign.send(rank)
    with _place(run, rank, port):
        follow(run)


def _place(run: Run, rank: int, port: int) -> AbstractContextManager[None]:
    """The environment as torchrun would set it."""
    loopback = {"gloo_socket_ifname": "lo"} if "lo" in {name for _, name in socket.if_nameindex()} else {}
    count = run.config.devices
    place: AbstractContextManager[None] = patch_environment(
        rank=rank, local_rank=rank, world_size=count, local_world_size=count, master_addr="127.0.0.1",
        master_port=port, omp_num_threads=torch.get_num_threads(), **loopback,
    )  # fmt: skip
    return place


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


@contextmanager
def _threads_shared(device: torch.device, count: int) -> Iterator[None]:
    """On a processor every process has its part of the cores."""
    before = torch.get_num_threads()
    if device.type == "cpu" and not is_torchelastic_launched():
        torch.set_num_threads(max(1, before // count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_there(device: torch.device, count: int) -> None:
    there = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device.type, count)
    if count > there and not is_torchelastic_launched():
        rule = f"this machine has {there} of train.device = {device.type!r}; use {there}"
        raise ConfigError("train.devices", count, rule)


def _who_died(others: Sequence[BaseProcess]) -> str:
    """Empty where none did: not all that fails while another process dies is to blame itself."""
    for other in others:
        other.join(timeout=1)
    codes = [str(other.exitcode) for other in others if other.exitcode]
    if not codes:
        return ""
    return (
        f"train.devices: {len(codes)} of the other processes died (exit code {', '.join(codes)}); "
        "the same command goes on from the last checkpoint"
    )


def _see_off(others: Sequence[BaseProcess], seconds: float = _GOODBYE_S) -> None:
    for other in others:
        other.join(timeout=seconds)
        if other.is_alive():
            other.kill()
            other.join()
