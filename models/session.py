"""The process that leads the training of one run: the loop, and what is written as it goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import numpy as np
from torch import Tensor, nn

from models import checkpoint, cores, data, keepsakes, pictures, room, sample
from models import run as runs
from models.chance import latents
from models.copies import Originals
from models.errors import ConfigError, Diverged
from models.evaluation import PICTURES, Evaluation, Standing
from models.files import sweep
from models.guard import MOST_ROLLBACKS, Guard, diagnosis, diversity
from models.interrupt import asked_to_stop
from models.metrics import Metrics
from models.records import Trained, TrainProgress
from models.run import Run
from models.team import Team
from models.trackers import Trackers
from models.worker import Worker

_log = logging.getLogger(__name__)


class Session:
    def __init__(self, run: Run, team: Team, on_progress: Callable[[TrainProgress], None]) -> None:
        config = run.config
        self.run, self.config, self._on_progress = run, config, on_progress
        self._event: str | None = None  # to be handed on
        sweep(run.folder)
        self._worker, self._team, self._device = Worker(run, team), team, team.device
        self._shape = self._worker.shape
        columns = pictures.columns_for(self._shape.size)
        self._fixed_BL = latents(columns**2, self._shape.latent_dim, config.seed)
        self._real_diversity = diversity(self._some_reals(columns**2))
        self._originals = Originals(self._worker.reals.cpu().numpy(), mirrored="mirror" in config.augment)
        self._evaluation: Evaluation | None = None
        if config.evaluate_every:
            self._evaluation = Evaluation(self._some_reals(PICTURES), self._device, config)
        self._best: nn.Module | None = None  # the generator with the best KID so far
        self._seconds_before = self._go_to_last_checkpoint()
        room.check(run, self._gan, run.length.steps_after(self._step))
        self._worker.share()
        if not run.pictures.exists():
            data.write_list(run.dataset, run.pictures)
        self._metrics = Metrics(run.metrics, self._step, Trackers(run))
        self._started = time.perf_counter()

    def train(self) -> Trained:
        """Step until the run has its length, writing as it goes; then what a finished run leaves behind."""
        alone = self._device.type == "cpu" and self._team.count == 1
        heeded = alone and self.run.length.steps is None
        with (
            closing(self._metrics),
            asked_to_stop() as asked,
            cores.shared_with_others(heeded=heeded) as heed_others,
        ):
            if self._step == 0:
                self._sample()
            while not self._done():
                heed_others()
                self._worker.step(self._step)
                self._step += 1
                self._seen += self._worker.pictures_per_step
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
        return self.run.ended(self._about() | {"evaluation": asdict(self._standing)})

    def _to_be_checked(self) -> bool:
        """Before anything is logged or saved: asking whether all is well waits for the device."""
        config = self.config
        every = (config.log_every, config.checkpoint_every, config.evaluate_every)
        return any(interval and self._step % interval == 0 for interval in every) or self._done()

    def _write_what_is_due(self) -> None:
        if self._step % self.config.log_every == 0:
            self._log()
        if self._step % self.config.sample_every == 0:
            self._sample()
        if self._evaluation and self._step % self.config.evaluate_every == 0:
            self._evaluate(self._evaluation)
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
            self._event = event
            self._metrics.add_event({**self._about(), "event": event})

    def _roll_back(self) -> None:
        """Go on from the last good checkpoint with both rates halved; raises Diverged the fourth time."""
        broke_at, rollbacks, measuring_s = self._step, self._guard.rollbacks, self._standing.seconds
        if rollbacks == MOST_ROLLBACKS:
            why = diagnosis(self._metrics.last_means(), self._worker.precision)
            self._metrics.add({**self._about(), "event": "diverged"})
            raise Diverged(
                f"training diverged before step {broke_at:,}, for the {rollbacks + 1}th time, at rates of "
                f"1/{2**rollbacks}: a loss is no longer a number; the last good state is step "
                f"{self.run.position()[0]:,}; {why}"
            )
        self._go_to_last_checkpoint()
        self._guard.rollbacks, self._standing.seconds = rollbacks + 1, measuring_s
        self._gan.set_rates(self._guard.rate_factor)
        self._worker.share()
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
        self._tell(self._guard.see_copies(self._step, self._originals.copied(grid)))

    def _evaluate(self, evaluation: Evaluation, *, at_end: bool = False) -> None:
        """Measure, unless that costs too much of the time; keep what is the best so far."""
        standing, before = self._standing, self._standing.seconds
        if not evaluation.affordable(standing, self._seconds(), at_end=at_end):
            return
        figures = evaluation.measure(standing, self._step, self._generate_for_measuring)
        self._started += standing.seconds - before  # seconds count training alone
        self._metrics.add_figures({**self._about(), **figures})
        if standing.best_step == self._step:
            self._best = deepcopy(self._gan.average.module)
            checkpoint.write(self.run.best, self._gan.tensors(), self._state())

    def _generate_for_measuring(self, count: int) -> pictures.Pixels:
        points_BL = latents(count, self._shape.latent_dim, self.config.seed + 1)
        return sample.generate(self._gan.average.module, points_BL.to(self._device))

    def _save(self) -> None:
        """A checkpoint, and the generator to sample an unfinished run from: the best, else as it is now."""
        checkpoint.save(self.run.checkpoints, self._gan.tensors(), self._state())
        self._publish_generator(complete=False)

    def _finish(self) -> Trained:
        """Log and sample the last stretch, then write what is made once; the generator last, to say so."""
        if self._metrics.last_means().get("step") != self._step:
            self._log()
        if not (self.run.samples / f"{self._step:07d}.png").exists():
            self._sample()
        if self._evaluation and self._standing.last_step != self._step:
            self._evaluate(self._evaluation, at_end=True)
        seconds = self._seconds()  # of training: what follows is no part of it
        self._save()
        chosen = self._best or self._gan.average.module
        keepsakes.write(self.run, self._metrics.table, self._worker.reals, chosen, self._evaluation)
        self._publish_generator(complete=True)
        self.run.pixels.unlink(missing_ok=True)
        return Trained(self.run.folder, self._step, self._seen, seconds, finished_before=False)

    def _some_reals(self, count: int) -> pictures.Pixels:
        return data.some(self._worker.reals.cpu().numpy(), count, self.config.seed)

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
        if self._best is not None:
            about |= {"best_step": self._standing.best_step, "kid": self._standing.best_kid}
            about["features"] = self.config.features
        sample.save(self.run.generator, self._best or self._gan.average.module, self._shape, about)

    def _go_to_last_checkpoint(self) -> float:
        """Be what the last whole checkpoint holds, without one the beginning; gives its seconds."""
        self._gan = self._worker.begin()
        self._step = self._seen = 0
        self._guard, self._standing = Guard(), Standing()
        self._best = None
        found = checkpoint.load_last(self.run.checkpoints)
        if found is not None:
            tensors, about = found
            self._gan.load(tensors)
            self._step, self._seen = about["step"], about["pictures_seen"]
            self._guard = Guard(**about["guard"])
            self._gan.set_rates(self._guard.rate_factor)
            self._standing = Standing(**about["evaluation"])
            self._load_best()
            return float(about["seconds"])
        if self.config.init:
            self._start_from(self.config.init)
        return 0.0

    def _load_best(self) -> None:
        """The generator that measured best so far, where any was measured."""
        found = checkpoint.read(self.run.best) if self._standing.best_step is not None else None
        if found is not None:
            self._best = deepcopy(self._gan.average.module)
            weights = {name: found[0][f"average.{name}"] for name in self._best.state_dict()}
            self._best.load_state_dict(weights)

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
        return {
            "step": self._step, "pictures_seen": self._seen, "seconds": self._seconds(),
            "evaluation_seconds": self._standing.seconds,
        }  # fmt: skip

    def _state(self) -> dict[str, Any]:
        """What a checkpoint says beside its tensors."""
        return {**self._about(), "guard": asdict(self._guard), "evaluation": asdict(self._standing)}

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started

    def _report(self) -> None:
        seconds = self._seconds()
        fraction = self.run.length.fraction(self._step, seconds + self._standing.seconds)
        losses = self._metrics.last("loss_d"), self._metrics.last("loss_g")
        event, self._event = self._event, None
        self._on_progress(TrainProgress(self._step, self._seen, seconds, fraction, *losses, event))
