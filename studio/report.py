"""The report of one run: a single page that needs no network, no script and no other file.

Everything it shows comes from manifests, the run's recipe and the run's files. Titles, names and addresses in
them were written by strangers: the template escapes all of it, only http(s) addresses become links, and the
page's content policy forbids scripts and every request.
"""

from __future__ import annotations

from pathlib import Path

import jinja2

from pipeline import store
from pipeline.errors import MissingInput
from studio import chart, curated, machine, trained, words

VERSION = 2  # of the page: raise it when the same run gives another one
NAME = "report.html"  # of the template, and of the file in a run's folder
MOST_EVENTS = 10


def write_report(run: Path, data: Path) -> Path:
    """Write the page of the run folder `run` (again) and return its path; raises MissingInput without one."""
    if not run.is_dir():
        raise MissingInput(f"{run}: no such run; `impasto status` names those there are")
    path = run / NAME
    store.write_text(path, render(run, data), durable=False)
    return path


def render(run: Path, data: Path) -> str:
    training = trained.read(run)
    dataset = curated.read(data, training.name)
    page = _templates().get_template(NAME)
    return page.render(
        run=training, dataset=dataset, notes=_notes(training, dataset), here=machine.here(), chart=chart
    )


def _notes(training: trained.Trained, dataset: curated.Curated | None) -> list[str]:
    """What a reader should not have to find out alone."""
    collections = dataset.collections if dataset else ()
    absent = sorted(set(training.kinds) - {it.source for it in collections}) if dataset else []
    empty = [f"No picture from {kind} reached this dataset." for kind in absent]
    ended = [f"{it.source}, {it.name}: {it.listing}" for it in collections if not it.complete]
    events = [f"Step {event.step:,}: {event.text}" for event in training.events]
    more = [f"{words.count(len(events) - MOST_EVENTS, 'earlier event')} in metrics.parquet"]
    return empty + ended + (more if len(events) > MOST_EVENTS else []) + events[-MOST_EVENTS:]


def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        count=words.count, duration=words.duration, figure=words.figure, link=words.web_address
    )
    return templates
