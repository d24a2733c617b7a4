"""What argparse read, as the rest of the house takes it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from flows import orders
from flows.orders import Order
from pipeline.errors import ConfigError


def order(args: Namespace, force: Sequence[str] = ()) -> Order:
    return orders.order(args.recipe, changes(args), args.data, force, getattr(args, "dask", None))


def changes(args: Namespace) -> dict[str, str]:
    """`--set section.key=value`, as often as it was given; the last of a key counts."""
    named = {}
    for change in args.set:
        key, equals, value = change.partition("=")
        if not equals:
            raise ConfigError("--set", change, "need section.key=value, e.g. curate.size=64")
        named[key.strip()] = value.strip()
    return named
