"""The arrows between the rooms, read from the imports themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("flows", "models", "pipeline", "studio")

# What each room may import of the others; None: all of them.
MAY_ENTER = {
    "flows": ("models", "pipeline", "studio", "recipes"),
    "pipeline": (),
    "models": (),
    "studio": (
        *("pipeline.manifest", "pipeline.records", "pipeline.errors", "pipeline.store", "pipeline.heic"),
        "models.sample",
    ),
}
# Libraries that belong to one room.
OWNED = {"prefect": "flows", "torch": "models", "torchvision": "models", "accelerate": "models"}
# Inside pipeline a stage imports what is common, and itself.
STAGES = ("pipeline.acquire", "pipeline.curate", "pipeline.gallery")
ACROSS = {("pipeline.acquire", "pipeline.gallery")}  # the embedded site is a source's other side


def modules() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), path


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize(("module", "path"), [pytest.param(*it, id=it[0]) for it in modules()])
def test_a_module_enters_only_the_rooms_that_are_open_to_it(module: str, path: Path) -> None:
    room = module.partition(".")[0]
    for name in imports(path):
        top = name.partition(".")[0]
        if top in ROOMS and top != room:
            assert any(within(name, door) for door in MAY_ENTER[room]), f"{module} imports {name}"
        if top in OWNED:
            assert room == OWNED[top], f"{module} imports {name}"


@pytest.mark.parametrize(("module", "path"), [pytest.param(*it, id=it[0]) for it in modules()])
def test_stages_of_the_pipeline_never_import_each_other(module: str, path: Path) -> None:
    home = next((stage for stage in STAGES if within(module, stage)), None)
    for name in imports(path):
        away = next((stage for stage in STAGES if within(name, stage)), None)
        if module.startswith("pipeline") and away and away != home:
            assert (home, away) in ACROSS, f"{module} imports {name}"


def test_only_recipes_reads_the_environment() -> None:
    readers = {
        module
        for module, path in modules()
        if any(marker in path.read_text(encoding="utf-8") for marker in ("os.environ", "os.getenv"))
    }
    # flows.local writes what Prefect reads from it
    assert readers <= {"flows.recipes", "flows.local"}
