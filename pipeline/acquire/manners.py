"""How we behave towards a host: how often we ask, how many things at once, how long we wait for an answer.

Figures are what a careful person with a browser would cause. A source whose host is its own (the embedded
gallery) says so with `Client.set_manners`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manners:
    page_gap_s: float = 0.5  # at least, between the starts of two listing requests
    picture_gap_s: float = 0.1  # the same for pictures
    jitter: float = 0.5  # a gap is drawn from 1 to 1 + jitter times its length: we tick like nobody's clock
    parallel: int = 4  # requests open at once
    rate_limit_s: float = 15.0  # first wait after a 429 that names no time; doubled each time
    together: str = ""  # hosts with the same word here share gaps, seats and waits: one site under many names

    def gap_s(self, kind: str) -> float:
        return self.picture_gap_s if kind == "picture" else self.page_gap_s


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect_s: float = 10.0
    read_s: float = 30.0  # between two pieces of a body
    total_s: float = 180.0  # from the request to the last byte


DEFAULT = Manners()
TIMEOUTS = Timeouts()

# By domain; the longest that a host ends with counts.
KNOWN: Mapping[str, Manners] = {
    # two requests a second over all of uploads0 … uploads9: people were blocked for more
    "wikiart.org": Manners(page_gap_s=0.6, picture_gap_s=0.4, parallel=4, together="wikiart.org"),
    # 11 minutes: the window over which Instagram counts, as instaloader knows it
    "instagram.com": Manners(page_gap_s=2.0, picture_gap_s=0.25, parallel=2, rate_limit_s=660.0),
    "cdninstagram.com": Manners(picture_gap_s=0.1, parallel=4),
    "fbcdn.net": Manners(picture_gap_s=0.1, parallel=4),
}


def manners_for(host: str, known: Mapping[str, Manners] = KNOWN) -> Manners:
    """`host` as Client.host_of gives it: a name, with `:port` where that is not the scheme's own."""
    if host in known:
        return known[host]
    labels = host.partition(":")[0].split(".")
    domains = (".".join(labels[start:]) for start in range(len(labels)))
    return next((known[domain] for domain in domains if domain in known), DEFAULT)
