"""What shared weights would say of a table's cells: their true accuracies in another order."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
TOLERANCE = 1e-3
"""Of the weight of the truth, from -1 to 1."""


def distorted(accuracies: Values, parameterless: Values, noise: Values, tau: float, bias: float) -> Values:
    """The accuracies (n,), dealt anew in the order of a score whose Kendall tau with them is `tau`: the scale of a loss
    stays what it was. The score is a weighted sum of two standard variables:

    * the truth, as the normal score of its rank;
    * the distortion, sqrt(1 - bias) noise + sqrt(bias) times the standardised number of operations without parameters
      (n,), of which `bias` is the share in the variance.

    The truth's weight is found by bisection; it is negative where the distortion alone is closer than tau.
    """
    from scipy.optimize import brentq
    from scipy.stats import kendalltau

    truth = _standard(_normal_scores(accuracies))
    distortion = _standard(math.sqrt(1 - bias) * noise + math.sqrt(bias) * _standard(parameterless))

    def score(weight: float) -> Values:
        return weight * truth + math.sqrt(1 - weight**2) * distortion

    def excess(weight: float) -> float:
        return float(kendalltau(score(weight), truth).statistic) - tau

    order = np.argsort(score(brentq(excess, -1.0, 1.0, xtol=TOLERANCE)), kind="stable")
    found = np.empty_like(accuracies)
    found[order] = np.sort(accuracies)
    return found


def _normal_scores(values: Values) -> Values:
    """Of equal values the mean rank's."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores: Values = ndtri((rankdata(values) - 0.5) / len(values))
    return scores


def _standard(values: Values) -> Values:
    """With mean 0 and variance 1; zeros where all are equal."""
    centred = values - values.mean()
    return centred / (centred.std() or 1.0)
