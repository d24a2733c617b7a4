import pytest
import torch

from models import config
from models.augment import AUGMENTATIONS, augment, cutout, mirror, translate
from models.chance import Chance

NAMES = list(AUGMENTATIONS)


def chance(step: int = 0) -> Chance:
    return Chance(0, torch.device("cpu")).at(step)


def test_every_name_that_a_recipe_may_use_is_there() -> None:
    assert sorted(AUGMENTATIONS) == sorted(config.AUGMENTATIONS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_reach_every_picture_through_it(name: str, channels: int) -> None:
    pictures = (torch.rand(6, channels, 16, 16) * 2 - 1).requires_grad_()
    changed = augment(pictures, [name], chance())
    assert changed.shape == pictures.shape
    changed.square().sum().backward()
    assert pictures.grad is not None
    assert (pictures.grad.abs().amax((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_step_changes_pictures_the_same_way_and_another_step_differently(name: str) -> None:
    pictures = torch.rand(8, 3, 16, 16)
    once, again, other = (augment(pictures, [name], chance(step)) for step in (3, 3, 4))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_mirror_turns_about_half_of_the_pictures_and_nothing_else() -> None:
    pictures = torch.rand(400, 1, 2, 8)
    changed = mirror(pictures, chance())
    turned = (changed == pictures.flip(3)).all(3).all(2).squeeze(1)
    kept = (changed == pictures).all(3).all(2).squeeze(1)
    assert (turned ^ kept).all()
    assert 150 < turned.sum() < 250


def test_translation_moves_a_picture_whole_and_fills_with_grey() -> None:
    pictures = torch.zeros(200, 1, 16, 16)
    pictures[:, :, 8, 8] = 1
    spots = translate(pictures, chance()).squeeze(1).nonzero()
    assert len(spots) == 200  # each dot is somewhere, once
    shifts = spots[:, 1:] - 8
    assert shifts.min() == -2
    assert shifts.max() == 2
    assert translate(torch.ones(50, 3, 16, 16), chance()).unique().tolist() == [0.0, 1.0]


def test_what_a_translation_does_to_gradients_can_be_differentiated_twice() -> None:
    pictures = torch.rand(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 1, 8, 8, dtype=torch.float64)

    def moved(given: torch.Tensor) -> torch.Tensor:
        return (translate(given, chance()) * weights).square()

    assert torch.autograd.gradcheck(moved, (pictures,))
    assert torch.autograd.gradgradcheck(moved, (pictures,))


def test_cutout_greys_out_at_most_a_quarter() -> None:
    share = (cutout(torch.ones(300, 1, 16, 16), chance()) == 0).float().mean((1, 2, 3))
    assert 0.2 < share.max() <= 0.26
    assert share.min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_strength_is_the_share_of_pictures_that_are_changed(name: str) -> None:
    pictures = torch.rand(400, 3, 16, 16)
    for strength, least, most in ((0.0, 0, 0), (0.5, 60, 390), (1.0, 150, 400)):
        changed = augment(pictures, [name], chance(), torch.tensor(strength))
        struck = (changed != pictures).flatten(1).any(1).sum()
        assert least <= struck <= most
    one_change = augment(pictures, ["color"], chance(), torch.tensor(0.25))
    assert 70 < (one_change != pictures).flatten(1).any(1).sum() < 130
