"""Exact optimal transport between sets of points, on the line, and between discrete weights.

These are the distances that critics estimate, and the divergences that they are compared with. All
computations use float64 in NumPy and SciPy, and POT for entropic plans.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Not on first use: if two threads import parts of SciPy at the same time, one of them may fail.
import scipy.optimize
import scipy.sparse
import scipy.spatial.distance

from wgan.arrays import F64, Real


@dataclass(frozen=True)
class Plan:
    """An optimal plan between weights a, (N,), and b, (M,), and the potentials that prove its
    optimality.
    """

    cost: float
    mass: F64  # (N, M), rows sum to a, columns to b
    f: F64  # (N,)
    g: F64  # (M,), f_i + g_j ≤ cost_ij, with equality wherever mass moves


@dataclass(frozen=True)
class Potential:
    """An optimal Kantorovich potential: the scores of an optimal critic of two sets of points.

    f is 1-Lipschitz, and mean f(a) − mean f(b) = W₁. The mean over all points of both sets is 0.
    """

    cost: float  # W₁
    points: F64  # (N + M, D), a before b
    values: F64  # (N + M,), f there

    def __call__(self, x: Real) -> F64:
        """Return f at any points: (K, D) → (K,).

        Between the samples f is not unique. The highest function of slope 1 is min_i f(p_i) + ‖x −
        p_i‖ (the c-transform of f), the lowest is max_i f(p_i) − ‖x − p_i‖ (McShane 1934). This
        returns their mean, which has slope 1 as well.
        """
        parts = []
        for part in np.array_split(np.asarray(x, np.float64), max(1, len(x) // 512)):
            away = scipy.spatial.distance.cdist(part, self.points)
            highest, lowest = (self.values + away).min(axis=1), (self.values - away).max(axis=1)
            parts.append((highest + lowest) / 2)
        return np.concatenate(parts)


def kantorovich(a: Real, b: Real) -> Potential:
    """Return an optimal potential between two equally large sets of points, Euclidean ground cost.

    It is derived from the optimal assignment, which moves a_i to b_j. The dual is a shortest-path
    problem: v_k is the length of the shortest path to b_k, where the edge from b_j to b_k costs
    ‖a_i − b_k‖ − ‖a_i − b_j‖. Then f(x) is the c-transform min_j ‖x − b_j‖ − v_j.

    Args:
        a: (N, D).
        b: (N, D).

    Raises:
        ValueError: The sets have different shapes.

    Reference:
        Villani 2009, theorem 5.10 and particular case 5.16; Ahuja et al. 1993, section 9.
    """
    _same_size(a, b)
    cost = scipy.spatial.distance.cdist(a, b)
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    step = np.empty_like(cost)
    step[columns] = cost[rows] - cost[rows, columns][:, None]  # row j: edges from b_j to every b_k
    v = np.zeros(len(b))
    for _ in range(len(b)):  # Bellman–Ford: an optimal assignment has no negative cycle
        shorter = np.minimum(v, (v[:, None] + step).min(axis=0))
        done = np.allclose(shorter, v, rtol=0, atol=1e-13)
        v = shorter
        if done:
            break
    points = np.concatenate([a, b]).astype(np.float64)
    values = (scipy.spatial.distance.cdist(points, b) - v).min(axis=1)
    distance = float(values[: len(a)].mean() - values[len(a) :].mean())
    return Potential(distance, points, values - values.mean())


def lower_bound(a: Real, b: Real, cost: Real) -> tuple[float, float]:
    """Return the lower bound of W₁ that scores prove, and their steepest slope L.

    L = max |a_i − b_j| / cost_ij. The bound is (mean a − mean b) / L. It is never above W₁, because
    a/L and −b/L satisfy the constraints of the dual. If all scores are equal, both are 0.

    Args:
        a: Scores of a set of points, (N,).
        b: Scores of another set, (M,).
        cost: Distances between the points, (N, M).
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    apart = np.abs(a[:, None] - b)
    # Equal scores at coinciding points have slope 0, not 0 / 0.
    slopes = apart / np.maximum(np.asarray(cost, np.float64), 1e-12)
    steepest = float(slopes.max())
    return (float((a.mean() - b.mean()) / steepest) if steepest > 0 else 0.0), steepest


def assignment(a: Real, b: Real, p: float = 1.0) -> float:
    """Return the exact W_p between two equally large sets of points, Euclidean ground cost.

    W_p = (min over permutations π of mean ‖a_i − b_π(i)‖^p)^(1/p).

    Args:
        a: (N, D).
        b: (N, D).
        p: Power of the distance.

    Raises:
        ValueError: The sets have different shapes.
    """
    return matching(a, b, p)[0]


