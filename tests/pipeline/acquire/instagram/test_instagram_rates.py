"""Instagram is never asked more often than instaloader's windows allow, over restarts too."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from email.utils import format_datetime

import pytest

from pipeline.acquire.instagram_judge import SOFT_BLOCK
from pipeline.acquire.ledger import Ledger
from pipeline.errors import SourceRefused
from tests.servers import faults
from tests.servers.faults import Reply
from tests.servers.instagram_account import account

QUERIES = {"post", "page", "user"}


def most_within(times, window_s):
    """The most requests in any window of that length."""
    times = sorted(times)
    return max(at - bisect_left(times, time - window_s + 1e-6) + 1 for at, time in enumerate(times))


def windows_hold(requests):
    asked = [request for request in requests if request.kind != "picture"]
    posts = [request.at for request in asked if request.kind == "post"]
    assert most_within(posts, 660) <= 200
    assert most_within([request.at for request in asked if request.kind in QUERIES], 600) <= 275
    assert most_within([request.at for request in asked if request.kind not in QUERIES], 660) <= 75
    return len(posts)


def test_a_long_listing_keeps_to_200_of_a_kind_in_11_minutes_and_uses_them(world):
    world.pace = 1.0
    world.site.accounts["kah__bane"] = account("kah__bane", 260, videos=range(260))
    began = world.time.clock()
    world.scrape()
    assert windows_hold(world.site.requests) == 260
    assert world.time.clock() - began < 2 * 670, "slower than the windows ask for"


def test_the_windows_hold_over_a_restart(world):
    world.pace = 1.0
    world.site.accounts["kah__bane"] = account("kah__bane", 230, videos=range(230))
    world.site.faults.add("post", Reply(403, b"", "text/html"), skip=150)
    with pytest.raises(SourceRefused):
        world.scrape()
    world.scrape()
    assert windows_hold(world.site.requests) == 231


@pytest.mark.parametrize("kind", ["profile", "page", "post"])
@pytest.mark.parametrize("as_date", [False, True])
def test_a_time_that_instagram_names_is_waited_for_whatever_the_pace(world, kind, as_date):
    until = world.time.now() + dt.timedelta(seconds=90)
    said = format_datetime(until, usegmt=True) if as_date else "90"
    world.site.accounts["kah__bane"] = account("kah__bane", 14)
    world.site.faults.add(kind, faults.too_many(said))
    world.scrape()
    first, second = [request.at for request in world.site.requests if request.kind == kind][:2]
    assert second - first >= 89
    between = [request for request in world.site.requests if first < request.at < second]
    assert {request.kind for request in between} <= {"picture"}


def test_a_429_without_a_time_is_waited_for_as_long_as_the_window(world):
    world.pace = 1.0
    world.site.accounts["kah__bane"] = account("kah__bane", 3)
    world.site.faults.add("post", faults.too_many())
    world.scrape()
    first, second = [request.at for request in world.site.requests if request.kind == "post"][:2]
    assert second - first >= 660


def test_429_without_end_is_given_up_and_remembered(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 3)
    world.site.faults.add("post", faults.too_many(), times=None)
    with pytest.raises(SourceRefused) as refused:
        world.scrape()
    assert refused.value.slug == "rate_limited"
    asked = world.site.count("post")
    assert asked <= 4
    with pytest.raises(SourceRefused):
        world.scrape()
    assert world.site.count("post") == asked


def test_a_soft_block_keeps_later_starts_away_until_it_ends_or_the_user_insists(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 3)
    world.site.faults.add("profile", faults.WAIT_A_FEW_MINUTES)
    with pytest.raises(SourceRefused):
        world.scrape()
    world.time.sleep(SOFT_BLOCK.total_seconds() - 1)
    with pytest.raises(SourceRefused, match="2026-01-01 00:30 UTC") as refused:
        world.scrape()
    assert refused.value.slug == "soft_blocked"
    assert len(world.site.requests) == 1

    ledger = Ledger(world.data / "raw" / "ledger.sqlite", world.time.now)
    ledger.release("www.instagram.com")
    ledger.close()
    assert world.scrape().fetched == 3
