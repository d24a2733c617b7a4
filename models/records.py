"""What training tells the rest of the house: plain records, nothing heavy imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """Where training stands; handed on after every step."""

    step: int
    pictures_seen: int
    seconds: float  # training time so far, resumes added up
    fraction: float  # of the run's length, in [0, 1]
    loss_d: float | None  # means over the last logging interval; None before the first one
    loss_g: float | None
    event: str | None = None  # what went wrong just now, in half a sentence; it may come again


@dataclass(frozen=True, slots=True)
class Trained:
    folder: Path
    step: int
    pictures_seen: int
    seconds: float
    finished_before: bool  # the run had its length already: nothing was done


@dataclass(frozen=True, slots=True)
class Outlook:
    """What `train` would do now."""

    done: bool
    folder: Path | None  # None while there is no dataset to name it by
    step: int  # of the last checkpoint
    why: str  # one line for a person