def matching(a: Real, b: Real, p: float = 1.0) -> tuple[float, npt.NDArray[np.intp]]:
    """Return W_p like `assignment`, and the optimal permutation π, (N,), which moves a_i to b_π(i)."""
    _same_size(a, b)
    cost = scipy.spatial.distance.cdist(a, b) ** p
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    return float(cost[rows, columns].mean() ** (1 / p)), np.asarray(columns, np.intp)


def monotone(a: Real, b: Real) -> F64:
    """Return the monotone plan on the line, (N, M), in which no paths cross; rows sum to a, columns to b.

    It moves the leftmost mass to the leftmost place, which is optimal for |x − y|^p with every p ≥
    1.

    Args:
        a: Weights ≥ 0 from left to right, (N,).
        b: Weights ≥ 0 from left to right, (M,), with the same sum.

    Raises:
        ValueError: A weight is negative, or the sums differ.

    Reference:
        Santambrogio 2015, theorem 2.9.
    """
    a, b = _balanced(a, b)
    # Cut both piles at all boundaries of either, so that each piece lies in one place of a and one
    # of b.
    ends = np.cumsum(a), np.cumsum(b)
    cuts = np.unique(np.concatenate([*ends, [0.0]]).clip(0, min(end[-1] for end in ends)))
    middles, mass = (cuts[1:] + cuts[:-1]) / 2, np.zeros((len(a), len(b)))
    row, column = (
        np.minimum(np.searchsorted(end, middles, side="right"), len(end) - 1) for end in ends
    )
    np.add.at(mass, (row, column), np.diff(cuts))
    return mass


def by_cdf(a: Real, b: Real, x: Real) -> float:
    """Return W₁ on the line from the distribution functions: ∫ |F − G| dx.

    At least the mass |F − G| must pass the gap between two positions, and an optimal plan moves no more.

    Args:
        a: Weights, (N,).
        b: Weights with the same sum, (N,).
        x: Their positions, (N,), ascending.

    Raises:
        ValueError: A weight is negative, or the sums or shapes differ.

    Reference:
        Vallender 1974; Santambrogio 2015, proposition 2.17.
    """
    _same_size(a, b)
    a, b = _balanced(a, b)
    return float(np.abs(np.cumsum(a - b)[:-1]) @ np.diff(np.asarray(x, np.float64)))


@dataclass(frozen=True)
class Entropic:
    """A plan with entropic regularisation, rounded so that it fits its weights exactly."""

    cost: float  # Σ π c without the entropy; at least the cost of an optimal plan
    mass: F64  # (N, M), rows sum to a, columns to b
    rounds: int
    missed: float  # error of the sums before the rounding; 0 is perfect
    converged: bool


def sinkhorn(a: Real, b: Real, cost: Real, epsilon: float, *, rounds: int = 600) -> Entropic:
    """Return the plan that minimises Σ π c − ε H(π), by Sinkhorn's algorithm in the log domain.

    The plan is rounded to fit its weights even if the iterations end early (`converged` is False).
    So its cost is never below the exact one.

    Args:
        a: Weights > 0 with sum 1, (N,).
        b: Weights > 0 with sum 1, (M,).
        cost: (N, M).
        epsilon: ε > 0, in the unit of the cost.
        rounds: Maximum number of iterations.

    Raises:
        ValueError: ε is not positive, a weight is negative, or the sums differ.

    Reference:
        Cuturi 2013, arXiv:1306.0895; rounding: Altschuler et al. 2017, algorithm 2.
    """
    import ot  # slow (two seconds), mostly for parts that are not used here

    a, b = _balanced(a, b)
    if epsilon <= 0:
        raise ValueError("ε must be above 0.")
    cost = np.asarray(cost, np.float64)
    with np.errstate(over="ignore"):  # sums may overflow before convergence
        mass, log = ot.sinkhorn(
            a,
            b,
            cost,
            epsilon,
            method="sinkhorn_log",
            numItermax=rounds,
            stopThr=1e-8,
            log=True,
            warn=False,
        )
    missed = float(np.abs(mass.sum(1) - a).sum() + np.abs(mass.sum(0) - b).sum())
    mass = mass * np.minimum(a / np.maximum(mass.sum(1), 1e-300), 1)[:, None]
    mass = mass * np.minimum(b / np.maximum(mass.sum(0), 1e-300), 1)
    left, needed = a - mass.sum(1), b - mass.sum(0)
    if left.sum() > 0:
        mass = mass + np.outer(left, needed) / left.sum()
    iterations = int(log["niter"]) + 1
    return Entropic(float((mass * cost).sum()), mass, iterations, missed, missed < 1e-6)


