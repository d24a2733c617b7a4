"""The flows against a Prefect server of the tests: what is cached, what refused, what left in the UI."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pyarrow.parquet as pq
import pytest
import torch
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.exceptions import ParameterTypeError
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOCAL_STORAGE_PATH,
    temporary_settings,
)
from prefect.states import Failed
from prefect.testing.utilities import prefect_test_harness

from flows import recipes, tasks, turns
from flows.preprocess import preprocess
from flows.scrape_account import scrape_account
from flows.scrape_and_train import scrape_and_train
from models.errors import ConfigError as TrainConfigError
from models.errors import TrainingError
from pipeline.acquire.source import Doors, Source, SourceSpec
from pipeline.errors import ConfigError, MissingInput, SourceRefused, TooFewPictures


@pytest.fixture(scope="module", autouse=True)
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    settings = {
        PREFECT_LOCAL_STORAGE_PATH: tmp_path_factory.mktemp("results"),
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with temporary_settings(settings), prefect_test_harness(server_startup_timeout=180):
        yield
    torch.set_num_threads(threads)


def ends(state: State[Any], count: int) -> dict[str, str]:
    """The stages of a flow run, `count` of them, with the states they ended in."""
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # a server takes note of tasks after the fact
        with get_client(sync_client=True) as client:
            runs = client.read_task_runs(flow_run_filter=mine)
        if len(runs) == count and all(run.state and run.state.is_final() for run in runs):
            return {run.name.split()[0]: run.state_name or "" for run in runs}
        time.sleep(0.1)
    pytest.fail(f"{count} tasks expected, there are {[(run.name, run.state_name) for run in runs]}")


def whole_way(recipe: Path, **parameters: Any) -> dict[str, str]:
    state = scrape_and_train(str(recipe), data=str(data_of(recipe)), return_state=True, **parameters)
    assert state.is_completed(), state
    return ends(state, 4)


def data_of(recipe: Path) -> Path:
    return recipe.parent / "data"


def test_a_stage_runs_again_only_when_what_it_is_made_of_changed(tiny: Path) -> None:
    done, cached = "Completed", "Cached"
    first = whole_way(tiny)
    assert first == {"acquire": done, "curate": done, "train": done, "report": done}

    assert whole_way(tiny) == dict.fromkeys(first, cached)

    # Files that were deleted come back; what depends on them did not change and stays.
    next(data_of(tiny).glob("processed/tiny/images/*.png")).unlink()
    assert whole_way(tiny) == {**dict.fromkeys(first, cached), "curate": done}
    assert len(list(data_of(tiny).glob("processed/tiny/images/*.png"))) == 12

    # Forced, with the same outcome.
    assert whole_way(tiny, force=["curate"]) == {**dict.fromkeys(first, cached), "curate": done}

    # Another dataset: another run of training.
    changed = whole_way(tiny, overrides={"curate.size": 32})
    assert changed == {"acquire": cached, "curate": done, "train": done, "report": done}
    assert len(list(data_of(tiny).glob("runs/tiny-*"))) == 2


def test_a_finished_flow_leaves_counts_a_grid_and_the_way_to_the_report(tiny: Path) -> None:
    state = scrape_and_train(str(tiny), data=str(data_of(tiny)), return_state=True)
    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
        )
    by_key = {artifact.key: artifact for artifact in artifacts}
    assert by_key.keys() == {"counts", "sample-grid", "report"}
    assert "not_an_image" in str(by_key["counts"].data)
    assert str(by_key["sample-grid"].data).startswith("data:image/jpeg;base64,")
    assert state.result()["report"] in str(by_key["report"].data)


def test_preprocess_touches_curation_alone(scraped: Path) -> None:
    state = preprocess(str(scraped), data=str(data_of(scraped)), return_state=True)
    assert ends(state, 1) == {"curate": "Completed"}
    assert not (data_of(scraped) / "runs").exists()
    with pytest.raises(TooFewPictures):
        preprocess(str(scraped), {"curate.min_pictures": 13}, str(data_of(scraped)))


def test_scrape_account_fetches_one_source_up_to_its_limit(tiny: Path) -> None:
    scrape_account("folder", str(tiny.parent / "pictures"), limit=5, data=str(data_of(tiny)))
    manifest = pq.read_table(next(data_of(tiny).glob("raw/folder/*/manifest.parquet")))
    assert manifest["status"].to_pylist() == ["fetched"] * 5


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"overrides": {"curate.siz": 32}}, r"curate\.siz = 32: .* curate\.size"),
        ({"overrides": {"scource.limit": 32}}, r"source\.limit"),
        ({"force": ["trian"]}, "'train'"),
        ({"limit": 3}, "limit"),
    ],
)
def test_a_mistyped_parameter_is_refused_before_anything_runs(
    tiny: Path, parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises((ConfigError, ParameterTypeError, TypeError), match=named):
        scrape_and_train(str(tiny), data=str(data_of(tiny)), **parameters)
    assert not data_of(tiny).exists()


def test_what_could_not_be_trained_here_is_not_fetched_either(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.extras.find_spec", lambda _name: None)
    with pytest.raises(TrainConfigError, match="impasto\\[metrics\\]"):
        scrape_and_train(str(tiny), data=str(data_of(tiny)), overrides={"train.evaluate_every": 5})
    assert not (data_of(tiny) / "raw").exists()


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"train.network": "celeba"}, "celeba'?: makes pictures of 64 px, not 16"),
        ({"train.init": "nobody-knows-it"}, "nobody-knows-it: no trained run"),
        ({"train.device": "mps"}, "train.device = 'mps'"),
        ({"train.trackers": ["clearml"]}, "train.trackers = 'clearml': not installed"),
    ],
)
def test_nor_what_the_recipe_alone_shows_to_be_hopeless(
    tiny: Path, overrides: dict[str, Any], named: str
) -> None:
    with pytest.raises(TrainingError, match=named):
        scrape_and_train(str(tiny), data=str(data_of(tiny)), overrides=overrides)
    assert not (data_of(tiny) / "raw").exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusing(SourceSpec):
    """A source that always says no."""

    kind: ClassVar[str] = "refusing"

    @property
    def collection(self) -> str:
        return "somebody"

    @contextmanager
    def open(self, doors: Doors) -> Iterator[Source]:
        raise SourceRefused("private", "somebody is private; follow them and log in")
        yield


def test_a_source_that_refuses_does_not_keep_the_others_from_being_asked(tiny: Path) -> None:
    @flow
    def two_sources() -> None:
        tasks.acquire([Refusing(), *recipes.load(str(tiny)).sources], data_of(tiny), anew=False)

    with pytest.raises(SourceRefused, match="somebody is private"):
        two_sources()
    manifest = pq.read_table(next(data_of(tiny).glob("raw/folder/*/manifest.parquet")))
    assert manifest["status"].to_pylist().count("fetched") == 12


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(errno.EIO, "the disk hiccups"), True),
        (OSError(errno.ESTALE, "the share was away"), True),
        (ConnectionResetError(), True),
        (OSError(errno.ENOSPC, "disk full"), False),
        (PermissionError(errno.EACCES, "not yours"), False),
        (SourceRefused("rate_limited", "come back tomorrow"), False),
        (TooFewPictures("3 of 64"), False),
        (MissingInput("no such folder"), False),
        (TypeError("a bug"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, again: bool) -> None:
    assert tasks.may_pass(None, None, Failed(data=error)) is again


def test_prefect_asks_the_retry_condition(scraped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fail(*_: object, **__: object) -> NoReturn:
        calls.append(1)
        raise OSError(errno.EIO, "the disk hiccups") if len(calls) == 1 else TooFewPictures("3 of 64")

    monkeypatch.setattr(tasks.curation, "curate", fail)
    monkeypatch.setattr(tasks._curate, "retry_delay_seconds", 0)
    with pytest.raises(TooFewPictures):
        preprocess(str(scraped), data=str(data_of(scraped)))
    assert len(calls) == 2


def test_two_runs_do_not_ask_one_site_at_the_same_time() -> None:
    spans = dict[str, tuple[float, float]]()

    def work(name: str) -> None:
        with turns.alone("impasto-site-www.example.org"):
            began = time.monotonic()
            time.sleep(1)
            spans[name] = (began, time.monotonic())

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    first, second = sorted(spans.values())
    assert first[1] <= second[0]
