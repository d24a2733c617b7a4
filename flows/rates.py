"""How fast stages were on this machine (data/rates.json, store.near), so that a plan can say how long."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline import store

NAME = "rates.json"  # {"curate face": seconds per picture of the last time}
_ENOUGH = 10  # pictures


def note(data: Path, stage: str, pictures: int, seconds: float) -> None:
    """Remember what `stage` took for so many pictures; too few tell of its start, not of its pace."""
    if pictures >= _ENOUGH:
        rates = _read(data) | {stage: seconds / pictures}
        store.write_text(store.near(data) / NAME, json.dumps(rates, indent=1) + "\n", durable=False)


def seconds(data: Path, stage: str, pictures: int) -> float | None:
    """What `pictures` will take; None where `stage` never ran here."""
    rate = _read(data).get(stage)
    return None if rate is None else rate * pictures


def _read(data: Path) -> dict[str, float]:
    try:
        rates: dict[str, float] = json.loads((store.near(data) / NAME).read_text())
    except (OSError, ValueError):
        return {}
    return rates
