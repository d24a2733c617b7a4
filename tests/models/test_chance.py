import torch

from models.chance import Chance

CPU = torch.device("cpu")


def test_the_numbers_of_a_step_do_not_depend_on_the_steps_before() -> None:
    walked, jumped = Chance(7, CPU), Chance(7, CPU)
    for step in range(5):
        numbers = walked.at(step).normal(4, 3)
    assert torch.equal(numbers, jumped.at(4).normal(4, 3))


def test_seeds_and_steps_are_independent() -> None:
    draws = [Chance(seed, CPU).at(step).normal(1000) for seed in (0, 1) for step in (0, 1, 2)]
    correlation = torch.corrcoef(torch.stack(draws)) - torch.eye(6)
    assert correlation.abs().max() < 0.12


def test_uniform_numbers_fill_their_range() -> None:
    numbers = Chance(0, CPU).at(0).uniform(10_000, low=-2, high=3)
    assert -2 <= numbers.min() < -1.99
    assert 2.99 < numbers.max() < 3
    assert abs(numbers.mean().item() - 0.5) < 0.05
