"""What can go wrong between a source and a curated dataset.

    ImpastoError
    ├── ConfigError          2  a key's value breaks a rule
    ├── MissingInput         2  a file, folder or dataset that was named is not there
    ├── SourceRefused        3  a source cannot be reached or will not serve us; knows its slug
    ├── TooFewPictures       4  fewer kept than `min_pictures`
    └── DataDirectoryBusy    6  another run holds the data directory

    PictureFault                one picture fails: becomes a row with its slug, never ends a run

Every error that ends a run is one line for the user and carries the exit code of the command.
"""

from __future__ import annotations

from typing import ClassVar


class ImpastoError(Exception):
    """The run cannot go on; `str()` is one line for the user, `exit_code` what the command returns."""

    exit_code: ClassVar[int] = 1


class ConfigError(ImpastoError):
    """`curate.size = 65: need a power of two from 16 to 512, e.g. 64`."""

    exit_code = 2

    def __init__(self, key: str, value: object, rule: str) -> None:
        """`rule` names what is allowed and ends with the remedy."""
        super().__init__(key, value, rule)
        self.key, self.value, self.rule = key, value, rule

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r}: {self.rule}"


class MissingInput(ImpastoError):
    exit_code = 2


class SourceRefused(ImpastoError):
    """A listing ended early: `slug` is one of records.LISTING_REASONS; what was fetched is kept."""

    exit_code = 3

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(slug, message)
        self.slug, self.message = slug, message

    def __str__(self) -> str:
        return self.message


class TooFewPictures(ImpastoError):
    exit_code = 4


class DataDirectoryBusy(ImpastoError):
    exit_code = 6


class PictureFault(Exception):
    """One picture could not be had or read: `slug` goes into `reason`, `detail` into `detail`."""

    def __init__(self, slug: str, detail: str = "") -> None:
        super().__init__(slug, detail)
        self.slug, self.detail = slug, detail

    def __str__(self) -> str:
        return f"{self.slug}: {self.detail}" if self.detail else self.slug
