"""How far one set of features is from another: X, Y rows of features, N x D and M x D."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


def kid(x_ND: Rows, y_MD: Rows) -> float:
    """Kernel distance (Bińkowski et al. 2018): squared MMD with kernel (x·y/D + 1)³, without bias."""
    own = [(_kernel(one, one).sum() - np.trace(_kernel(one, one))) / _pairs(one) for one in (x_ND, y_MD)]
    return float(sum(own) - 2 * _kernel(x_ND, y_MD).mean())


def frechet(x_ND: Rows, y_MD: Rows) -> float:
    """Fréchet distance of the two normal distributions (Heusel et al. 2017).

    The trace of the root of the covariances' product is the nuclear norm of the centred rows' product, so
    that nothing larger than N x M is decomposed.
    """
    centred = [(one - one.mean(0)) / np.sqrt(len(one) - 1) for one in (x_ND, y_MD)]
    means = float(np.square(x_ND.mean(0) - y_MD.mean(0)).sum())
    traces = sum(float(np.square(one).sum()) for one in centred)
    shared = float(np.linalg.norm(centred[0] @ centred[1].T, "nuc"))
    return means + traces - 2 * shared


def _kernel(x_ND: Rows, y_MD: Rows) -> Rows:
    kernel: Rows = (x_ND @ y_MD.T / x_ND.shape[1] + 1) ** 3
    return kernel


def _pairs(x_ND: Rows) -> int:
    return len(x_ND) * (len(x_ND) - 1)
