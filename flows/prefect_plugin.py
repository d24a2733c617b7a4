"""Lets Prefect's own command find our deployments by one name: `prefect deployment run scrape-and-train`.

Prefect knows a deployment as FLOW/NAME and splits its argument at the slash before it asks any server; ours
have the same name as their flow. Prefect runs this hook while it is being imported, before it reads the
command line, where `prefect.toml` (or PREFECT_PLUGINS_ENABLED=true) allows it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.plugins import SetupResult, register_hook

FLOWS = ("scrape-and-train", "scrape-account", "preprocess", "train")


@register_hook
def setup_environment(*, ctx: Any) -> SetupResult:  # noqa: ARG001 - the hook's signature
    if Path(sys.argv[0]).name in {"prefect", "-m"}:
        sys.argv[1:] = with_flow_name(sys.argv[1:])
    return SetupResult(env={"DO_NOT_TRACK": "1"})


def with_flow_name(arguments: Sequence[str]) -> list[str]:
    """`deployment run train …` becomes `deployment run train/train …`; all else stays."""
    words = list(arguments)
    if words[:2] == ["deployment", "run"]:
        place = next((index for index, word in enumerate(words) if word in FLOWS), None)
        if place is not None:
            words[place] = f"{words[place]}/{words[place]}"
    return words
