"""`impasto describe`, from the command line."""

import pytest

from flows.cli import main


def test_a_network_is_described_at_the_size_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "dcgan", "--size", "32"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("dcgan at 32 px")
    assert "3 × 32 × 32" in told


def test_a_network_is_described_as_the_recipe_would_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["--set", "train.base_channels=8", "--set", "train.base_channels_d=4"]
    assert main(["describe", "dcgan", *changes]) == 0
    generator, _, discriminator = capsys.readouterr().out.partition("Discriminator")
    assert "64 × 4 × 4" in generator
    assert "32 × 4 × 4" in discriminator


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["describe", "dcgam"], "describe = 'dcgam': need one of dcgan, dcgan-1024"),
        (["describe", "dcgan", "--set", "curate.size=32"], "curate.size = '32': need a key of [train]"),
        (["describe", "celeba", "--size", "32"], "--size = 32: celeba makes pictures of 64 px"),
    ],
)
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
