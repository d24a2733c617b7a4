"""How we stand with each host: whether it refused us and until when, how long to wait after a fault."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections import Counter
from collections.abc import Callable

from pipeline.acquire.faults import Fault
from pipeline.acquire.ledger import PAUSE, Ledger
from pipeline.acquire.pacing import Pacer
from pipeline.errors import SourceRefused

BACK_OFF_S = 1.0  # doubled each time, with jitter
PATIENCE_S = 3600.0  # where a host names a longer wait, the run ends instead
REFUSAL_S = 900.0  # how long we stay away from a host that refused us and named no time

# Requests in a row that failed for good because of the host: then it is given up for this run. Faults of the
# server may be of some of its pictures only, a host that cannot be reached has none.
LOST_HOST = {"network": 5, "server_error": 20}


class Standing:
    """Thread-safe."""

    def __init__(
        self, ledger: Ledger, pacer: Pacer, now: Callable[[], dt.datetime], dice: random.Random
    ) -> None:
        self._ledger, self._pacer, self._now, self._dice = ledger, pacer, now, dice
        self._given_up: dict[str, tuple[str, str]] = {}  # slug and message by host, for the rest of this run
        self._lost: Counter[str] = Counter()  # by host: requests in a row that it failed for good
        self._lock = threading.Lock()

    def check(self, host: str) -> None:
        """Raises SourceRefused where `host` wants nothing of us now; arranges a wait that is left over."""
        if host in self._given_up:
            raise SourceRefused(*self._given_up[host])
        hold = self._ledger.held(host)
        if hold is None:
            return
        if hold.slug != PAUSE:
            raise _refusal(host, hold.slug, hold.message, hold.until)
        self._pacer.hold(host, (hold.until - self._now()).total_seconds(), ours=False)

    def refuse(self, host: str, slug: str, message: str, until: dt.datetime | None = None) -> SourceRefused:
        until = until or self._now() + dt.timedelta(seconds=REFUSAL_S)
        self._ledger.hold(host, until, slug, message)
        return _refusal(host, slug, message, until)

    def answered(self, host: str) -> None:
        if host in self._lost:
            with self._lock:
                del self._lost[host]

    def heed(self, host: str, fault: Fault, attempt: int, *, last: bool) -> None:
        """Keep everybody away from `host` for as long as it says, else longer each time.

        Raises SourceRefused where the host wants nothing of us, or no attempt is left and the host is why.
        """
        if last and fault.passing:
            self._give_up(host, fault)
        elif fault.retry_after_s is not None:
            until = self._now() + dt.timedelta(seconds=fault.retry_after_s)
            if fault.retry_after_s > PATIENCE_S:
                raise self.refuse(host, fault.listing, f"it asks us to wait ({fault.detail})", until)
            self._ledger.hold(host, until, PAUSE, fault.detail)
            self._pacer.hold(host, fault.retry_after_s, ours=False)
        elif fault.host_wide:
            self._pacer.hold(host, self._wait_s(host, fault, attempt), ours=True)

    def rest(self, host: str, fault: Fault, attempt: int) -> None:
        """Before the next attempt where only this request is in trouble: it alone waits."""
        if fault.retry_after_s is None and not fault.host_wide:
            self._pacer.back_off(host, self._wait_s(host, fault, attempt))

    def _wait_s(self, host: str, fault: Fault, attempt: int) -> float:
        base_s = self._pacer.manners(host).rate_limit_s if fault.listing == "rate_limited" else BACK_OFF_S
        return base_s * 2.0 ** (attempt - 1) * (1 + 0.5 * self._dice.random())

    def _give_up(self, host: str, fault: Fault) -> None:
        """Raises SourceRefused where the fault is the host's and not of one address."""
        if fault.listing == "rate_limited":
            until = self._now() + dt.timedelta(seconds=max(REFUSAL_S, fault.retry_after_s or 0.0))
            raise self.refuse(host, "rate_limited", f"it asks us to slow down ({fault.detail})", until)
        if not fault.host_wide:
            return
        with self._lock:
            self._lost[host] += 1
            lost = self._lost[host]
        if lost >= LOST_HOST[fault.listing]:
            words = f"{host}: {lost} requests in a row failed ({fault.detail}); run the same again later"
            self._given_up[host] = (fault.listing, words)
            raise SourceRefused(*self._given_up[host])


def _refusal(host: str, slug: str, message: str, until: dt.datetime) -> SourceRefused:
    return SourceRefused(slug, f"{host}: {message}; run the same again after {until:%Y-%m-%d %H:%M} UTC")
