"""Turns: who may send a request to which host, and when."""

from __future__ import annotations

import ipaddress
import random
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.acquire.manners import Manners


@dataclass(slots=True)
class _Host:
    manners: Manners
    pace: float
    seats: threading.BoundedSemaphore
    free_at: defaultdict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )  # by kind, clock time
    held_until: float = 0.0  # clock time


class Pacer:
    """Keeps gaps between requests to a host, limits how many run at once, and waits while it is held off."""

    def __init__(
        self,
        manners: Callable[[str], Manners],
        *,
        pace: float,
        sleep: Callable[[float], object],
        clock: Callable[[], float],
        dice: random.Random,
    ) -> None:
        self._manners, self._pace, self._sleep, self._clock, self._dice = manners, pace, sleep, clock, dice
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, host: str, kind: str) -> Iterator[None]:
        """Wait until a request of this kind may go to `host`; it runs inside the block."""
        state = self._host(host)
        with state.seats:
            # Asked again after each sleep: another thread may have taken the turn, or been told to stay away.
            while (wait_s := self._wait_for_turn(state, kind)) > 0:
                self._sleep(wait_s)
            yield

    def hold(self, host: str, seconds: float, *, ours: bool) -> None:
        """Nobody sends `host` anything for so long. `ours`: the length is our own choice, so pace counts."""
        state = self._host(host)
        with self._lock:
            until = self._clock() + seconds * (state.pace if ours else 1.0)
            state.held_until = max(state.held_until, until)

    def manners(self, host: str) -> Manners:
        return self._host(host).manners

    def back_off(self, host: str, seconds: float) -> None:
        """Only the caller waits, by our own choice."""
        self._sleep(seconds * self._host(host).pace)

    def _wait_for_turn(self, state: _Host, kind: str) -> float:
        with self._lock:
            now = self._clock()
            wait_s = max(state.held_until, state.free_at[kind]) - now
            if wait_s <= 0:
                gap_s = state.manners.gap_s(kind) * (1 + state.manners.jitter * self._dice.random())
                state.free_at[kind] = now + gap_s * state.pace
            return wait_s

    def _host(self, host: str) -> _Host:
        with self._lock:
            if host not in self._hosts:
                manners = self._manners(host)
                # Haste is for hosts of our own machine only; slowness for all.
                pace = self._pace if self._pace >= 1 or _is_loopback(host) else 1.0
                state = _Host(manners, pace, threading.BoundedSemaphore(manners.parallel))
                self._hosts[host] = self._hosts.setdefault(manners.together or host, state)
            return self._hosts[host]


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    try:
        found = socket.getaddrinfo(name.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address[4][0]).is_loopback for address in found)
