"""The machine and the versions at hand, for the foot of a page."""

from __future__ import annotations

import os
import platform
from importlib import metadata

PACKAGES = ("impasto", "torch", "numpy", "pillow", "opencv-python-headless", "prefect")


def here() -> dict[str, str]:
    """Name → value, in the order in which they are to be read."""
    found = {
        "Machine": f"{platform.system()} {platform.machine()}, {_processor()}",
        "Python": platform.python_version(),
    }
    return found | {name: version for name in PACKAGES if (version := _version(name))}


def _processor() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
