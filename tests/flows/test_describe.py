"""`impasto describe`, from the command line."""

import pytest

from flows.cli import main


def test_a_network_is_described_at_the_size_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "dcgan", "--size", "32"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("dcgan at 32 px")
    assert "3 × 32 × 32" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["describe", "dcgam"], "describe = 'dcgam': need one of dcgan, dcgan-1024"),
        (["describe", "celeba", "--size", "32"], "--size = 32: celeba makes pictures of 64 px"),
    ],
)
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
