"""SIGKILL at any moment, then the same again: as if nothing had happened, and hardly a request more."""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter

import pytest

from pipeline.acquire.instagram import InstagramSource
from tests.servers import instagram_mortal as mortal
from tests.servers.instagram import PAGE
from tests.servers.instagram_account import account

START = 3  # requests with which every listing begins: the profile twice and the start page once


def what_is_there(world, data):
    rows = [
        dataclasses.asdict(row) | {"fetched_at": None, "attempts": None} for row in world.rows(data).values()
    ]
    files = {path.name for path in data.rglob("*.jpg")}
    listing = json.loads((data / "raw" / "instagram" / "kah__bane" / "listing.json").read_text())
    # Not how many it listed: after one that was killed when all were, the next lists only what is new.
    return rows, files, {name: listing[name] for name in ("complete", "outcome", "cut", "counts")}


def kill_and_run_again(world, posts, session, moments, seed):
    """Gives the requests by kind, beyond those of a run that nobody disturbs."""
    world.site.accounts["kah__bane"] = account("kah__bane", posts, sidecars=range(0, posts, 5))
    keys = {"account": "kah__bane", "session": session}
    plain, killed = world.folder / "plain", world.folder / "killed"
    mortal.run(world.port, world.ca, plain, keys)
    usual = Counter(request.kind for request in world.site.requests)
    pictures = set(world.site.details("picture"))
    world.site.requests.clear()
    dice = random.Random(seed)
    for _ in range(moments):
        moment = dice.randrange(1, max(2, usual.total() // moments))
        mortal.run_and_kill(world.site, world.port, world.ca, killed, keys, moment, dice)
    mortal.run(world.port, world.ca, killed, keys)
    assert what_is_there(world, killed) == what_is_there(world, plain)
    fetched = Counter(world.site.details("picture"))
    assert set(fetched) == pictures
    assert fetched.total() - len(pictures) <= moments * InstagramSource.parallel, "fetched again"
    asked = Counter(request.kind for request in world.site.requests)
    return asked - usual


@pytest.mark.parametrize("reader", ["guest", "member"])
def test_killed_at_random_moments_no_post_is_lost_and_at_most_a_page_asked_for_again(world, reader):
    session = world.session() if reader == "member" else ""
    again = kill_and_run_again(world, 30, session, moments=3, seed=reader)
    del again["picture"]
    assert again.total() <= 3 * (START + PAGE)


@pytest.mark.soak
@pytest.mark.parametrize("reader", ["guest", "member"])
def test_killed_ten_times_an_account_of_500_posts_is_whole(world, reader):
    session = world.session() if reader == "member" else ""
    again = kill_and_run_again(world, 500, session, moments=10, seed=reader)
    del again["picture"]
    assert again.total() <= 10 * (START + PAGE)
