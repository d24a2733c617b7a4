"""What an answer, or the lack of one, means: which slug, whether asking again can help, who has to wait."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from urllib3 import exceptions as urllib3

from pipeline.acquire.transport import BodyTooLarge, BodyTruncated, Response, UnsafeAddress


@dataclass(frozen=True, slots=True)
class Fault:
    picture: str  # slug of a picture's row
    listing: str  # slug of a listing that ends here
    detail: str = ""  # one line for a person; begins with `HTTP STATUS` where there was an answer
    passing: bool = False  # asking again can help
    host_wide: bool = False  # the host is in trouble: nobody asks it anything until the wait is over
    retry_after_s: float | None = None  # what the host itself named


_GONE = Fault("http_404", "missing")
_TROUBLE = Fault("http_error", "server_error", passing=True, host_wide=True)
_BY_STATUS = {
    401: Fault("http_error", "login_required"),
    403: Fault("http_error", "soft_blocked"),
    404: _GONE,
    408: Fault("timeout", "network", passing=True),
    410: _GONE,
    429: Fault("rate_limited", "rate_limited", passing=True, host_wide=True),
}

# The first that fits counts: urllib3 has a refused connection as a kind of timeout.
_BY_EXCEPTION: list[tuple[type[Exception], Fault]] = [
    (UnsafeAddress, Fault("unsafe_address", "network")),
    (BodyTooLarge, Fault("too_large", "server_error")),
    (BodyTruncated, Fault("truncated", "network", passing=True)),
    (urllib3.LocationValueError, Fault("unsafe_address", "missing")),
    (urllib3.SSLError, Fault("network", "network")),
    (urllib3.NewConnectionError, Fault("network", "network", passing=True, host_wide=True)),
    (urllib3.ConnectTimeoutError, Fault("timeout", "network", passing=True, host_wide=True)),
    (urllib3.TimeoutError, Fault("timeout", "network", passing=True)),
    (TimeoutError, Fault("timeout", "network", passing=True)),
    (Exception, Fault("network", "network", passing=True)),
]


def of_answer(response: Response, now: dt.datetime) -> Fault | None:
    """The fault of a final answer (redirects are followed before); None where it is good."""
    status = response.status
    if 200 <= status < 300:
        return None
    other = _TROUBLE if status >= 500 else Fault("http_error", "server_error")
    fault = replace(_BY_STATUS.get(status, other), detail=f"HTTP {status}")
    return replace(fault, retry_after_s=retry_after_s(response.headers, now)) if fault.passing else fault


def of_exception(error: Exception) -> Fault:
    fault = next(fault for kind, fault in _BY_EXCEPTION if isinstance(error, kind))
    return replace(fault, detail=" ".join(str(error).split()) or type(error).__name__)


def retry_after_s(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Seconds that `Retry-After` names, as a number or as a date; None without a readable one."""
    named = headers.get("Retry-After", "").strip()
    if named.isdecimal():
        return float(named)
    try:
        until = parsedate_to_datetime(named)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.UTC)
    return max(0.0, (until - now).total_seconds())
