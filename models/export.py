"""A trained generator for programs that know nothing of impasto: ONNX or TorchScript, checked against torch.

Input `latents` B x L (samples of a normal distribution), output `pictures` B x C x H x W in [-1, 1]; any B.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models import sample
from models.chance import latents
from models.errors import ConfigError, MissingInput, TrainingError
from models.files import publish

_TOLERANCE = 1e-4  # greatest difference of a pixel in [-1, 1]
_CHECKED = 16  # pictures


def export(run: Path, output: Path) -> Path:
    """Write `output`, whose suffix says what: .onnx, or .pt for TorchScript.

    Raises MissingInput for another suffix, ConfigError where a package is missing, TrainingError where the
    file does not compute what torch does.
    """
    writers = {".onnx": (_onnx, _run_onnx), ".pt": (_torchscript, _run_torchscript)}
    if output.suffix.lower() not in writers:
        raise MissingInput(
            f"{output}: cannot write {output.suffix or 'that'}; use .onnx or .pt (TorchScript)"
        )
    write, compute = writers[output.suffix.lower()]
    generator = sample.load(run)
    module = generator.module.to(memory_format=torch.contiguous_format)
    points_BL = latents(_CHECKED, generator.shape.latent_dim, 0)

    def write_checked(part: Path) -> None:
        write(module, points_BL, part)
        _check(module, points_BL, lambda: compute(part, points_BL), output)

    publish(output, write_checked)
    return output


@torch.inference_mode()
def _check(module: nn.Module, points_BL: Tensor, compute: Callable[[], np.ndarray], output: Path) -> None:
    apart = float(np.abs(compute() - module(points_BL).numpy()).max())
    if not apart <= _TOLERANCE:
        raise TrainingError(f"{output}: differs from torch by {apart:.2g}, more than {_TOLERANCE:g}")


def _onnx(module: nn.Module, points_BL: Tensor, path: Path) -> None:
    try:
        import onnxscript  # noqa: F401 (torch's exporter wants it)
    except ImportError as error:
        rule = "needs onnxscript; pip install 'impasto[onnx]', or write a .pt"
        raise ConfigError("export", ".onnx", rule) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own parts
        torch.onnx.export(
            module,
            (points_BL[:2],),
            path,
            input_names=["latents"],
            output_names=["pictures"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )


def _run_onnx(path: Path, points_BL: Tensor) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (pictures,) = session.run(["pictures"], {"latents": points_BL.numpy()})
    return np.asarray(pictures)


def _torchscript(module: nn.Module, points_BL: Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have its own formats used
        torch.jit.save(torch.jit.trace(module, points_BL[:2]), path)


def _run_torchscript(path: Path, points_BL: Tensor) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pictures: Tensor = torch.jit.load(path)(points_BL)
    return pictures.numpy()
