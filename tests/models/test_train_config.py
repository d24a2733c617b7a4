from pathlib import Path

import pytest

from models.config import NETWORKS, TrainConfig, defaults
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
        ("output", "relu", "train.output = 'relu': need one of tanh, sigmoid"),
        ("dropout_d", 1.0, "train.dropout_d = 1.0: need 0 or more and less than 1, e.g. 0.2"),
        ("r1", -1.0, "train.r1 = -1.0: need 0 (none) or more"),
        ("r2", float("inf"), "train.r2 = inf: need 0 (none) or more"),
        ("penalty_every", 0, "train.penalty_every = 0: need 1 or more"),
        ("evaluate_every", -1, "train.evaluate_every = -1: need 0 (never) or more"),
        ("patience", 3, "train.patience = 3: counts evaluations, and there are none; set train.evaluate_ev"),
        ("augment_target", 0.6, "train.augment_target = 0.6: nothing to adapt"),
        ("features", "vgg", "train.features = 'vgg': need one of lite2, inception"),
        ("inception_weights", Path("i.pth"), "train.inception_weights = 'i.pth': asked for by"),
        ("devices", 0, "train.devices = 0: need 1 or more"),
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
    for loss in ("hinge", "relativistic"):
        with pytest.raises(ConfigError, match=f"{loss} has no labels"):
            TrainConfig(loss=loss, label_smoothing=0.1)
    assert TrainConfig(loss="feature-matching", label_smoothing=0.1).label_smoothing == 0.1


@pytest.mark.parametrize("network", NETWORKS)
def test_what_a_network_brings_is_a_config_that_holds(network: str) -> None:
    brought = TrainConfig(network=network, **defaults(network))
    usual = TrainConfig(network=network)
    assert all(getattr(brought, key) != getattr(usual, key) for key in defaults(network))


def test_only_modern_brings_anything() -> None:
    assert [network for network in NETWORKS if defaults(network)] == ["modern"]
    assert not defaults(None)