def discrete(a: Real, b: Real, cost: Real) -> Plan:
    """Return an optimal plan from the weights a to b: min Σ π_ij c_ij, a linear program.

    It is feasible for some ten thousand pairs.

    Args:
        a: Weights ≥ 0, (N,).
        b: Weights ≥ 0 with the same sum, (M,).
        cost: (N, M).

    Raises:
        ValueError: The shapes or sums do not match.
    """
    cost = np.asarray(cost, np.float64)
    if cost.shape != (len(a), len(b)):
        raise ValueError(
            f"The cost must be {(len(a), len(b))}, one row a weight, not {cost.shape}."
        )
    a, b = _balanced(a, b)
    n, m = cost.shape
    pair = np.arange(n * m)
    rows = np.concatenate([pair // m, n + pair % m])
    sums = scipy.sparse.coo_array(
        (np.ones(2 * n * m), (rows, np.tile(pair, 2))), shape=(n + m, n * m)
    )
    # The type stubs allow only dense matrices.
    solution: Any = scipy.optimize.linprog(  # type: ignore[call-overload]
        cost.ravel(), A_eq=sums.tocsr(), b_eq=np.concatenate([a, b]), method="highs"
    )
    if not solution.success:
        raise ValueError(f"No plan was found: {solution.message}")
    potentials = np.asarray(solution.eqlin.marginals, np.float64)
    return Plan(float(solution.fun), solution.x.reshape(n, m), potentials[:n], potentials[n:])


def c_transform(f: Real, cost: Real) -> F64:
    """Return the c-transform of a potential: g_j = min_i (c_ij − f_i).

    Args:
        f: (N,).
        cost: (N, M).

    Returns:
        g, (M,).
    """
    transform: F64 = (np.asarray(cost, np.float64) - np.asarray(f, np.float64)[:, None]).min(axis=0)
    return transform


def dual(f: Real, a: Real, b: Real, cost: Real) -> float:
    """Return the Kantorovich dual value of a potential: Σ a_i f_i + Σ b_j min_i (c_ij − f_i).

    It is never above the cost of a plan, and equal to the optimal cost for an optimal f.

    Args:
        f: (N,).
        a: Weights, (N,).
        b: Weights, (M,).
        cost: (N, M).

    Reference:
        Villani 2009, theorem 5.10.
    """
    return float(np.dot(a, f) + np.dot(b, c_transform(f, cost)))


def kl(p: Real, q: Real) -> float:
    """Return KL(p‖q) = Σ p log(p/q) in nats; infinite if q is 0 where p is not.

    Args:
        p: (N,), with sum 1.
        q: (N,), with sum 1.

    Raises:
        ValueError: The shapes differ.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    _same_size(p, q)
    is_positive = p > 0
    if np.any(q[is_positive] == 0):
        return float("inf")
    return float(np.sum(p[is_positive] * np.log(p[is_positive] / q[is_positive])))


def js(p: Real, q: Real) -> float:
    """Return the Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m), m = ½ (p + q), in nats.

    Its maximum, for disjoint supports, is log 2.

    Args:
        p: (N,), with sum 1.
        q: (N,), with sum 1.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    middle = (p + q) / 2
    return (kl(p, middle) + kl(q, middle)) / 2


def tv(p: Real, q: Real) -> float:
    """Return the total variation ½ Σ |p − q|, in [0, 1]. `p` and `q` are (N,)."""
    _same_size(p, q)
    return float(np.abs(np.asarray(p, np.float64) - np.asarray(q, np.float64)).sum() / 2)


def _balanced(a: Real, b: Real) -> tuple[F64, F64]:
    first: F64 = np.asarray(a, np.float64)
    second: F64 = np.asarray(b, np.float64)
    if min(first.min(), second.min()) < 0 or not np.isclose(first.sum(), second.sum(), rtol=1e-9):
        raise ValueError("Weights must not be negative, and both must have the same sum.")
    return first, second


def _same_size(a: Real, b: Real) -> None:
    if a.shape != b.shape:
        raise ValueError(f"Both sets must be of one size, not {a.shape} and {b.shape}.")
