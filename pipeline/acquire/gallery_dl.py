"""Kind `gallery-dl`: whatever the installed gallery-dl can list, fetched and accounted for by us.

The command runs without downloading and writes one line of JSON per file as it finds them; the bytes come
through our own client, so that pace, checks and rows are those of every other source. The user's own
configuration of gallery-dl counts: sites that want a login get it there.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pipeline.acquire import gallery_dl_names
from pipeline.acquire.source import Doors, Memory, Source, SourceSpec
from pipeline.errors import ConfigError, MissingInput, SourceRefused
from pipeline.records import Key, Listed

_POSTPROCESSOR = [
    {"name": "metadata", "event": "prepare", "mode": "jsonl", "filename": "-", "private": True},
]
_OPTIONS = (
    "--no-input",
    "--no-download",
    "--option=output.mode=null",
    f"--option=postprocessors={json.dumps(_POSTPROCESSOR)}",
)
_UNSUPPORTED, _NO_LOGIN = 64, 16  # bits of gallery-dl's exit status
_SLUGS = {401: "login_required", 403: "soft_blocked", 404: "missing", 410: "missing", 429: "rate_limited"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryDlSpec(SourceSpec):
    kind: ClassVar[str] = "gallery-dl"
    url: str  # as gallery-dl takes it: an address, with a prefix such as `generic:` where it wants one

    def __post_init__(self) -> None:
        SourceSpec.__post_init__(self)
        if not re.fullmatch(r"([a-z]+:)?https?://\S+", self.url):
            raise ConfigError(
                "source.url", self.url, 'need an address, e.g. "https://www.deviantart.com/NAME"'
            )

    @property
    def collection(self) -> str:
        words = re.sub(r"[^A-Za-z0-9_]+", "-", self.url.partition("://")[2]).strip("-")[:60]
        return f"{words}-{hashlib.sha256(self.url.encode()).hexdigest()[:8]}"

    @property
    def host(self) -> str | None:
        return urlsplit(re.sub(r"^[a-z]+:(?=http)", "", self.url)).hostname

    @contextmanager
    def open(self, doors: Doors) -> Iterator[Source]:
        yield GalleryDlSource(self, doors)


class GalleryDlSource:
    parallel = 4

    def __init__(self, spec: GalleryDlSpec, doors: Doors) -> None:
        self._spec, self._doors = spec, doors
        self._live: dict[Key, Mapping[str, Any]] = {}  # what gallery-dl said in this run

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:  # noqa: ARG002 (sites list in orders of their own)
        names = gallery_dl_names.Names(self._spec.kind, self._spec.collection)
        for said in self._run():
            picture = names.listed(said)
            if picture.skip is None:
                self._live[picture.key] = said
            yield picture

    def position(self) -> None:
        """A listing always begins at the start."""

    def fetch(self, picture: Listed) -> bytes:
        said = self._live.pop(picture.key, None)
        if said is None:
            return self._doors.client.picture(picture.source_url)
        return self._doors.client.picture(said["_url"], headers=gallery_dl_names.headers(said))

    def _run(self) -> Iterator[dict[str, Any]]:
        folder = self._doors.state / "gallery-dl"
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "gallery-dl.log"
        with (
            log.open("w") as errors,
            subprocess.Popen(  # noqa: S603 (a fixed command; the address cannot be an option)
                [_command(), *_OPTIONS, "--", self._spec.url],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is ours to pass on
            ) as process,
        ):
            try:
                for line in process.stdout or ():
                    if said := _file_of(line):
                        yield said
                status = process.wait()
            finally:
                process.terminate()
        if status:
            raise self._refusal(status, log.read_text(errors="replace"))

    def _refusal(self, status: int, log: str) -> Exception:
        said = [line for line in log.splitlines() if "[error]" in line]
        words = said[-1].strip() if said else f"exit status {status}"
        if status & _UNSUPPORTED:
            return ConfigError("source.url", self._spec.url, f"gallery-dl does not know this site ({words})")
        http = re.search(r"'(\d{3}) ", words)
        if http is not None:
            slug = _SLUGS.get(int(http[1]), "server_error")
        elif status & _NO_LOGIN:
            slug = "login_required"
        else:
            slug = "network" if "Connection" in words or "Timeout" in words else "server_error"
        return SourceRefused(slug, f"gallery-dl: {words}")


def _file_of(line: str) -> dict[str, Any] | None:
    """A file's metadata; None for what the user's own configuration of gallery-dl makes it print besides."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and "_url" in said else None


def _command() -> str:
    """The installed command: beside this Python's own, or on the PATH."""
    beside = Path(sys.executable).with_name("gallery-dl")
    found = str(beside) if beside.exists() else shutil.which("gallery-dl")
    if found is None:
        raise MissingInput("the command gallery-dl is not installed; pip install gallery-dl")
    return found
