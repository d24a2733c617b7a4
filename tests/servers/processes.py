"""Processes that tests kill: what is imported once is there in each, so that they start in milliseconds."""

from __future__ import annotations

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "tests.servers.mortal",
        "tests.servers.instagram_mortal",
        "pipeline.acquire.instagram_listing",
        "pipeline.acquire.instagram_web",
        "pandas",  # Arrow imports it as soon as it writes
        "PIL.Image",
        "PIL.PngImagePlugin",
        "PIL.JpegImagePlugin",
    ]
)
