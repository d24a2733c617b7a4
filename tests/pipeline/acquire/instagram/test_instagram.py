"""What a user of kind `instagram` can rely on when nothing goes wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from pipeline.acquire.instagram import InstagramSpec
from pipeline.errors import ConfigError, SourceRefused
from tests.servers.faults import Reply
from tests.servers.instagram_account import Account, Post, account


def test_every_picture_of_an_account_arrives_as_it_is_there(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40, sidecars=[3, 30], videos=[7])
    done = world.scrape()
    rows = world.rows()
    expected = [(post, item) for post in shown.shown() for item in range(len(post.items))]
    assert [(row.source_id, row.item) for row in rows.values()] == [
        (post.code, item) for post, item in expected
    ]
    for (post, item), row in zip(expected, rows.values(), strict=True):
        if post.items[item] == "video":
            assert (row.status, row.reason, row.path) == ("skipped", "video", None)
        else:
            assert row.status == "fetched"
            assert world.bytes_of(row) == post.picture(item)
    assert (done.fetched, done.skipped, done.outcome) == (41, 3, "complete")


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["guest", "member"])
def test_every_picture_of_500_posts_arrives_as_it_is_there(world, reader):
    shown = account("kah__bane", 500, sidecars=range(0, 500, 7), videos=range(3, 500, 50))
    world.site.accounts["kah__bane"] = shown
    world.scrape(session=world.session() if reader == "member" else "")
    rows = world.rows()
    for post in shown.posts:
        for item, kind in enumerate(post.items):
            if kind == "picture":
                row = rows["instagram", "kah__bane", post.code, item]
                assert world.bytes_of(row) == post.picture(item)
    assert len(rows) == sum(len(post.items) for post in shown.posts)


def test_names_and_times_come_with_each_picture(world):
    caption = "Air\ud83d \x00 Jordan\n\n  1 " + "x" * 300
    post = Post(5, "kah__bane", ("picture", "picture"), caption)
    world.site.accounts["kah__bane"] = Account("kah__bane", [post])
    world.scrape("Kah__Bane")
    row = world.rows()["instagram", "kah__bane", post.code, 1]
    assert row.title == "Air Jordan 1 " + "x" * 187
    assert row.author == "kah__bane"
    assert row.page_url == f"https://www.instagram.com/p/{post.code}/"
    assert row.source_url == f"https://www.instagram.com/p/{post.code}/?img_index=2"
    assert row.published_at == dt.datetime.fromtimestamp(post.taken_at, dt.UTC)


def test_nothing_of_a_picture_changes_with_its_address(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 5)
    world.scrape()
    before = world.rows()
    world.site.expire_addresses()
    (world.data / next(iter(before.values())).path).unlink()
    world.scrape()
    same = {"fetched_at", "attempts"}
    assert [without(row, same) for row in world.rows().values()] == [
        without(row, same) for row in before.values()
    ]


def test_a_rerun_of_a_finished_account_costs_two_requests(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40)
    shown.posts[3] = Post(3, "kah__bane", pinned=True)
    world.scrape()
    world.site.requests.clear()
    assert world.scrape().fetched == 0
    assert [request.kind for request in world.site.requests] == ["profile", "profile"]


def test_only_new_posts_are_asked_for_though_old_ones_are_pinned_above_them(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40)
    shown.posts[3], shown.posts[8] = Post(3, "kah__bane", pinned=True), Post(8, "kah__bane", pinned=True)
    world.scrape()
    world.site.requests.clear()
    shown.posts += account("kah__bane", 43).posts[40:]
    assert world.scrape().fetched == 3
    assert len(world.rows()) == 43
    asked = [
        request for request in world.site.requests if request.kind not in {"profile", "start", "picture"}
    ]
    pinned, new = 2, 3
    assert len(asked) == pinned + new


def test_a_newly_pinned_old_post_does_not_hide_the_new_ones(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 30)
    world.scrape()
    shown.posts[1] = Post(1, "kah__bane", pinned=True)
    shown.posts += account("kah__bane", 45).posts[30:]
    assert world.scrape().fetched == 15
    assert len(world.rows()) == 45


def test_the_limit_takes_the_newest_and_a_higher_one_goes_on_below_them(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40)
    world.scrape(limit=10)
    newest = [post.code for post in shown.shown()]
    assert [row.source_id for row in world.rows().values()] == newest[:10]
    world.site.requests.clear()
    world.scrape(limit=10)
    assert world.site.count("post") == 0
    world.scrape(limit=25)
    assert [row.source_id for row in world.rows().values()] == newest[:25]
    assert world.site.count("post") <= 16, "known posts were asked for again"
    world.scrape()
    assert [row.source_id for row in world.rows().values()] == newest


def test_new_posts_of_a_limited_account_are_found_and_no_deeper_ones(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40)
    world.scrape(limit=10)
    shown.posts += account("kah__bane", 42).posts[40:]
    world.scrape(limit=10)
    numbers = sorted(int(row.source_id[1:5]) for row in world.rows().values())
    assert numbers == list(range(30, 42))


def test_since_leaves_older_posts_out_and_an_earlier_date_brings_them(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 100)  # one an hour
    shown.posts[3] = Post(3, "kah__bane", pinned=True)
    day = dt.datetime.fromtimestamp(shown.posts[60].taken_at, dt.UTC).date()
    wanted = [
        post for post in shown.shown() if dt.datetime.fromtimestamp(post.taken_at, dt.UTC).date() >= day
    ]
    world.scrape(since=day)
    assert [row.source_id for row in world.rows().values()] == [post.code for post in wanted]
    assert world.site.count("post") <= len(wanted) + 2
    world.site.requests.clear()
    world.scrape(since=day)
    assert world.site.count("post") <= 1
    world.scrape()
    assert {row.source_id for row in world.rows().values()} == {post.code for post in shown.posts}


def test_a_member_gets_the_same_pictures_with_a_request_per_page(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40, sidecars=[9], videos=[4])
    done = world.scrape(session=world.session())
    assert (done.fetched, done.skipped) == (40, 2)
    assert world.site.count("page") == 4
    assert world.site.count("post") == 0
    for post in shown.posts:
        for item, kind in enumerate(post.items):
            if kind == "picture":
                row = world.rows()["instagram", "kah__bane", post.code, item]
                assert world.bytes_of(row) == post.picture(item)


def test_a_guest_and_a_member_go_on_where_the_other_stopped(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40)
    world.site.faults.add("page", Reply(403, b"", "text/html"), skip=1, times=None)
    with pytest.raises(SourceRefused):
        world.scrape()
    assert len(world.rows()) == 24
    world.site.faults.clear()
    assert world.scrape(session=world.session()).outcome == "complete"
    assert {row.source_id for row in world.rows().values()} == {post.code for post in shown.posts}


@pytest.mark.parametrize(
    ("shown", "slug"),
    [
        (Account("kah__bane", account("kah__bane", 3).posts, private=True), "private"),
        (Account("somebody_else", []), "missing"),
    ],
)
def test_a_private_or_missing_account_is_said_to_be_that(world, shown, slug):
    world.site.accounts[shown.name] = shown
    with pytest.raises(SourceRefused) as refused:
        world.scrape()
    assert refused.value.slug == slug
    assert len(world.site.requests) <= 2


def test_a_private_account_is_private_for_a_member_who_does_not_follow_it(world):
    world.site.accounts["kah__bane"] = Account("kah__bane", account("kah__bane", 3).posts, private=True)
    with pytest.raises(SourceRefused) as refused:
        world.scrape(session=world.session())
    assert refused.value.slug == "private"


def test_an_empty_account_is_complete_with_nothing(world):
    world.site.accounts["kah__bane"] = Account("kah__bane", [])
    done = world.scrape()
    assert (done.listed, done.outcome) == (0, "complete")
    assert world.rows() == {}


def test_an_expired_address_is_asked_for_once_more(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 6)
    world.site.faults.add("picture", Reply(403, b"URL signature expired", "text/plain"))
    done = world.scrape()
    assert (done.fetched, done.failed) == (6, 0)
    assert world.site.count("post") == len(shown.posts) + 1


def test_an_address_that_stays_expired_is_a_row_with_that_reason(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 2)
    world.site.faults.add("picture", Reply(403, b"URL signature expired", "text/plain"), times=None)
    done = world.scrape()
    assert (done.fetched, done.failed, done.outcome) == (0, 2, "complete")
    assert {row.reason for row in world.rows().values()} == {"expired"}
    assert world.site.count("picture") == 4


def test_a_post_that_cannot_be_read_is_a_row_and_does_not_end_the_listing(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 20)
    shown.posts[9] = Post(9, "kah__bane", removed=True)
    done = world.scrape()
    assert (done.fetched, done.failed, done.outcome) == (19, 1, "complete")
    assert world.rows()["instagram", "kah__bane", shown.posts[9].code, 0].reason == "http_404"


def test_a_post_over_which_instagram_stumbles_is_a_row_and_does_not_end_the_listing(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 20)
    one_post = 4  # requests for the post at hand, with all that the client tries again
    world.site.faults.add("post", Reply(500, b"", "text/html"), skip=7, times=one_post)
    world.site.faults.add("post", Reply(500, b"", "text/html"), skip=19, times=one_post)
    done = world.scrape()
    assert (done.fetched, done.failed, done.outcome) == (19, 1, "complete")
    row = world.rows()["instagram", "kah__bane", shown.shown()[7].code, 0]
    assert (row.status, row.reason, row.detail[:8]) == ("failed", "http_error", "HTTP 500")


def test_when_no_post_can_be_read_the_listing_ends_before_it_has_asked_for_all(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 40)
    answer = Reply.json(
        {"data": {"xdt_api__v1__media__shortcode__web_info": {"items": [{"a": "new shape"}]}}}
    )
    world.site.faults.add("post", answer, skip=3, times=None)
    with pytest.raises(SourceRefused) as refused:
        world.scrape()
    assert refused.value.slug == "server_error"
    assert world.site.count("post") == 3 + 5
    world.site.faults.clear()
    assert world.scrape().outcome == "complete"
    assert len(world.rows()) == 40


def test_a_post_that_failed_is_asked_for_again_by_the_next_listings(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 20)
    shown.posts[9] = Post(9, "kah__bane", ("picture", "picture"), removed=True)
    world.scrape()
    shown.posts[9] = Post(9, "kah__bane", ("picture", "picture"))
    world.scrape()
    assert world.bytes_of(world.rows()["instagram", "kah__bane", shown.posts[9].code, 1])
    assert world.site.details("post").count(shown.posts[9].code) == 3


@pytest.mark.parametrize("account_name", ["", "a/b", "https://www.instagram.com/x/", "über", "a" * 31])
def test_what_cannot_be_an_account_is_refused_before_any_request(account_name):
    with pytest.raises(ConfigError, match=r"source\.account"):
        InstagramSpec(account=account_name)


def without(row, names):
    return {name: value for name, value in dataclasses.asdict(row).items() if name not in names}
