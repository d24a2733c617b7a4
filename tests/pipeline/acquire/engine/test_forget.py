"""Forgetting: the bytes go everywhere, a tombstone stays, and no later run brings them back."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.acquire.acquire import outlook, retry
from pipeline.acquire.forget import forget, forgotten_images
from tests import raw
from tests.servers.shelf import fill

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def spec(server):
    """Two collections of which one picture, `b`, is the same."""
    return fill(server, NAMES)


def test_a_forgotten_picture_is_gone_wherever_its_bytes_were(data, spec, go):
    other = dataclasses.replace(spec, name="two")
    go(spec)
    go(other)
    row = raw.by_name(data, spec)["b"]
    done = forget(data, images=[row.image_id])
    assert (done.rows, done.images) == (2, {row.image_id})
    for shelf in (spec, other):
        tomb = raw.by_name(data, shelf)["b"]
        assert (tomb.status, tomb.image_id, tomb.author, tomb.path) == ("forgotten", row.image_id, None, None)
        assert raw.by_name(data, shelf)["a"].status == "fetched"
    assert not list(data.rglob(f"{row.image_id}*"))
    assert forgotten_images(data) == {row.image_id}


def test_no_later_run_brings_it_back(data, server, spec, go, make_client, fake_time):
    go(spec)
    forget(data, urls=["http://shelf.example/b.jpg"])
    server.asked.clear()
    assert outlook(spec, data, now=fake_time.now).done
    go(spec, anew=True)
    retry(spec, data, client=make_client(), now=fake_time.now)
    assert not [path for path in server.paths() if path.endswith(".jpg")]
    assert raw.by_name(data, spec)["b"].status == "forgotten"


def test_the_same_bytes_under_another_address_are_not_kept_either(data, server, spec, go):
    go(spec)
    image_id = raw.by_name(data, spec)["b"].image_id
    forget(data, images=[image_id])
    server.pages["/copy.jpg"] = server.pages["/b.jpg"]
    fill(server, [*NAMES, "copy"])
    go(spec, anew=True)
    assert raw.by_name(data, spec)["copy"].status == "forgotten"
    assert not list(data.rglob(f"{image_id}*"))
    server.asked.clear()
    go(spec, anew=True)
    assert "/copy.jpg" not in server.paths()


def test_forgetting_an_author_takes_all_of_theirs_also_what_never_arrived(data, server, spec, go):
    del server.pages["/c.jpg"]
    go(spec)
    assert forget(data, authors=["Anna"]).rows == 4
    assert {row.status for row in raw.by_name(data, spec).values()} == {"forgotten"}
    assert not list(data.rglob("*.jpg"))


def test_an_end_that_was_cut_short_is_made_by_any_later_call(data, spec, go):
    """Tombstones first, then files: what is left after a kill is known by the tombstones."""
    go(spec)
    row = raw.by_name(data, spec)["b"]
    content = (data / row.path).read_bytes()
    forget(data, authors=["Anna"])
    (data / row.path).parent.mkdir(exist_ok=True)
    (data / row.path).write_bytes(content)
    forget(data)
    assert not (data / row.path).exists()


def test_forgetting_nothing_changes_nothing(data, spec, go):
    go(spec)
    before = {file: file.read_bytes() for file in data.rglob("*") if file.is_file()}
    assert forget(data, urls=["http://elsewhere.example/"]) == forget(data)
    assert {file: file.read_bytes() for file in data.rglob("*") if file.is_file()} == before
