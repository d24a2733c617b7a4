"""`impasto describe NETWORK`: what a network is made of, before anything is trained."""

from __future__ import annotations

from argparse import Namespace

from flows import console
from models.config import NETWORKS
from pipeline.errors import ConfigError


def describe(args: Namespace) -> int:
    if args.network not in NETWORKS:
        raise ConfigError("describe", args.network, f"need one of {', '.join(NETWORKS)}")
    from models.describe import describe as described  # brings torch

    console.show(described(args.network, args.size))
    return 0
