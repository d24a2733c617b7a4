"""Acquisition: every picture listed has one row and one fate, and nothing is fetched twice."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import random

import pytest

from pipeline import manifest
from pipeline.acquire.acquire import outlook, retry
from pipeline.errors import SourceRefused
from tests import raw
from tests.servers.faults import HTML_PAGE, SERVER_ERROR, Reply, too_many
from tests.servers.shelf import fill

NAMES = [f"n{number:02}" for number in range(12)]


@pytest.fixture
def spec(server):
    return fill(server, NAMES)


@pytest.fixture
def look(data, fake_time):
    return lambda spec: outlook(spec, data, now=fake_time.now)


def pictures_asked(server) -> list[str]:
    return [path for path in server.paths() if path.endswith(".jpg")]


def test_every_picture_arrives_whole_with_its_row(data, server, spec, go):
    done = go(spec)
    assert (done.listed, done.fetched, done.failed, done.outcome) == (12, 12, 0, "complete")
    rows = raw.rows(data, spec)
    assert [row.source_id for row in rows] == NAMES
    for row in rows:
        content = (data / row.path).read_bytes()
        assert content == server.pages[f"/{row.source_id}.jpg"].body
        assert row.image_id == hashlib.sha256(content).hexdigest()
        assert row.path == f"raw/shelf/one/{row.image_id[:2]}/{row.image_id}.jpg"
        assert (row.bytes, row.width, row.height, row.format) == (len(content), 24, 24, "jpeg")
        assert (row.status, row.reason, row.attempts, row.author) == ("fetched", None, 1, "Anna")
    left = {path.name for path in raw.folder(data, spec).iterdir() if path.is_file()}
    assert left == {"manifest.parquet", "listing.json"}


def test_the_manifest_is_in_the_order_of_the_listing_whatever_arrives_first(data, server, spec, go):
    server.faults.add("/n00.jpg", SERVER_ERROR, times=2)
    server.faults.add("/n05.jpg", cut="reset")
    go(spec)
    assert [row.source_id for row in raw.rows(data, spec)] == NAMES


def test_a_second_run_asks_for_nothing(data, server, spec, go, look):
    go(spec)
    before = (raw.folder(data, spec) / manifest.NAME).read_bytes()
    asked = len(server.asked)
    assert look(spec).done
    assert go(spec).fetched == 0
    assert len(server.asked) == asked
    assert (raw.folder(data, spec) / manifest.NAME).read_bytes() == before


def test_listing_anew_fetches_only_what_is_new_and_keeps_the_order(data, server, spec, go):
    go(spec)
    written = (raw.folder(data, spec) / manifest.NAME).stat()
    assert go(spec, anew=True).known == 12
    assert (raw.folder(data, spec) / manifest.NAME).stat().st_ino == written.st_ino, "rewritten for nothing"
    server.asked.clear()
    fill(server, ["new", *NAMES])
    done = go(spec, anew=True)
    assert (done.fetched, done.known) == (1, 12)
    assert pictures_asked(server) == ["/new.jpg"]
    assert [row.source_id for row in raw.rows(data, spec)] == [*NAMES, "new"]


def test_an_old_listing_is_made_again(server, spec, go, look, fake_time):
    go(spec)
    assert look(spec).done
    fake_time.sleep(24 * 3600 + 60)
    assert look(spec).why == "the last listing is too old"
    assert not look(spec).done
    assert look(dataclasses.replace(spec, refresh=dt.timedelta(days=2))).done
    asked = len(server.asked)
    assert go(spec).listed == 12
    assert len(server.asked) == asked + 3


def test_bad_pictures_are_rows_with_reasons(data, server, spec, go):
    for name, reply in {
        "n01": HTML_PAGE,
        "n02": Reply(200, b""),
        "n03": Reply(404, b""),
        "n04": Reply(403, b""),
        "n05": Reply(200, server.pages["/n05.jpg"].body[:-50], "image/jpeg"),
        "n06": SERVER_ERROR,
    }.items():
        server.faults.add(f"/{name}.jpg", reply, times=None)
    done = go(spec)
    assert (done.fetched, done.failed, done.outcome) == (6, 6, "complete")
    assert {name: fate for name, fate in raw.fates(data, spec).items() if fate != "fetched"} == {
        "n01": "not_an_image",
        "n02": "not_an_image",
        "n03": "http_404",
        "n04": "http_error",
        "n05": "truncated",
        "n06": "http_error",
    }


def test_pictures_that_are_not_for_us_are_rows_too(data, server, go):
    spec = fill(server, ["a", "video1", "b"])
    done = go(spec)
    assert (done.fetched, done.skipped) == (2, 1)
    assert raw.fates(data, spec) == {"a": "fetched", "video1": "video", "b": "fetched"}
    assert raw.rows(data, spec)[1].status == "skipped"


def test_what_failed_for_good_is_not_asked_again_and_what_may_pass_is(data, server, spec, go, look):
    server.faults.add("/n01.jpg", Reply(404, b""))
    server.faults.add("/n02.jpg", SERVER_ERROR, times=4)
    go(spec)
    assert look(spec).done, "a finished run owes nothing until it lists again"
    server.asked.clear()
    go(spec, anew=True)
    assert pictures_asked(server) == ["/n02.jpg"]
    assert raw.fates(data, spec)["n02"] == "fetched"
    assert raw.rows(data, spec)[2].attempts == 2


def test_retry_goes_over_failed_rows_by_reason_and_lists_nothing(
    data, server, spec, go, make_client, fake_time
):
    server.faults.add("/n01.jpg", Reply(404, b""))
    server.faults.add("/n02.jpg", HTML_PAGE)
    go(spec)
    server.asked.clear()
    done = retry(spec, data, client=make_client(), now=fake_time.now, reason="not_an_image")
    assert (done.fetched, server.paths()) == (1, ["/n02.jpg"])
    assert raw.fates(data, spec)["n01"] == "http_404"
    retry(spec, data, client=make_client(), now=fake_time.now)
    assert set(raw.fates(data, spec).values()) == {"fetched"}
    assert json.loads((raw.folder(data, spec) / "listing.json").read_text())["outcome"] == "complete"


def test_a_lost_file_is_fetched_again(data, server, spec, go, look):
    go(spec)
    rows = raw.rows(data, spec)
    (data / rows[3].path).unlink()
    (data / rows[4].path).write_bytes(b"short")
    assert (look(spec).done, look(spec).to_fetch) == (False, 2)
    server.asked.clear()
    assert go(spec).fetched == 2
    assert sorted(server.paths()) == ["/n03.jpg", "/n04.jpg"]
    assert (data / rows[4].path).read_bytes() == server.pages["/n04.jpg"].body


def test_a_limit_ends_the_listing_and_covers_no_higher_one(data, server, spec, go, look):
    few = dataclasses.replace(spec, limit=3)
    assert go(few).fetched == 3
    assert server.paths().count("/list?page=1") == 0
    assert look(few).done
    assert look(dataclasses.replace(spec, limit=2)).done
    more = dataclasses.replace(spec, limit=7)
    assert not look(more).done
    assert (go(more).fetched, len(raw.rows(data, spec))) == (4, 7)
    assert look(few).done
    assert go(spec).fetched == 5
    assert all(look(dataclasses.replace(spec, limit=limit)).done for limit in (3, 100))


def test_a_limit_counts_pictures_not_what_is_skipped(data, server, go):
    spec = dataclasses.replace(fill(server, ["video1", "a", "video2", "b", "c"]), limit=2)
    go(spec)
    assert raw.fates(data, spec) == {"video1": "video", "a": "fetched", "video2": "video", "b": "fetched"}


def test_collections_share_nothing(data, server, spec, go):
    go(spec)
    other = dataclasses.replace(spec, name="two")
    assert go(other).fetched == 12
    assert raw.rows(data, other)[0].path.startswith("raw/shelf/two/")


@pytest.mark.parametrize(
    ("reply", "slug"),
    [(too_many(), "rate_limited"), (Reply(403, b""), "soft_blocked"), (SERVER_ERROR, "server_error")],
)
def test_a_refusal_keeps_what_is_there_and_a_later_run_gets_the_rest(
    data, server, spec, go, look, reply, slug, fake_time
):
    server.faults.add("/list", reply, skip=1, times=None)
    with pytest.raises(SourceRefused) as refusal:
        go(spec)
    assert refusal.value.slug == slug
    rows = raw.rows(data, spec)
    assert [row.source_id for row in rows] == NAMES[:5]
    assert {row.status for row in rows} == {"fetched"} or all(
        row.status == "fetched" or (row.reason, row.attempts) == (slug, 0) for row in rows
    )
    listing = json.loads((raw.folder(data, spec) / "listing.json").read_text())
    assert (listing["complete"], listing["outcome"]) == (False, slug)
    assert slug in look(spec).why

    server.faults.clear()
    fake_time.sleep(3600)
    server.asked.clear()
    assert go(spec).outcome == "complete"
    assert raw.fates(data, spec) == dict.fromkeys(NAMES, "fetched")
    assert server.paths().count("/list?page=0") <= 1, "more than the page it stopped at was asked again"


def test_a_refusal_of_pictures_ends_the_run_and_names_it_in_their_rows(data, server, spec, go, fake_time):
    server.faults.add("/n04.jpg", too_many(), times=None)
    spec = dataclasses.replace(spec, parallel=1)
    with pytest.raises(SourceRefused):
        go(spec)
    after = len(server.asked)
    reasons = raw.fates(data, spec)
    assert [reasons[name] for name in NAMES[:4]] == ["fetched"] * 4
    assert {reasons[name] for name in NAMES[4:] if name in reasons} == {"rate_limited"}
    assert server.paths()[-1] == "/n04.jpg", "somebody was asked after the refusal"
    with pytest.raises(SourceRefused):
        go(spec)
    server.faults.clear()
    fake_time.sleep(3600)
    go(spec)
    assert raw.fates(data, spec) == dict.fromkeys(NAMES, "fetched")
    assert len(server.asked) > after


def test_an_interrupted_run_says_so_and_the_next_goes_on(data, server, spec, go, look, monkeypatch):
    seen = []

    def interrupt(done, total):
        seen.append(done)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(spec, tick=interrupt)
    kept = raw.fates(data, spec)
    assert set(kept.values()) <= {"fetched", "interrupted"}
    assert "fetched" in kept.values()
    assert not look(spec).done
    server.asked.clear()
    go(spec)
    assert raw.fates(data, spec) == dict.fromkeys(NAMES, "fetched")
    fetched_before = {f"/{name}.jpg" for name, fate in kept.items() if fate == "fetched"}
    assert not fetched_before & set(server.paths())


def test_a_listing_that_stops_at_what_is_known_misses_nothing_after_an_interruption(data, server, go):
    spec = dataclasses.replace(fill(server, NAMES), stop_at_known=True)
    go(spec)
    newest = [f"new{number}" for number in range(8)]
    fill(server, [*newest, *NAMES])

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(spec, anew=True, tick=interrupt)
    go(spec)
    assert set(raw.fates(data, spec)) == {*newest, *NAMES}
    server.asked.clear()
    go(spec, anew=True)
    assert server.paths() == ["/list?page=0"], "a listing of nothing new should stop at the first page"


def test_a_picture_whose_bytes_changed_is_fetched_again(data, server, spec, go, monkeypatch):
    from tests.servers import shelf

    true = shelf.Shelf._listed
    monkeypatch.setattr(
        shelf.Shelf, "_listed", lambda self, name: dataclasses.replace(true(self, name), version="1")
    )
    go(spec)
    server.pages["/n03.jpg"] = server.pages["/n04.jpg"]
    version = {"n03": "2"}
    monkeypatch.setattr(
        shelf.Shelf,
        "_listed",
        lambda self, name: dataclasses.replace(true(self, name), version=version.get(name, "1")),
    )
    assert go(spec, anew=True).fetched == 1
    rows = raw.rows(data, spec)
    assert rows[3].image_id == rows[4].image_id
    assert go(spec, anew=True).fetched == 0


def test_texts_that_no_file_can_hold_are_cleaned(data, server, spec, go, monkeypatch):
    from tests.servers import shelf

    true = shelf.Shelf._listed
    monkeypatch.setattr(
        shelf.Shelf,
        "_listed",
        lambda self, name: dataclasses.replace(true(self, name), title="a\ud83d cat é"),
    )
    go(spec)
    assert raw.rows(data, spec)[0].title == "a? cat é"


def test_progress_is_told_picture_by_picture(server, spec, go):
    told = []
    go(spec, tick=lambda done, total: told.append((done, total)))
    counts = [done for done, _ in told]
    assert counts == sorted(counts)
    assert set(range(1, 13)) <= set(counts)
    assert told[-1] == (12, 12)


def test_outlook_changes_nothing_and_asks_nobody(data, server, spec, look):
    ahead = look(spec)
    assert (ahead.done, ahead.known, ahead.why) == (False, 0, "never listed")
    assert not data.exists()
    assert server.asked == []


def test_passing_faults_in_any_mixture_cost_no_picture(data, server, spec, go):
    dice = random.Random(7)
    for name in NAMES:
        match dice.randrange(5):
            case 0:
                server.faults.add(f"/{name}.jpg", SERVER_ERROR)
            case 1:
                server.faults.add(f"/{name}.jpg", too_many("30"))
            case 2:
                server.faults.add(f"/{name}.jpg", cut="reset", times=2)
            case 3:
                server.faults.add(f"/{name}.jpg", cut="short without length")
    server.faults.add("/list", too_many("5"))
    server.faults.add("/list", SERVER_ERROR)
    go(spec)
    assert raw.fates(data, spec) == dict.fromkeys(NAMES, "fetched")
