"""How far one set of features is from another, and what of it the other covers.

X, Y are rows of features, N x D and M x D.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

_NEIGHBOURS = 3  # as the paper has it


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


def precision_recall(x_ND: Rows, y_MD: Rows) -> tuple[float, float]:
    """The share of Y within what X covers, and that of X within what Y covers (Kynkäänniemi et al. 2019).

    A set covers the balls about its rows that reach to the third nearest of the same set.
    """
    squares_NM = squares(x_ND, y_MD)
    precision = (squares_NM <= _reach(x_ND)[:, None]).any(0).mean()
    recall = (squares_NM <= _reach(y_MD)).any(1).mean()
    return float(precision), float(recall)


def squares(x_ND: NDArray[Any], y_MD: NDArray[Any]) -> NDArray[Any]:
    """N x M: squared distances between rows, in the precision of these."""
    found_NM: NDArray[Any] = np.square(x_ND).sum(1)[:, None] + np.square(y_MD).sum(1) - 2 * x_ND @ y_MD.T
    return found_NM.clip(min=0)


def _reach(x_ND: Rows) -> Rows:
    """N: the squared distance of every row to its third nearest other, or to the farthest of fewer."""
    place = min(_NEIGHBOURS, len(x_ND) - 1)  # the 0th is the row itself
    reach_N: Rows = np.partition(squares(x_ND, x_ND), place, axis=1)[:, place]
    return reach_N


def _kernel(x_ND: Rows, y_MD: Rows) -> Rows:
    kernel: Rows = (x_ND @ y_MD.T / x_ND.shape[1] + 1) ** 3
    return kernel


def _pairs(x_ND: Rows) -> int:
    return len(x_ND) * (len(x_ND) - 1)
