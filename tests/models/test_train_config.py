import pytest

from models.config import TrainConfig
from models.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("network", "biggan", "train.network = 'biggan': need one of dcgan, dcgan-1024"),
        ("loss", "wgan", "train.loss = 'wgan': need one of bce, lsgan, hinge"),
        ("augment", ("mirror", "mixup"), "train.augment = 'mixup': need one of mirror, translation"),
        ("batch_size", 0, "train.batch_size = 0: need 1 or more"),
        ("lr_d", float("nan"), "train.lr_d = nan: need a number above 0"),
        ("lr_g", 0.0, "train.lr_g = 0.0: need a number above 0"),
        ("beta1", 1.0, "train.beta1 = 1.0: need 0 or more and less than 1"),
        ("minutes", -1.0, "train.minutes = -1.0: need a number above 0"),
        ("steps", 0, "train.steps = 0: need a number above 0"),
        ("seed", -1, "train.seed = -1: need a whole number"),
        ("devices", 2, "train.devices = 2: this version trains on one device"),
    ],
)
def test_a_wrong_value_is_refused_with_key_value_and_remedy(key: str, value: object, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TrainConfig(**{key: value})
    assert str(refused.value).startswith(says)
    assert refused.value.exit_code == 2


def test_two_lengths_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match=r"train\.minutes = 2\.0: steps is given too; keep one"):
        TrainConfig(steps=10, minutes=2.0)


def test_smoothing_labels_that_the_loss_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="hinge has no labels"):
        TrainConfig(loss="hinge", label_smoothing=0.1)
