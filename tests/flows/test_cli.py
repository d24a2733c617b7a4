"""The command line: fast to answer, one line for a mistake, the exit codes that were promised."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli, prefect_plugin
from models import run
from models.errors import Diverged, TrainingError
from pipeline import store
from pipeline.errors import SourceRefused, TooFewPictures

HEAVY = "torch torchvision prefect cv2 pandas pyarrow numpy PIL matplotlib instaloader pydantic rich".split()


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "tiny.toml"
    path.write_text('[[source]]\nkind = "folder"\npath = "pictures"\n')
    return str(path)


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on standard error: one line, no traceback."""
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Traceback" not in said
    return said


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom flows.cli import COMMANDS, main\n"
        "for words in ['--help'], *([name, '--help'] for name in COMMANDS):\n"
        "    try: main(words)\n    except SystemExit: pass\n"
        f"print('heavy:', *[name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.count("usage: impasto") == len(cli.COMMANDS) + 1
    assert answer.stdout.rstrip().endswith("heavy:")


def test_help_answers_in_half_a_second_of_work() -> None:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    for _ in range(3):
        subprocess.run([sys.executable, "-m", "flows", "--help"], capture_output=True, check=True)
    assert (spent() - before) / 3 < 0.5


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("impasto ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "snekers"], "did you mean sneakers?"),
        (["run", "--set", "curate.size"], "--set = 'curate.size': need section.key=value"),
        (["run", "--set", "curate.siz=1"], "did you mean curate.size?"),
        (["run", "--set", "curate.size=65"], "curate.size = 65: need a power of two from 16 to 512, e.g. 64"),
        (["run", "--set", "train.lr_g=-1"], "train.lr_g = -1.0: need a number above 0"),
        (["scrape"], "name one: a RECIPE, or a source"),
        (["scrape", "--folder", "/nowhere"], "source.path = '/nowhere': no such file or folder"),
        (["scrape", "quickstart", "--limit", "3"], "use --set source.limit=N"),
        (["scrape", "quickstart", "--since", "2024-01-31"], "goes with --instagram only"),
        (["scrape", "--folder", ".", "--set", "curate.size=32"], "curate.size"),
        (["sample", "no-such-run", "-o", "x.png"], "no-such-run"),
        (["report", "no-such-run"], "no-such-run"),
        (["retry", "quickstart", "--reason", "bad_luck"], "need one of"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main([*arguments, "--data", str(tmp_path)]) == 2
    assert said in complaint(capsys)


@pytest.mark.parametrize(
    "arguments", [["rnu"], [], ["run", "--froce"], ["sample", "x", "-o", "y", "-n", "0"]]
)
def test_a_mistyped_command_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    complaint(capsys)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceRefused("private", "somebody is private; follow them and log in"), 3),
        (TooFewPictures("3 pictures kept, curate.min_pictures = 64"), 4),
        (Diverged("training diverged before step 50"), 5),
    ],
)
def test_every_end_has_its_exit_code(
    error: Exception,
    code: int,
    recipe: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_args: object) -> int:
        raise error

    monkeypatch.setitem(cli.COMMANDS, "run", cli.Command(fail, "", cli.COMMANDS["run"].options))
    assert cli.main(["run", recipe]) == code
    assert str(error) in complaint(capsys)


@pytest.mark.parametrize("command", ["preprocess", "train"])
def test_a_stage_without_what_comes_before_it_is_exit_code_2_before_anything_starts(
    command: str, recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, recipe, "--data", str(tmp_path / "data")]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "first" in said.err
    assert said.out == ""


