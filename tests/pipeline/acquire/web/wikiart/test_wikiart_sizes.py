"""WikiArt's sizes: a missing one costs no picture, and a site that keeps them all from us is left alone."""

from __future__ import annotations

import pytest

from pipeline.errors import SourceRefused
from tests.servers.faults import HTML_PAGE, SERVER_ERROR, Reply
from tests.servers.wikiart import (
    COUNT,
    HALF_HD,
    HD,
    LARGE,
    ORIGINAL,
    SIZES,
    forbid,
    keep,
    local,
    painting,
    pictures_asked,
    show,
)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ((HALF_HD, HD, LARGE, ORIGINAL), HALF_HD),
        ((HD, LARGE, ORIGINAL), HD),
        ((LARGE, ORIGINAL), LARGE),
        ((ORIGINAL,), ORIGINAL),
    ],
)
def test_the_first_useful_size_that_is_there_is_taken(desk, server, there, taken):
    check_size(desk, server, there, taken, keep_originals=False)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ((HALF_HD, HD, LARGE, ORIGINAL), ORIGINAL),
        ((HALF_HD, HD, LARGE), HD),
        ((HALF_HD, LARGE), HALF_HD),
        ((LARGE,), LARGE),
    ],
)
def test_keep_originals_takes_the_largest_that_is_there(desk, server, there, taken):
    check_size(desk, server, there, taken, keep_originals=True)


def check_size(desk, server, there, taken, keep_originals):
    item = painting(1)
    content = keep(server, item, there)[taken]
    show(server, [item])
    spec = local(server)(genre="portrait", keep_originals=keep_originals)
    desk.run(spec)
    [row] = desk.rows(spec)
    assert desk.bytes_of(row) == content
    assert row.source_url == server.url + item["image"] + taken, "not where the bytes are"
    asked = pictures_asked(server)
    assert len(asked) == len(set(asked)), "a missing size was asked for twice"
    # A lost file comes back from where it was found.
    (desk.data / row.path).unlink()
    server.asked.clear()
    assert desk.run(spec).fetched == 1
    assert pictures_asked(server) == [item["image"] + taken]
    assert desk.rows(spec)[0].image_id == row.image_id


@pytest.mark.parametrize(
    "fault",
    [
        {"reply": HTML_PAGE},
        {"reply": Reply(200, b"")},
        {"reply": Reply(403, b"")},
        {"reply": SERVER_ERROR},
        {"cut": "short"},
    ],
    ids=["a page for a picture", "nothing", "forbidden", "server error", "always cut short"],
)
def test_a_size_that_cannot_be_had_is_replaced_by_the_next(desk, server, spec, contents, fault):
    server.faults.add(f"/images/anders-zorn/portrait-3.jpg{HALF_HD}", times=None, **fault)
    assert desk.run(spec).fetched == COUNT
    assert desk.bytes_of(desk.rows(spec)[3]) == contents[3][HD]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(Reply(404, b""), "http_404"), (HTML_PAGE, "not_an_image"), (SERVER_ERROR, "http_error")],
)
def test_a_picture_that_is_in_no_size_is_a_row_and_the_others_arrive(desk, server, spec, reply, reason):
    forbid(server, 3, reply)
    done = desk.run(spec)
    assert (done.fetched, done.failed, done.outcome) == (COUNT - 1, 1, "complete")
    assert desk.fates(spec)[3] == reason


@pytest.mark.parametrize("reply", [Reply(403, b""), HTML_PAGE], ids=["forbidden", "pages for pictures"])
@pytest.mark.parametrize("got_before", [0, 2])
def test_a_site_that_keeps_all_its_pictures_from_us_is_left_alone(desk, server, reply, got_before):
    paintings = [painting(number) for number in range(30)]
    show(server, paintings)
    spec = local(server)(genre="portrait")
    for number, item in enumerate(paintings):
        keep(server, item)
        forbid(server, number, reply, skip=number < got_before)
    with pytest.raises(SourceRefused, match="keeps its pictures from us") as refusal:
        desk.run(spec)
    assert refusal.value.slug == "soft_blocked"
    assert len(pictures_asked(server)) <= 15 * len(SIZES), "it was asked on and on"
    server.asked.clear()
    with pytest.raises(SourceRefused, match="run the same again after"):
        desk.run(spec)
    assert server.asked == []

    server.faults.clear()
    desk.time.sleep(901)
    desk.run(spec)
    assert desk.fates(spec) == ["fetched"] * 30


def test_what_is_still_forbidden_after_a_block_is_settled_by_the_next_run(desk, server):
    paintings = [painting(number) for number in range(12)]
    show(server, paintings)
    spec = local(server)(genre="portrait")
    for number, item in enumerate(paintings):
        keep(server, item)
        forbid(server, number, Reply(403, b""))
    with pytest.raises(SourceRefused):
        desk.run(spec)
    server.faults.clear()
    forbid(server, 11, Reply(403, b""))
    desk.time.sleep(901)
    desk.run(spec)
    assert desk.fates(spec) == ["fetched"] * 11 + ["http_error"]
    server.asked.clear()
    desk.run(spec)
    assert server.asked == []


def test_pictures_that_are_forbidden_for_themselves_end_no_run(desk, server, spec):
    """Once others have arrived: before that nobody can tell them from a site that keeps all back."""
    forbidden = (6, 7, 8, 9, 10, 11)
    for number in forbidden:
        forbid(server, number, Reply(403, b""))
    desk.run(spec)
    fates = desk.fates(spec)
    assert [fates[number] for number in forbidden] == ["http_error"] * len(forbidden)
    assert fates.count("fetched") == COUNT - len(forbidden)


def test_originals_are_fetched_once_asked_for_and_not_taken_back(desk, server, spec, contents):
    desk.run(spec)
    originals = type(spec)(genre="portrait", keep_originals=True)
    assert desk.run(originals).fetched == COUNT
    assert [desk.bytes_of(row) for row in desk.rows(spec)] == [sizes[ORIGINAL] for sizes in contents]
    server.asked.clear()
    desk.run(spec, anew=True)
    desk.run(originals, anew=True)
    assert pictures_asked(server) == []
