"""Flows in this process: Prefect without a server of the user's, quiet, and asking nobody outside.

Prefect's own way without a server starts one as a child process, which the terminal's Ctrl-C ends first, so
that the run hangs on reporting its end; and which outlives a run that is killed. Here the server is a thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.errors import MissingInput

if TYPE_CHECKING:
    import uvicorn

_START_S = 180  # the first start makes the database; on a busy machine that takes its time
_DRAIN_S = 10


def prepare(*, verbose: bool) -> None:
    """Set what Prefect reads from the environment; has to come before `import prefect`."""
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    if not verbose:  # a run's end is told by the command line, in one line
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"


@contextmanager
def prefect() -> Iterator[None]:
    """Run flows within: against the server of the user's profile, else one of our own for that time."""
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    # A heartbeat tells a server of a worker that died; here nobody listens, and it costs a second per flow.
    settings: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    url = PREFECT_API_URL.value()
    with ExitStack() as stack:
        if url:
            _check_answers(url)
        else:
            settings[PREFECT_API_URL] = stack.enter_context(_server())
            settings[PREFECT_LOGGING_TO_API_ENABLED] = False
        stack.enter_context(temporary_settings(settings))
        yield


def _check_answers(url: str) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        if client.api_healthcheck() is not None:
            remedy = "start it (prefect server start), or unset PREFECT_API_URL"
            raise MissingInput(f"Prefect's server at {url} does not answer: {remedy}")


@contextmanager
def _server() -> Iterator[str]:
    """Prefect's server on a free port of the loopback interface, in a thread that ends with the block."""
    import uvicorn
    from prefect.events.worker import EventsWorker
    from prefect.server.api.server import create_app

    # Made in the thread, too: there no Ctrl-C breaks it off half-way, with an error of another name.
    config = uvicorn.Config(
        lambda: create_app(ephemeral=True), factory=True, host="127.0.0.1", port=0, log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="prefect-server", daemon=True)
    thread.start()
    _wait_for(server, thread)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/api"
    finally:
        EventsWorker.drain_all(timeout=_DRAIN_S)  # else sent in vain, and patiently, when Python exits
        server.should_exit = True
        thread.join(timeout=10)


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("Prefect's own server did not start; try again with --verbose")
        time.sleep(0.02)
