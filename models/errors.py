"""What can go wrong between a curated dataset and a generator.

    TrainingError
    ├── ConfigError          2  a key's value breaks a rule
    ├── MissingInput         2  a dataset, run or file that was named is not there
    ├── NoRoom               2  the disk does not hold what the run would write
    ├── TooFewPictures       4  nothing to train on
    └── Diverged             5  a loss is no longer a number

Every error is one line for the user and carries the exit code of the command.
"""

from __future__ import annotations

from typing import ClassVar


class TrainingError(Exception):
    """Training cannot go on; `str()` is one line for the user, `exit_code` what the command returns."""

    exit_code: ClassVar[int] = 1


class ConfigError(TrainingError):
    """`train.batch_size = 0: need 1 or more pictures per step, e.g. 64`."""

    exit_code = 2

    def __init__(self, key: str, value: object, rule: str) -> None:
        """`rule` names what is allowed and ends with the remedy."""
        super().__init__(key, value, rule)
        self.key, self.value, self.rule = key, value, rule

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r}: {self.rule}"


class MissingInput(TrainingError):
    exit_code = 2


class NoRoom(TrainingError):
    exit_code = 2


class TooFewPictures(TrainingError):
    exit_code = 4


class Diverged(TrainingError):
    exit_code = 5