def test_a_data_directory_in_use_is_exit_code_6_before_anything_starts(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.exclusive(tmp_path / "data"):
        assert cli.main(["run", recipe, "--data", str(tmp_path / "data")]) == 6
    assert "in use by process" in complaint(capsys)


def test_a_data_directory_that_cannot_be_written_is_exit_code_2(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert cli.main(["run", recipe, "--data", str(tmp_path / "file")]) == 2
    complaint(capsys)


def test_too_few_pictures_are_exit_code_4_though_nothing_is_to_be_done(
    curated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["preprocess", str(curated), "--data", str(curated.parent / "data")]
    assert cli.main(command) == 0
    assert cli.main([*command, "--set", "curate.min_pictures=13"]) == 4
    assert "12" in complaint(capsys)


def test_the_doctor_tells_of_a_dataset_that_is_older_than_the_recipe(
    curated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["doctor", str(curated), "--data", str(curated.parent / "data")]
    assert cli.main(command) == 0
    assert "not as the recipe" not in capsys.readouterr().out
    assert cli.main([*command, "--set", "curate.crop=pad"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "! pictures not as the recipe has them now (" in shown


def test_a_training_tells_of_a_dataset_that_is_older_than_the_recipe(
    curated: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TrainingError("enough")

    monkeypatch.setattr(run, "find", refuse)
    command = ["train", str(curated), "--data", str(curated.parent / "data")]
    for changes, told in (([], False), (["--set", "curate.size=32"], True)):
        assert cli.main([*command, *changes]) == 1
        said = capsys.readouterr()
        assert said.err == "impasto: enough\n"
        assert ("not as the recipe has them now" in said.out) is told


def test_a_retry_of_nothing_says_so(scraped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["retry", str(scraped), "--data", str(scraped.parent / "data")]
    assert cli.main(command) == 0
    assert cli.main([*command, "--reason", "http_404"]) == 0
    said = capsys.readouterr()
    assert ": nothing failed with http_404\n" in said.out + said.err


def test_a_plan_says_which_extra_a_training_would_miss(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything was fetched, too."""
    monkeypatch.setattr("models.extras.find_spec", lambda _name: None)
    data = str(tiny.parent / "data")
    assert cli.main(["plan", str(tiny), "--data", data, "--set", "train.evaluate_every=5"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "will not start: train.evaluate_every = 5" in shown
    assert "impasto[metrics]" in shown


def test_a_plan_says_what_would_keep_a_run_from_training(
    curated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(curated.parent / "data")
    assert cli.main(["plan", str(curated), "--data", data, "--set", "curate.min_pictures=13"]) == 0
    shown = capsys.readouterr().out
    assert "too few to train on: 12 kept, min_pictures is 13" in shown
    assert "will not start: too few" in shown
    assert cli.main(["plan", str(curated), "--set", "source.path=/nowhere/at/all"]) == 0
    assert "/nowhere/at/all: no such file or folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ("run", "impasto run"),
        ("scrape portraits --force", "impasto scrape portraits --force"),
        ("run portraits --set train.seed=2", "impasto run portraits --set train.seed=2"),
        (
            "run portraits --force train --data d",
            "impasto run portraits --data d; to start over: impasto run portraits --force train --data d",
        ),
        (
            "run portraits --force=train",
            "impasto run portraits; to start over: impasto run portraits --force=train",
        ),
        (
            "train portraits --fresh",
            "impasto train portraits; to start over: impasto train portraits --fresh",
        ),
        (
            "preprocess --force portraits",
            "impasto preprocess portraits; to start over: impasto preprocess --force portraits",
        ),
    ],
)
def test_an_interrupted_command_says_how_to_go_on(
    typed: str, again: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_args: object) -> int:
        raise KeyboardInterrupt

    name = typed.split(maxsplit=1)[0]
    monkeypatch.setitem(cli.COMMANDS, name, cli.Command(interrupt, "", cli.COMMANDS[name].options))
    assert cli.main(typed.split()) == cli.INTERRUPTED
    assert complaint(capsys).rstrip().endswith(f"To go on: {again}")


def test_every_command_is_one_function_of_its_name() -> None:
    for name, command in cli.COMMANDS.items():
        assert command.run.__name__ == name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("deployment run train", "deployment run train/train"),
        ("deployment run scrape-and-train -p recipe=x --watch",
         "deployment run scrape-and-train/scrape-and-train -p recipe=x --watch"),
        ("deployment run --watch preprocess", "deployment run --watch preprocess/preprocess"),
        ("deployment run train/train", "deployment run train/train"),
        ("deployment run other", "deployment run other"),
        ("deployment inspect train", "deployment inspect train"),
        ("server start", "server start"),
    ],
)  # fmt: skip
def test_a_deployment_is_found_by_its_flows_name(typed: str, meant: str) -> None:
    assert prefect_plugin.with_flow_name(typed.split()) == meant.split()
