"""One process training one run: the loop, and what is written as it goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models import checkpoint, data, pictures, sample
from models import run as runs
from models.chance import Chance, latents
from models.device import choose_device, choose_precision
from models.errors import ConfigError, Diverged
from models.files import sweep
from models.gan import Gan
from models.guard import MOST_ROLLBACKS, Guard, diagnosis, diversity
from models.interrupt import asked_to_stop
from models.metrics import Metrics
from models.networks import NETWORKS, Shape
from models.records import Trained, TrainProgress
from models.run import Run

_log = logging.getLogger(__name__)


class Session:
    def __init__(self, run: Run, on_progress: Callable[[TrainProgress], None]) -> None:
        config = run.config
        self.run, self.config, self._on_progress = run, config, on_progress
        self._shape = _shape(run)
        self._device = choose_device(config.device)
        self._reals = torch.from_numpy(data.load(run.dataset)).to(self._device)  # N x H x W x C uint8
        self._order = data.Order(len(run.dataset), config.batch_size, config.seed)
        self._chance = Chance(config.seed, self._device)
        columns = pictures.columns_for(self._shape.size)
        self._fixed_BL = latents(columns**2, self._shape.latent_dim, config.seed)
        self._real_diversity = diversity(self._some_reals(columns**2))
        sweep(run.folder)
        self._seconds_before = self._go_to_last_checkpoint()
        if not run.pictures.exists():
            data.write_list(run.dataset, run.pictures)
        self._metrics = Metrics(run.metrics, self._step)
        self._started = time.perf_counter()

    def train(self) -> Trained:
        """Step until the run has its length, writing as it goes; then what a finished run leaves behind."""
        with closing(self._metrics), asked_to_stop() as asked:
            if self._step == 0:
                self._sample()
            while not self._done():
                self._gan.step(self._step, self._batch(), self._chance.at(self._step))
                self._step += 1
                self._seen += self._order.batch_size
                if self._to_be_checked() and self._gan.broken():
                    self._roll_back()
                else:
                    self._write_what_is_due()
                self._report()
                if asked():
                    self._roll_back() if self._gan.broken() else self._save()
                    raise KeyboardInterrupt
            return self._finish()

    def _done(self) -> bool:
        return self.run.length.reached(self._step, self._seconds())

    def _to_be_checked(self) -> bool:
        """Before anything is logged or saved: asking whether all is well waits for the device."""
        due = self._step % self.config.log_every == 0 or self._step % self.config.checkpoint_every == 0
        return due or self._done()

    def _batch(self) -> Tensor:
        """The real pictures of this step, B x C x H x W in [-1, 1] (in memory channels come last)."""
        index = torch.from_numpy(self._order.batch(self._step)).to(self._device)
        return self._reals[index].permute(0, 3, 1, 2).float().div_(127.5).sub_(1)

    def _write_what_is_due(self) -> None:
        if self._step % self.config.log_every == 0:
            self._log()
        if self._step % self.config.sample_every == 0:
            self._sample()
        if self._step % self.config.checkpoint_every == 0:
            self._save()

    def _log(self) -> None:
        steps = self._step - self._metrics.last_means().get("step", 0)
        means = self._gan.take_means()
        lr_g, lr_d = self._gan.rates
        row = {**self._about(), **means, "lr_g": lr_g, "lr_d": lr_d, "augment_p": self._gan.augment_p}
        self._metrics.add(row)
        self._tell(self._guard.see_means(means, steps, self._gan.loss_d_range))

    def _tell(self, event: str | None) -> None:
        if event is not None:
            _log.warning("step %d: %s", self._step, event)
            self._metrics.add_event({**self._about(), "event": event})

    def _roll_back(self) -> None:
        """Go on from the last good checkpoint with both rates halved; raises Diverged the fourth time."""
        broke_at, rollbacks = self._step, self._guard.rollbacks
        if rollbacks == MOST_ROLLBACKS:
            why = diagnosis(self._metrics.last_means(), self.config.precision)
            self._metrics.add({**self._about(), "event": "diverged"})
            raise Diverged(
                f"training diverged before step {broke_at:,}, for the {rollbacks + 1}th time, at rates of "
                f"1/{2**rollbacks}: a loss is no longer a number; the last good state is step "
                f"{self.run.position()[0]:,}; {why}"
            )
        self._go_to_last_checkpoint()
        self._guard.rollbacks = rollbacks + 1
        self._gan.set_rates(self._guard.rate_factor)
        self._metrics.rewind(self._step)
        self._tell(
            f"rolled back from step {broke_at:,} to {self._step:,}: a loss was no longer a number; both "
            f"learning rates are now at 1/{2**self._guard.rollbacks}"
        )
        self._save()

    def _sample(self) -> None:
        grid = self._generate(self._fixed_BL)
        picture = pictures.grid(grid, pictures.columns_for(self._shape.size))
        pictures.save_picture(picture, self.run.samples / f"{self._step:07d}.png")
        self._metrics.add_picture("samples", np.asarray(picture.convert("RGB")), self._step)
        self._tell(self._guard.see_grid(self._step, diversity(grid), self._real_diversity))

    def _save(self) -> None:
        """A checkpoint, and the generator as it is now, so that an unfinished run can be sampled from."""
        about = {**self._about(), "guard": asdict(self._guard)}
        checkpoint.save(self.run.checkpoints, self._gan.tensors(), about)
        self._publish_generator(complete=False)

    def _finish(self) -> Trained:
        """Log and sample the last stretch, then write what is made once; the generator last, to say so."""
        if self._metrics.last_means().get("step") != self._step:
            self._log()
        if not (self.run.samples / f"{self._step:07d}.png").exists():
            self._sample()
        self._save()
        self._write_keepsakes()
        self._publish_generator(complete=True)
        return Trained(self.run.folder, self._step, self._seen, self._seconds(), finished_before=False)

    def _write_keepsakes(self) -> None:
        size = self._shape.size
        samples = sorted(self.run.samples.glob("*.png"))
        pictures.save_animation(samples, size, self.run.folder / "training.gif")
        pictures.save_loss_plot(self._metrics.table, self.run.folder / "losses.png")
        real = self._some_reals(pictures.columns_for(size) ** 2 // 2)
        fake = self._generate(self._fixed_BL[: len(real)])
        pictures.save_real_and_fake(real, fake, self.run.folder / "real_and_fake.png")

    def _some_reals(self, count: int) -> pictures.Pixels:
        some = data.Order(len(self._reals), count, self.config.seed).batch(0)
        return self._reals[torch.from_numpy(some).to(self._device)].cpu().numpy()

    def _generate(self, latents_BL: Tensor) -> pictures.Pixels:
        module = self._gan.average.module
        return sample.generate(module, latents_BL.to(self._device))

    def _publish_generator(self, *, complete: bool) -> None:
        about = {
            **self._about(),
            "name": self.run.dataset.name,
            "network": self.config.network,
            "complete": complete,
        }
        sample.save(self.run.generator, self._gan.average.module, self._shape, about)

    def _go_to_last_checkpoint(self) -> float:
        """Be what the last whole checkpoint holds, without one the beginning; gives its seconds."""
        precision = choose_precision(self.config.precision, self._device)
        self._gan = Gan(self._shape, self.config, self._device, precision)
        self._step = self._seen = 0
        self._guard = Guard()
        found = checkpoint.load_last(self.run.checkpoints)
        if found is not None:
            tensors, about = found
            self._gan.load(tensors)
            self._step, self._seen = about["step"], about["pictures_seen"]
            self._guard = Guard(**about["guard"])
            self._gan.set_rates(self._guard.rate_factor)
            return float(about["seconds"])
        if self.config.init:
            self._start_from(self.config.init)
        return 0.0

    def _start_from(self, init: str) -> None:
        """Take over the weights of another run's last checkpoint."""
        found = checkpoint.load_last(runs.named(init, self.run.data) / "checkpoints")
        if found is None:
            raise ConfigError("train.init", init, "this run has no checkpoint any more; name another")
        try:
            self._gan.load_weights(found[0])
        except ValueError as error:
            rule = f"{error} is not of its shape there; use the same network, channels, latent_dim and norm_d"
            raise ConfigError("train.init", init, rule) from error

    def _about(self) -> dict[str, Any]:
        return {"step": self._step, "pictures_seen": self._seen, "seconds": self._seconds()}

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started

    def _report(self) -> None:
        seconds = self._seconds()
        fraction = self.run.length.fraction(self._step, seconds)
        losses = self._metrics.last("loss_d"), self._metrics.last("loss_g")
        self._on_progress(TrainProgress(self._step, self._seen, seconds, fraction, *losses))


def _shape(run: Run) -> Shape:
    """What the networks are built for: the dataset's pictures and the recipe's channels."""
    config = run.config
    size, channels = data.picture_shape(run.dataset)
    sizes = NETWORKS[config.network].sizes
    if size not in sizes:
        known = ", ".join(map(str, sizes))
        raise ConfigError(
            "train.network", config.network, f"makes pictures of {known} px, not {size}; set curate.size"
        )
    base_d = config.base_channels_d or config.base_channels
    return Shape(
        size, channels, config.latent_dim, config.base_channels, base_d, config.norm_d, config.output,
        config.dropout_d,
    )  # fmt: skip
