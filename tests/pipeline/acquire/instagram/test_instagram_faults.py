"""What the other side does wrong: what passes ends well, what refuses ends at once and is remembered."""

from __future__ import annotations

import json

import pytest

from pipeline import manifest
from pipeline.acquire.instagram_judge import SOFT_BLOCK
from pipeline.errors import SourceRefused
from tests.servers import faults
from tests.servers.faults import Reply
from tests.servers.instagram_account import account

WAIT_SAID_WITH_429 = Reply.json({"message": "Please wait a few minutes", "status": "fail"}, 429)
PASSING = {  # kind of request, what goes wrong once
    "429 with a time on a post": ("post", {"reply": faults.too_many("7")}),
    "429 with a time on a page": ("page", {"reply": faults.too_many("7")}),
    "429 with a time on the profile": ("profile", {"reply": faults.too_many("7")}),
    "429 in the words of a soft block": ("post", {"reply": WAIT_SAID_WITH_429}),
    "429 without a time": ("post", {"reply": faults.too_many()}),
    "500 on a post": ("post", {"reply": faults.SERVER_ERROR}),
    "500 on the start page": ("start", {"reply": faults.SERVER_ERROR}),
    "500 on the profile": ("profile", {"reply": faults.SERVER_ERROR}),
    "500 on a page": ("page", {"reply": faults.SERVER_ERROR}),
    "reset in a post": ("post", {"cut": "reset"}),
    "reset in the profile": ("profile", {"cut": "reset"}),
    "post cut short": ("post", {"cut": "short"}),
    "post cut short, no length named": ("post", {"cut": "short without length"}),
    "profile cut short, no length named": ("profile", {"cut": "short without length"}),
    "stalled post": ("post", {"cut": "stalled"}),
    "slow post": ("post", {"cut": "slow"}),
    "500 for a picture": ("picture", {"reply": faults.SERVER_ERROR}),
    "reset in a picture": ("picture", {"cut": "reset"}),
    "picture cut short": ("picture", {"cut": "short"}),
    "picture cut short, no length named": ("picture", {"cut": "short without length"}),
    "an HTML page for a picture": ("picture", {"reply": faults.HTML_PAGE}),
    "nothing for a picture": ("picture", {"reply": Reply(200, b"", "image/jpeg")}),
    "stalled picture": ("picture", {"cut": "stalled"}),
    "slow picture": ("picture", {"cut": "slow"}),
}
LOGIN_PAGE = Reply.html("<html><form id='loginForm'></form></html>")
CHALLENGE = Reply(302, b"", headers={"Location": "/challenge/?next=/"})
FEEDBACK = Reply.json({"message": "feedback_required", "status": "fail"}, 400)
WAIT_SAID_WITH_200 = Reply.json({"message": "Please wait a few minutes", "status": "fail"})
NO_SUCH_PAGE = Reply.html("<html>Sorry, this page isn't available.</html>")
REFUSED = {  # kind of request, answer, after so many good ones, slug
    "soft block on the profile": ("profile", faults.WAIT_A_FEW_MINUTES, 0, "soft_blocked"),
    "soft block on a post": ("post", faults.WAIT_A_FEW_MINUTES, 4, "soft_blocked"),
    "soft block on a page": ("page", faults.WAIT_A_FEW_MINUTES, 0, "soft_blocked"),
    "soft block said with 200": ("post", WAIT_SAID_WITH_200, 4, "soft_blocked"),
    "feedback required": ("post", FEEDBACK, 4, "soft_blocked"),
    "checkpoint": ("post", faults.CHECKPOINT, 4, "checkpoint"),
    "sent to a challenge": ("profile", CHALLENGE, 0, "checkpoint"),
    "sent to the login": ("profile", faults.LOGIN_REDIRECT, 0, "login_required"),
    "sent to the login from a post": ("post", faults.LOGIN_REDIRECT, 4, "login_required"),
    "403 on page 2": ("page", Reply(403, b"", "text/html"), 0, "login_required"),
    "a login page as the profile": ("profile", LOGIN_PAGE, 0, "login_required"),
    "a login page as a post": ("post", LOGIN_PAGE, 4, "login_required"),
    "an empty page as the profile": ("profile", Reply.html("<html><body></body></html>"), 0, "soft_blocked"),
    "no such page, said with 200": ("profile", NO_SUCH_PAGE, 0, "missing"),
}


@pytest.fixture
def site(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 16, sidecars=[9])
    return world.site


def all_there(world):
    shown = world.site.accounts["kah__bane"]
    rows = world.rows()
    for post in shown.posts:
        for item, kind in enumerate(post.items):
            row = rows["instagram", "kah__bane", post.code, item]
            if kind == "picture":
                assert world.bytes_of(row) == post.picture(item)
    assert len(rows) == sum(len(post.items) for post in shown.posts)
    return True


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_costs_no_picture(world, site, name):
    kind, fault = PASSING[name]
    world.read_s = 0.5 if fault.get("cut") == "stalled" else world.read_s
    site.faults.add(kind, **fault)
    done = world.scrape()
    assert (done.outcome, done.failed) == ("complete", 0)
    assert all_there(world)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_ends_the_run_at_once_and_a_later_run_gets_everything(world, site, name):
    kind, reply, skip, slug = REFUSED[name]
    site.faults.add(kind, reply, skip=skip, times=None)
    with pytest.raises(SourceRefused) as refused:
        world.scrape()
    assert (refused.value.slug, refused.value.exit_code) == (slug, 3)
    assert "\n" not in str(refused.value)
    asked = [request.kind for request in site.requests if request.kind != "picture"]
    assert asked[-1] == kind
    assert asked.count(kind) == skip + 1, "asked again after a refusal"
    listing = json.loads(
        (manifest.raw_folder(world.data, "instagram", "kah__bane") / "listing.json").read_text()
    )
    assert (listing["complete"], listing["outcome"]) == (False, slug)

    site.faults.clear()
    world.time.sleep(SOFT_BLOCK.total_seconds())
    assert world.scrape().outcome == "complete"
    assert all_there(world)


def test_a_page_is_believed_for_the_data_in_it_not_for_its_tags(world, site):
    true_page = site._profile_page("kah__bane")
    bare = true_page.body[true_page.body.index(b"<script") : true_page.body.rindex(b"</body>")]
    site.faults.add("profile", Reply(200, bare, "text/html"), times=None)
    assert world.scrape().outcome == "complete"
    assert all_there(world)


def test_a_soft_block_that_names_a_time_is_held_to_it(world, site):
    said = Reply.json(
        {"message": "Please wait a few minutes before you try again."}, 401, **{"Retry-After": "120"}
    )
    site.faults.add("post", said)
    with pytest.raises(SourceRefused):
        world.scrape()
    world.time.sleep(121)
    assert world.scrape().outcome == "complete"
