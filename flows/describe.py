"""`impasto describe NETWORK`: what a network is made of, before anything is trained."""

from __future__ import annotations

from argparse import Namespace

from flows import arguments, console, recipes
from models.config import NETWORKS
from pipeline.errors import ConfigError


def describe(args: Namespace) -> int:
    if args.network not in NETWORKS:
        raise ConfigError("describe", args.network, f"need one of {', '.join(NETWORKS)}")
    config = recipes.training(args.network, arguments.changes(args))
    from models.describe import describe as described  # brings torch

    console.show(described(config, args.size))
    return 0
