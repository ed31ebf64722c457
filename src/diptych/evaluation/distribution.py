"""Distances between two sets of features: Frechet and kernel distance, density and coverage.

Features are (pictures, features) matrices; moments are streamed, and do not grow with the pictures.
"""

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from diptych.errors import DiptychError

Features = Float[Tensor, "pictures features"]
Matrix = npt.NDArray[np.float64]
ROWS = 1000  # of a kernel or distance matrix held at once


class Moments:
    """Mean and covariance of features that arrive in batches, in float64; memory is that of one covariance."""

    def __init__(self, features: int) -> None:
        self.count = 0
        self.total = np.zeros(features)
        self.products = np.zeros((features, features))
        self.shift = np.zeros(features)  # near the mean, so that the products lose no digits

    def add(self, batch: Features) -> None:
        rows = batch.double().numpy()
        if not self.count:
            self.shift = rows.mean(0)
        rows = rows - self.shift
        self.count += len(rows)
        self.total += rows.sum(0)
        self.products += rows.T @ rows

    @property
    def mean(self) -> Matrix:
        mean: Matrix = self.shift + self.total / max(self.count, 1)
        return mean

    @property
    def covariance(self) -> Matrix:
        """Unbiased, as numpy's ``cov``.

        Raises:
            DiptychError: for fewer than two pictures.
        """
        if self.count < 2:
            raise DiptychError(f"a distribution of {self.count} picture(s) has no spread; give at least 2.")
        centre = self.total / self.count
        spread: Matrix = (self.products - self.count * np.outer(centre, centre)) / (self.count - 1)
        return spread


def frechet(one: Moments, other: Moments) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau 1982; Heusel et al. 2017, equation 6).

    The trace of the root of the product is the sum of the roots of its eigenvalues, which are real and not negative.
    """
    first, second = one.covariance, other.covariance
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ second @ root)
    cross = np.sqrt(np.clip(inner, 0, None)).sum()
    apart = float(np.square(one.mean - other.mean).sum())
    return max(apart + float(np.trace(first) + np.trace(second)) - 2 * float(cross), 0.0)  # rounding can pass 0


def frechet_of(one: Features, other: Features) -> float:
    """The same from feature matrices with fewer pictures than features: the cross term is a nuclear norm."""
    first, second = one.double(), other.double()
    a = (first - first.mean(0)) / max(len(first) - 1, 1) ** 0.5
    b = (second - second.mean(0)) / max(len(second) - 1, 1) ** 0.5
    cross = torch.linalg.svdvals(a @ b.T).sum()
    apart = (first.mean(0) - second.mean(0)).square().sum()
    return float(apart + a.square().sum() + b.square().sum() - 2 * cross)


def kernel(one: Features, other: Features) -> Tensor:
    """(x . y / features + 1) ** 3 (Binkowski et al., ICLR 2018)."""
    return (one.double() @ other.double().T / one.shape[1] + 1) ** 3


def kernel_sums(one: Features, other: Features, same: bool) -> Tensor:
    """For each row of ``one``, the sum of its kernel over ``other``; over the others where the sets are the same."""
    sums = torch.cat([kernel(one[start : start + ROWS], other).sum(1) for start in range(0, len(one), ROWS)])
    own = (one.double().square().sum(1) / one.shape[1] + 1) ** 3
    return sums - own if same else sums


def kernel_distance(one: Features, other: Features) -> tuple[float, float]:
    """Unbiased squared maximum mean discrepancy over all pairs, the number called KID, which can be under 0; its standard error.

    The error is a jackknife's: the estimate with each picture of either set left out in turn.
    """
    m, n = len(one), len(other)
    if min(m, n) < 3:
        raise DiptychError(f"the kernel distance needs at least 3 pictures on either side, not {m} and {n}.")
    within_one, within_other = kernel_sums(one, one, True), kernel_sums(other, other, True)
    one_other, other_one = kernel_sums(one, other, False), kernel_sums(other, one, False)
    all_one, all_other, all_cross = within_one.sum(), within_other.sum(), one_other.sum()
    value = all_one / (m * (m - 1)) + all_other / (n * (n - 1)) - 2 * all_cross / (m * n)
    without_one = (all_one - 2 * within_one) / ((m - 1) * (m - 2)) + all_other / (n * (n - 1))
    without_one = without_one - 2 * (all_cross - one_other) / ((m - 1) * n)
    without_other = all_one / (m * (m - 1)) + (all_other - 2 * within_other) / ((n - 1) * (n - 2))
    without_other = without_other - 2 * (all_cross - other_one) / (m * (n - 1))
    variance = (m - 1) / m * (without_one - without_one.mean()).square().sum()
    variance = variance + (n - 1) / n * (without_other - without_other.mean()).square().sum()
    return float(value), float(variance.sqrt())


def density_coverage(outputs: Features, targets: Features, neighbours: int = 5) -> tuple[float, float]:
    """Density (how much outputs lie where targets are dense; 1 is ideal, more is possible) and coverage (the share of
    targets near which there is an output, in [0, 1]); Naeem et al., ICML 2020."""
    if len(targets) <= neighbours:
        raise DiptychError(f"density and coverage need more than {neighbours} targets, not {len(targets)}.")
    radii, nearest, inside = [], [], 0.0
    for start in range(0, len(targets), ROWS):
        rows = targets[start : start + ROWS].double()
        within = torch.cdist(rows, targets.double())
        radius = within.kthvalue(neighbours + 1, dim=1).values  # the first is the target itself
        across = torch.cdist(rows, outputs.double())
        inside += float((across < radius[:, None]).sum())
        radii.append(radius)
        nearest.append(across.min(1).values)
    covered = (torch.cat(nearest) < torch.cat(radii)).double().mean()
    return inside / (neighbours * len(outputs)), float(covered)
