"""What a run leaves behind when it ends: pictures for people to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from models import data, nearest, pictures, sample
from models.chance import latents
from models.evaluation import Evaluation
from models.run import Run

if TYPE_CHECKING:
    import pyarrow as pa


def write(
    run: Run, metrics: pa.Table, reals_NHWC: Tensor, generator: nn.Module, evaluation: Evaluation | None
) -> None:
    """Animation, loss plot, real beside generated; with an `evaluation`'s features the search for copies."""
    config, device = run.config, next(generator.parameters()).device
    real = reals_NHWC.cpu().numpy()
    size = real.shape[1]
    columns = pictures.columns_for(size)
    pictures.save_animation(sorted(run.samples.glob("*.png")), size, run.folder / "training.gif")
    pictures.save_loss_plot(metrics, run.folder / "losses.png")
    some = data.some(real, columns**2 // 2, config.seed)
    points_BL = latents(max(len(some), nearest.SAMPLES), config.latent_dim, config.seed)
    fake = sample.generate(generator, points_BL.to(device))
    pictures.save_real_and_fake(some, fake[: len(some)], run.folder / "real_and_fake.png")
    if evaluation is not None:
        mirrored = "mirror" in config.augment
        nearest.write(fake[: nearest.SAMPLES], real, evaluation.features, run, mirrored=mirrored)
