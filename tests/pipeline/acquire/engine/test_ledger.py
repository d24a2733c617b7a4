"""The ledger: rate windows and refusals hold over restarts."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.acquire.ledger import PAUSE, Ledger
from pipeline.errors import MissingInput

HOST = "www.example.com"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "raw" / "ledger.sqlite"


def later(fake_time, seconds: float) -> dt.datetime:
    return fake_time.now() + dt.timedelta(seconds=seconds)


def test_a_window_counts_the_requests_of_earlier_runs(path, fake_time):
    for _ in range(2):
        ledger = Ledger(path, fake_time.now)
        for _ in range(100):
            assert ledger.wait_needed(HOST, "posts", 200, 660) == 0
            ledger.record(HOST, "posts")
            fake_time.sleep(1)
        ledger.close()
    ledger = Ledger(path, fake_time.now)
    assert ledger.wait_needed(HOST, "posts", 200, 660) == pytest.approx(660 - 200)
    assert ledger.wait_needed(HOST, "other", 200, 660) == 0
    assert ledger.wait_needed("other.host", "posts", 200, 660) == 0
    fake_time.sleep(461)
    assert ledger.wait_needed(HOST, "posts", 200, 660) == 0


def test_kinds_can_be_counted_together(fake_time):
    ledger = Ledger(None, fake_time.now)
    for kind in ("graphql:a", "graphql:b", "page"):
        ledger.record(HOST, kind)
    assert ledger.wait_needed(HOST, "graphql:*", 2, 60) == pytest.approx(60)
    assert ledger.wait_needed(HOST, "graphql:*", 3, 60) == 0


def test_what_is_not_recorded_durably_is_counted_all_the_same(path, fake_time):
    ledger = Ledger(path, fake_time.now)
    for _ in range(5):
        ledger.record(HOST, "picture", durable=False)
    assert ledger.wait_needed(HOST, "picture", 5, 60) == pytest.approx(60)
    ledger.close()
    assert Ledger(path, fake_time.now).wait_needed(HOST, "picture", 5, 60) == pytest.approx(60)


def test_a_hold_is_known_to_the_next_run_until_it_ends(path, fake_time):
    until = later(fake_time, 600)
    Ledger(path, fake_time.now).hold(HOST, until, "soft_blocked", "please wait")
    hold = Ledger(path, fake_time.now).held(HOST)
    assert hold is not None
    assert (hold.until, hold.slug, hold.message) == (until, "soft_blocked", "please wait")
    fake_time.sleep(601)
    assert Ledger(path, fake_time.now).held(HOST) is None


def test_a_shorter_hold_does_not_end_a_longer_one(fake_time):
    ledger = Ledger(None, fake_time.now)
    ledger.hold(HOST, later(fake_time, 600), "soft_blocked")
    ledger.hold(HOST, later(fake_time, 60), "rate_limited")
    ledger.hold(HOST, later(fake_time, 60), PAUSE)
    hold = ledger.held(HOST)
    assert hold is not None
    assert (hold.until, hold.slug) == (later(fake_time, 600), "soft_blocked")


def test_a_refusal_outweighs_a_pause(fake_time):
    ledger = Ledger(None, fake_time.now)
    ledger.hold(HOST, later(fake_time, 600), PAUSE)
    ledger.hold(HOST, later(fake_time, 60), "checkpoint")
    hold = ledger.held(HOST)
    assert hold is not None
    assert hold.slug == "checkpoint"


def test_holds_can_be_released(fake_time):
    ledger = Ledger(None, fake_time.now)
    for host in ("a", "b", "c"):
        ledger.hold(host, later(fake_time, 60), "quota")
    ledger.release("a")
    assert [ledger.held(host) is None for host in "abc"] == [True, False, False]
    ledger.release()
    assert [ledger.held(host) is None for host in "abc"] == [True, True, True]


def test_old_requests_are_forgotten_at_the_next_start(path, fake_time):
    ledger = Ledger(path, fake_time.now)
    for _ in range(5_000):
        ledger.record(HOST, "picture", durable=False)
    ledger.close()
    fake_time.sleep(25 * 3600)
    Ledger(path, fake_time.now).close()
    fresh = Ledger(path, fake_time.now)
    assert fresh._db.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_threads_lose_no_request(path, fake_time):
    ledger = Ledger(path, fake_time.now)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ledger.record(HOST, "picture", durable=False), range(400)))
    assert ledger.wait_needed(HOST, "picture", 401, 60) == 0
    assert ledger.wait_needed(HOST, "picture", 400, 60) > 0


def test_a_file_that_is_no_ledger_is_named_in_one_line(path, fake_time):
    path.parent.mkdir()
    path.write_bytes(b"something else" * 100)
    with pytest.raises(MissingInput, match=r"ledger\.sqlite: not a usable ledger .* move it away"):
        Ledger(path, fake_time.now)
