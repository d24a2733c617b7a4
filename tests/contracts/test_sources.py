"""What every source must keep, whatever lies behind it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
import re

import pytest

from pipeline.acquire import decode_check
from pipeline.acquire.acquire import acquire, outlook
from pipeline.acquire.client import Client
from pipeline.acquire.source import Doors, Memory
from pipeline.acquire.sources import SOURCES
from pipeline.errors import ConfigError, PictureFault, SourceRefused
from pipeline.records import LISTING_REASONS, PICTURE_REASONS
from tests import raw
from tests.contracts.arrangements import ARRANGEMENTS

KINDS = sorted(SOURCES)
arranged_kinds = pytest.mark.parametrize("kind", sorted(SOURCES.keys() & ARRANGEMENTS.keys()))


@pytest.fixture
def arranged(kind, tmp_path):
    (tmp_path / "here").mkdir()
    with ARRANGEMENTS[kind](tmp_path / "here") as ready:
        yield ready


@pytest.fixture
def client(fake_time):
    client = Client(
        sleep=fake_time.sleep, clock=fake_time.clock, now=fake_time.now, pace=0, random=random.Random(0)
    )
    yield client
    client.close()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def go(data, client, fake_time):
    return lambda spec, **keys: acquire(spec, data, client=client, now=fake_time.now, **keys)


@pytest.fixture
def opened(client, fake_time, data):
    def of(spec):
        return spec.open(Doors(client, fake_time.now, raw.folder(data, spec)))

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_known_by_its_name_and_held_to_this(kind):
    assert SOURCES[kind].kind == kind
    assert kind in ARRANGEMENTS, f"tests/contracts/arrangements.py has none for {kind}"


@arranged_kinds
def test_a_spec_cannot_change_and_names_its_collection_by_what_is_fetched(arranged):
    spec = arranged.spec
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        spec.limit = 5
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", spec.collection), spec.collection
    for other in (
        dataclasses.replace(spec, limit=3),
        dataclasses.replace(spec, refresh=dt.timedelta(hours=1)),
        dataclasses.replace(spec),
    ):
        assert other.collection == spec.collection
        assert (other.selection.source, other.selection.collection) == (spec.kind, spec.collection)
    assert dataclasses.replace(spec, limit=3).selection.limit == 3


@arranged_kinds
@pytest.mark.parametrize("keys", [{"limit": 0}, {"limit": -1}, {"refresh": dt.timedelta(hours=-1)}])
def test_keys_that_make_no_sense_are_refused_with_the_rule(arranged, keys):
    with pytest.raises(ConfigError, match=r"source\.\w+ = .*: need"):
        dataclasses.replace(arranged.spec, **keys)


@arranged_kinds
def test_it_lists_the_same_pictures_in_the_same_order_each_time(arranged, opened):
    spec = arranged.spec
    listings = []
    for _ in range(2):
        with opened(spec) as source:
            listings.append(list(source.list_pictures(Memory())))
            assert source.parallel >= 1
    first, second = listings
    assert first == second
    assert len({picture.key for picture in first}) == len(first)
    for picture in first:
        assert (picture.source, picture.collection) == (spec.kind, spec.collection)
        assert picture.source_url
        assert picture.skip is None or picture.skip in PICTURE_REASONS
        assert picture.published_at is None or picture.published_at.utcoffset() == dt.timedelta(0)


@arranged_kinds
def test_what_it_lists_can_be_fetched_or_fails_with_a_slug(arranged, opened):
    fetched = 0
    with opened(arranged.spec) as source:
        for picture in list(source.list_pictures(Memory())):
            if picture.skip is not None:
                continue
            try:
                content = source.fetch(picture)
                decode_check.inspect(getattr(content, "content", content))
                fetched += 1
            except PictureFault as fault:
                assert fault.slug in PICTURE_REASONS  # noqa: PT017 (it need not fail)
    assert fetched == arranged.pictures


@arranged_kinds
def test_every_picture_listed_has_one_row_and_one_fate(arranged, go, data):
    done = go(arranged.spec)
    found = raw.rows(data, arranged.spec)
    assert done.listed == len(found) == len({row.key for row in found})
    assert done.fetched == arranged.pictures
    for row in found:
        assert row.status in {"fetched", "failed", "skipped"}
        assert (row.reason is None) == (row.status == "fetched")
        assert row.reason is None or row.reason in PICTURE_REASONS
        assert row.status != "fetched" or (data / row.path).stat().st_size == row.bytes


@arranged_kinds
def test_a_second_run_asks_for_nothing_and_changes_nothing(arranged, go, data, fake_time):
    spec = arranged.spec
    go(spec)
    before, asked = raw.rows(data, spec), arranged.requests()
    assert outlook(spec, data, now=fake_time.now).done
    assert go(spec).fetched == 0
    assert arranged.requests() == asked
    assert raw.rows(data, spec) == before


@arranged_kinds
def test_listing_anew_fetches_no_picture_again(arranged, go, data):
    go(arranged.spec)
    before = raw.rows(data, arranged.spec)
    assert go(arranged.spec, anew=True).fetched == 0
    assert [row.key for row in raw.rows(data, arranged.spec)] == [row.key for row in before]


@arranged_kinds
def test_a_limit_is_kept_and_raising_it_adds_to_the_end(arranged, go, data):
    few = dataclasses.replace(arranged.spec, limit=2)
    go(few)
    first = raw.rows(data, few)
    assert sum(row.status != "skipped" for row in first) == 2
    go(arranged.spec)
    assert [row.key for row in raw.rows(data, few)][: len(first)] == [row.key for row in first]
    assert sum(row.status == "fetched" for row in raw.rows(data, few)) == arranged.pictures


@arranged_kinds
def test_an_interrupted_run_goes_on_to_what_an_uninterrupted_one_gives(
    arranged, go, data, fake_time, tmp_path
):
    def interrupt(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(arranged.spec, tick=interrupt)

    # Ctrl-C has stopped that run's client; the next has its own.
    def again(folder):
        client = Client(sleep=fake_time.sleep, clock=fake_time.clock, now=fake_time.now, pace=0)
        acquire(arranged.spec, folder, client=client, now=fake_time.now)
        client.close()
        return [
            dataclasses.replace(row, fetched_at=None, attempts=0) for row in raw.rows(folder, arranged.spec)
        ]

    assert again(data) == again(tmp_path / "plain")


@arranged_kinds
def test_a_refusal_has_a_slug_and_costs_nothing_that_was_there(arranged, go, data):
    if arranged.refuse is None:
        pytest.skip("nobody there who could refuse")
    go(dataclasses.replace(arranged.spec, limit=2))
    before = raw.rows(data, arranged.spec)
    arranged.refuse()
    with pytest.raises(SourceRefused) as refusal:
        go(arranged.spec, anew=True)
    assert refusal.value.slug in LISTING_REASONS
    assert raw.rows(data, arranged.spec)[: len(before)] == before
