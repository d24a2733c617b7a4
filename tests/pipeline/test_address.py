"""A data directory in an object store is read and written as a folder is; here in fsspec's own, in memory."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline import address, manifest, store
from pipeline.acquire.acquire import acquire, outlook
from pipeline.acquire.client import Client
from pipeline.acquire.folder import FolderSpec
from pipeline.curate import forget, review
from pipeline.errors import ConfigError, DataDirectoryBusy, MissingInput
from tests import raw as raw_rows
from tests.conftest import FakeTime
from tests.pipeline.curate.conftest import CENTER, Raw, copied, drawn, encoded, run

_NUMBERS = itertools.count()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_process: None) -> Iterator[Path]:
    """In the memory of this process, which no other sees."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    data = store.located(f"memory://test-{next(_NUMBERS)}/data")
    yield data
    store.remove_folder(data)


def filled(data: Path) -> Raw:
    raw = Raw(data)
    raw.add(*(encoded(drawn(seed)) for seed in range(4)), copied(drawn(2)), encoded(drawn(1)), b"no picture")
    return raw


def test_what_is_curated_in_a_store_is_what_is_curated_in_a_folder(elsewhere: Path, tmp_path: Path) -> None:
    here, there = filled(tmp_path / "data"), filled(elsewhere)
    knobs = (CENTER, dataclasses.replace(CENTER, size=16), dataclasses.replace(CENTER, size=16, min_side=150))
    for config in knobs:
        assert run(here, config) == run(there, config)
        assert here.processed() == there.processed()
        assert here.pictures() == there.pictures()
        left = {path.name for path in (elsewhere / "processed" / "n").iterdir()}
        assert left == {"manifest.parquet", "images"}
    assert run(there, knobs[-1]).recomputed == 0


class Killed(BaseException):
    """As a process ends that is killed: nothing catches it."""


@pytest.mark.slow
@pytest.mark.parametrize("blow", range(1, 18, 2))
def test_a_curation_killed_at_any_request_goes_on_in_a_store(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blow: int
) -> None:
    small = dataclasses.replace(CENTER, size=16)
    whole, raw = filled(tmp_path / "data"), filled(elsewhere)
    run(whole), run(raw), run(whole, small)
    requests = itertools.count(1)
    filesystem = type(address.opened(elsewhere)[0])

    def mortal(name: str, patch: pytest.MonkeyPatch) -> None:
        request = getattr(filesystem, name)

        def sent(*arguments: object, **named: object) -> object:
            if next(requests) == blow:
                raise Killed
            return request(*arguments, **named)

        patch.setattr(filesystem, name, sent)

    with monkeypatch.context() as patch:
        for name in ("pipe_file", "put_file", "rm_file", "rm"):
            mortal(name, patch)
        with suppress(Killed):
            run(raw, small)
    assert next(requests) > blow
    monkeypatch.setenv("HOME", str(tmp_path / "another"))  # and another machine goes on
    run(raw, small)
    assert raw.processed() == whole.processed()
    assert raw.pictures() == whole.pictures()
    assert {path.name for path in (elsewhere / "processed" / "n").iterdir()} == {"manifest.parquet", "images"}


def test_decisions_and_forgetting_hold_in_a_store(elsewhere: Path) -> None:
    raw = filled(elsewhere)
    run(raw)
    (dropped,) = review.decide(elsewhere, "n", ["000001"], "drop")
    run(raw)
    fates = {row.image_id: row.reason for row in raw.processed()}
    assert fates[dropped] == "dropped_in_review"
    gone = next(row for row in raw.processed() if row.number == 4)
    forget.forget(elsewhere, {gone.image_id})
    assert gone.image_id not in {row.image_id for row in raw.processed()}
    assert "000004.png" not in raw.pictures()


def test_a_raw_picture_that_is_gone_is_one_line(elsewhere: Path) -> None:
    raw = filled(elsewhere)
    (elsewhere / (raw.rows[3].path or "")).unlink()
    with pytest.raises(MissingInput, match="impasto scrape"):
        run(raw)


def test_a_folder_is_acquired_into_a_store(elsewhere: Path, tmp_path: Path, fake_time: FakeTime) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        (folder / f"{seed}.jpg").write_bytes(encoded(drawn(seed)))
    (folder / "text.jpg").write_text("no picture")
    spec = FolderSpec(path=folder)
    done = acquire(spec, elsewhere, client=Client(pace=0), now=fake_time.now)
    assert (done.fetched, done.failed) == (3, 1)
    rows = raw_rows.by_name(elsewhere, spec)
    assert (elsewhere / (rows["1.jpg"].path or "")).read_bytes() == (folder / "1.jpg").read_bytes()
    assert outlook(spec, elsewhere, now=fake_time.now).done

    (elsewhere / (rows["2.jpg"].path or "")).unlink()
    (folder / "3.jpg").write_bytes(encoded(drawn(3)))
    assert acquire(spec, elsewhere, client=Client(pace=0), now=fake_time.now).fetched == 2
    assert (elsewhere / (rows["2.jpg"].path or "")).exists()


def test_one_run_at_a_time_holds_a_store(elsewhere: Path) -> None:
    with store.exclusive(elsewhere):
        assert (elsewhere / address.LOCK).exists()
        with pytest.raises(DataDirectoryBusy), store.exclusive(elsewhere):
            pass
    assert not (elsewhere / address.LOCK).exists()


def test_a_store_that_fails_under_way_is_one_line(elsewhere: Path) -> None:
    from botocore.exceptions import EndpointConnectionError

    with pytest.raises(MissingInput, match=r"cannot be used.*Could not connect"), store.exclusive(elsewhere):
        raise EndpointConnectionError(endpoint_url="http://gone.example")
    with pytest.raises(ZeroDivisionError), store.exclusive(elsewhere):
        _ = 1 / 0
    assert not (elsewhere / address.LOCK).exists()


def test_the_lock_of_another_machine_stays_until_somebody_removes_it(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.exclusive(elsewhere):
        note = (elsewhere / address.LOCK).read_bytes()
    store.write_bytes(elsewhere / address.LOCK, note)  # a run of this machine, killed
    with store.exclusive(elsewhere):
        pass
    store.write_bytes(elsewhere / address.LOCK, note)
    monkeypatch.setenv("HOME", str(tmp_path / "another"))
    with (
        pytest.raises(DataDirectoryBusy, match=r"killed, remove memory://.*\.lock"),
        store.exclusive(elsewhere),
    ):
        pass
    (elsewhere / address.LOCK).unlink()
    with store.exclusive(elsewhere):
        pass


def test_a_file_whose_writing_fails_does_not_appear_in_a_store(elsewhere: Path) -> None:
    path = elsewhere / "deep" / manifest.NAME
    store.write_text(path, "first")

    def write_half() -> None:
        with store.beside(path) as part:
            part.write_text("second, half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "first"
    assert store.sizes(path.parent) == {manifest.NAME: 5}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nowhere://x/y", "Unsupported filesystem"),
        ("memory://", "names no place"),
        ("s3://", "names no place"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(where: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        store.located(where)


def test_an_address_of_this_machine_is_a_folder(tmp_path: Path) -> None:
    assert store.located(f"file://{tmp_path}") == tmp_path
    assert store.is_local(store.located(str(tmp_path)))
