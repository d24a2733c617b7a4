"""The user's own commands, as docs/prefect.md gives them: a real server, a real worker, real deployments."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).with_name("prefect")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Prefect = Callable[..., str]


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A process that works in the background for as long as the block runs, with all its children."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for_server(api: str, log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"no server at {api}:\n{log.read_text()}")


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """`prefect ARGUMENTS` in the project's folder, with a server, a worker and all flows deployed."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT")}
    environment |= {"PREFECT_HOME": str(folder), "PREFECT_API_URL": api, "DO_NOT_TRACK": "1"}
    environment |= {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5"}
    environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}

    def command(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [PREFECT, *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        said = re.sub(r"\s+", " ", done.stdout + done.stderr)
        assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return said

    with ExitStack() as stack:
        server = [str(PREFECT), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        stack.enter_context(running(server, environment, folder / "server.log"))
        wait_for_server(api, folder / "server.log")
        command("work-pool", "create", "impasto", "--type", "process")
        command("--no-prompt", "deploy", "--all")
        worker = [str(PREFECT), "worker", "start", "--pool", "impasto"]
        stack.enter_context(running(worker, environment, folder / "worker.log"))
        yield command


def test_every_flow_is_deployed_and_runs_to_its_end(prefect: Prefect, tiny: Path) -> None:
    data = tiny.parent / "data"
    here = ("-p", f"recipe={tiny}", "-p", f"data={data}", "--watch")
    pictures = ("-p", "source=folder", "-p", f"account={tiny.parent / 'pictures'}", "-p", f"data={data}")

    assert "'Completed'" in prefect("deployment", "run", "scrape-account", *pictures, "--watch")
    assert len(list(data.glob("raw/folder/*/manifest.parquet"))) == 1

    assert "'Completed'" in prefect("deployment", "run", "preprocess", *here)
    kept = pq.read_table(data / "processed/tiny/manifest.parquet")["status"].to_pylist()
    assert kept == ["kept"] * 12

    assert "'Completed'" in prefect("deployment", "run", "scrape-and-train", *here)
    assert len(list(data.glob("runs/tiny-*/report.html"))) == 1

    longer = ("-p", 'overrides={"train.steps": 9}')
    assert "'Completed'" in prefect("deployment", "run", "train/train", *here, *longer)
    metrics = pq.read_table(next(data.glob("runs/tiny-*/metrics.parquet")))
    assert metrics["step"].to_pylist()[-1] == 9


def test_the_line_of_the_readme_ends_completed(prefect: Prefect, tmp_path: Path) -> None:
    """A recipe by its name, and short."""
    changes = {"source.limit": 80, "curate.size": 16, "train.steps": 3, "train.base_channels": 4}
    said = prefect(
        "deployment", "run", "scrape-and-train",
        "-p", "recipe=quickstart", "-p", f"data={tmp_path / 'data'}",
        "-p", f"overrides={json.dumps(changes)}", "--watch",
    )  # fmt: skip
    assert "'Completed'" in said
    assert len(list(tmp_path.glob("data/runs/quickstart-*/report.html"))) == 1


def test_a_schedule_makes_runs(prefect: Prefect) -> None:
    prefect("deployment", "schedule", "create", "preprocess/preprocess", "--cron", "0 3 * * *")
    deadline = time.monotonic() + 90
    while "preprocess" not in (said := prefect("flow-run", "ls", "--state-type", "SCHEDULED")):
        assert time.monotonic() < deadline, said
        time.sleep(3)
    prefect("deployment", "schedule", "clear", "preprocess/preprocess", "--accept-yes")


def test_runs_of_two_deployments_on_one_data_directory_wait_for_each_other(
    prefect: Prefect, tiny: Path
) -> None:
    data = f"data={tiny.parent / 'data'}"
    both = [
        ("scrape-account", "-p", "source=folder", "-p", f"account={tiny.parent / 'pictures'}", "-p", data),
        ("scrape-and-train", "-p", f"recipe={tiny}", "-p", data),
    ]
    ids = [re.search(r"UUID: (\S+)", prefect("deployment", "run", *words))[1] for words in both]
    for run_id in ids:
        deadline = time.monotonic() + 300
        while "COMPLETED" not in (state := prefect("flow-run", "inspect", run_id)):
            assert "FAILED" not in state
            assert "CRASHED" not in state
            assert time.monotonic() < deadline, state
            time.sleep(2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["preprocess", "-p", 'overrides={"curate.siz": 32}'],
            r"'curate\.siz' is not one of .*'curate\.size'",
        ),
        (
            ["train", "-p", 'force=["trian"]'],
            r"'trian' is not one of \['acquire', 'curate', 'train', 'report'\]",
        ),
        (["train", "-p", "recip=quickstart"], r"'recip'.*available.*'recipe'"),
        (["scrape-account", "-p", "source=flickr"], r"'flickr' is not one of .*'folder'"),
    ],
)
def test_the_server_refuses_what_is_mistyped_and_names_what_there_is(
    prefect: Prefect, arguments: list[str], said: str
) -> None:
    assert re.search(said, prefect("deployment", "run", *arguments, code=1))
