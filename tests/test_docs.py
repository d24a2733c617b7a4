"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import recipes
from flows.cli import COMMANDS, parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_the_project_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_of_the_project_are_there(document: Path) -> None:
    rooms = "flows|models|pipeline|studio|recipes|tests|benchmarks|docs"
    named = re.findall(rf"`((?:{rooms})/[\w./-]+)`", document.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_commands_and_options_exist(document: Path) -> None:
    known = parser()._subparsers._group_actions[0].choices
    prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for code in re.findall(r"`([^`]+)`", prose):
        if not re.match(r"(\S*/)?impasto [a-z]", code):
            continue
        _, command, *words = code.split()
        assert command in known, code
        options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert options <= set(known[command]._option_string_actions), code


def test_the_readme_tells_every_command_and_every_recipe() -> None:
    told = set(re.findall(r"^\| `impasto (\w+)", README, re.MULTILINE))
    assert told == set(COMMANDS)
    shipped = {path.stem for path in Path(recipes.__file__).parent.glob("*.toml")}
    assert shipped == set(re.findall(r"^\| `([\w-]+)` \|", README, re.MULTILINE))


def test_the_recipe_in_the_readme_loads(tmp_path: Path) -> None:
    from flows.recipes import load

    [example] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "shoes.toml").write_text(example, encoding="utf-8")
    assert load(str(tmp_path / "shoes.toml")).train.minutes == 20
