"""Listings that were left in the middle, at the top, at a limit: later ones close every gap, once."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from dataclasses import replace

import pytest

from pipeline.errors import SourceRefused
from tests.servers.faults import Reply
from tests.servers.instagram_account import Post, account

REFUSAL = Reply(403, b"", "text/html")


def grow(world, count):
    posts = world.site.accounts["kah__bane"].posts
    posts += [Post(len(posts) + number, "kah__bane") for number in range(count)]


def scrape_until_refused(world, after, **keys):
    world.site.faults.add("post", REFUSAL, skip=after, times=None)
    with pytest.raises(SourceRefused):
        world.scrape(**keys)
    world.site.faults.clear()


def codes(world):
    return {post.code for post in world.site.accounts["kah__bane"].posts}


def listed(world):
    return {key.source_id for key in world.rows()}


def test_a_listing_of_news_that_was_refused_twice_leaves_no_hole(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 20)
    world.scrape()
    grow(world, 30)
    scrape_until_refused(world, 10)
    grow(world, 16)
    scrape_until_refused(world, 5)
    grow(world, 4)
    world.site.requests.clear()
    world.scrape()
    assert listed(world) == codes(world)
    assert len(world.site.details("post")) <= 50 - 15 + 2, "what was read is read again"
    world.site.requests.clear()
    world.scrape()
    assert world.site.count("post") == 0


def test_a_post_that_was_listed_in_part_is_listed_whole(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 10, sidecars=[5])
    limit = 4 + 1  # ends within the sidecar of post 5
    world.scrape(limit=limit)
    assert sum(row.source_id == shown.posts[5].code for row in world.rows().values()) == 1
    world.scrape()
    assert {key.item for key in world.rows() if key.source_id == shown.posts[5].code} == {0, 1, 2}


def test_a_new_post_that_was_listed_in_part_is_listed_whole_above_known_ones(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 10)
    world.scrape()
    shown.posts.append(Post(10, "kah__bane", ("picture", "picture", "picture")))
    world.scrape(limit=1)
    assert sum(row.source_id == shown.posts[10].code for row in world.rows().values()) == 1
    world.scrape()
    assert {key.item for key in world.rows() if key.source_id == shown.posts[10].code} == {0, 1, 2}


def test_a_frozen_listing_of_another_age_or_shape_is_begun_anew(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 20)
    scrape_until_refused(world, 6)
    state = world.data / "raw" / "instagram" / "kah__bane" / "posts.json"
    state.write_text(state.read_text().replace("28904005159232689", "1"))
    world.scrape()
    assert listed(world) == codes(world)
    state.write_text("{")
    world.scrape()
    assert listed(world) == codes(world)


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(n, marks=pytest.mark.soak) for n in range(4, 60))]
)
def test_whatever_happens_on_the_way_a_whole_listing_has_every_post(world, seed):
    dice = random.Random(seed)
    shown = world.site.accounts["kah__bane"] = account(
        "kah__bane", dice.randrange(1, 40), sidecars=range(0, 40, 6)
    )
    for _ in range(6):
        match dice.choice(["grow", "pin", "refuse", "limit", "whole"]):
            case "grow":
                grow(world, dice.randrange(1, 20))
            case "pin":
                at = dice.randrange(len(shown.posts))
                shown.posts[at] = replace(
                    shown.posts[at], pinned=sum(post.pinned for post in shown.posts) < 3
                )
            case "refuse":
                world.site.faults.add("post", REFUSAL, skip=dice.randrange(12))
                with contextlib.suppress(SourceRefused):
                    world.scrape(limit=dice.choice([None, 7]))
                world.site.faults.clear()
            case "limit":
                world.scrape(limit=dice.randrange(1, 30))
            case "whole":
                world.scrape()
                assert listed(world) == codes(world)
    world.scrape()
    assert listed(world) == codes(world)
    for post in shown.posts:
        items = {key.item for key in world.rows() if key.source_id == post.code}
        assert items == set(range(len(post.items)))
    assert max(Counter(world.site.details("picture")).values()) == 1
