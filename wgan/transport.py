"""Optimal transport, exactly: between sets of points, on the line, and between discrete weights.

What critics estimate, computed; and the divergences that Wasserstein distances are compared with.
NumPy and SciPy, and POT for blurred plans; float64 throughout.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # loads its parts when they are first used

from wgan.arrays import F64, Real


@dataclass(frozen=True)
class Plan:
    """An optimal plan between weights a, (N,), and b, (M,), and the potentials that prove it."""

    cost: float
    mass: F64  # (N, M), rows sum to a, columns to b
    f: F64  # (N,)
    g: F64  # (M,), f_i + g_j ≤ cost_ij, with equality wherever mass moves


@dataclass(frozen=True)
class Potential:
    """An optimal Kantorovich potential: what a perfect critic of two sets of points would say.

    f is 1-Lipschitz everywhere and mean f(a) − mean f(b) = W₁. Its mean over both sets' points is 0.
    """

    cost: float  # W₁
    points: F64  # (N + M, D), a before b
    values: F64  # (N + M,), f there

    def __call__(self, x: Real) -> F64:
        """Return f at any points: (K, D) → (K,).

        Between the samples f is not unique: min_i f(p_i) + ‖x − p_i‖ is the highest that keeps slope
        1 (the c-transform of f), max_i f(p_i) − ‖x − p_i‖ the lowest (McShane 1934). This is their
        middle, which keeps slope 1 as well.
        """
        parts = []
        for part in np.array_split(np.asarray(x, np.float64), max(1, len(x) // 512)):
            away = scipy.spatial.distance.cdist(part, self.points)
            highest, lowest = (self.values + away).min(axis=1), (self.values - away).max(axis=1)
            parts.append((highest + lowest) / 2)
        return np.concatenate(parts)


def kantorovich(a: Real, b: Real) -> Potential:
    """Return an optimal potential between two equally large sets of points, Euclidean ground cost.

    `a` and `b` are (N, D). From the optimal assignment, whose dual is a shortest path: v_k is the
    cheapest way to b_k by steps from b_j to b_k that cost ‖a_i − b_k‖ − ‖a_i − b_j‖, where a_i goes to
    b_j; then f is the c-transform min_j ‖x − b_j‖ − v_j. Raises ValueError for sets of different
    shapes. Source: Villani 2009, theorem 5.10 and particular case 5.16; Ahuja et al. 1993, section 9.
    """
    _same_size(a, b)
    cost = scipy.spatial.distance.cdist(a, b)
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    step = np.empty_like(cost)
    step[columns] = cost[rows] - cost[rows, columns][:, None]  # row j: from b_j to every b_k
    v = np.zeros(len(b))
    for _ in range(len(b)):  # Bellman and Ford: an optimal assignment has no way round that pays
        shorter = np.minimum(v, (v[:, None] + step).min(axis=0))
        done = np.allclose(shorter, v, rtol=0, atol=1e-13)
        v = shorter
        if done:
            break
    points = np.concatenate([a, b]).astype(np.float64)
    values = (scipy.spatial.distance.cdist(points, b) - v).min(axis=1)
    distance = float(values[: len(a)].mean() - values[len(a) :].mean())
    return Potential(distance, points, values - values.mean())


def proved(a: Real, b: Real, cost: Real) -> tuple[float, float]:
    """Return the W₁ that any scores prove, and the steepest slope L that they take.

    `a` (N,) and `b` (M,) are scores of two sets of points, `cost` (N, M) the distances between them.
    L = max |a_i − b_j| / cost_ij; (mean a − mean b) / L is never above W₁, as a/L and −b/L satisfy
    the dual's constraints. Where all scores are alike both are 0.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    apart = np.abs(a[:, None] - b)
    # Points that lie on each other and are scored alike ask for no slope.
    slopes = apart / np.maximum(np.asarray(cost, np.float64), 1e-12)
    steepest = float(slopes.max())
    return (float((a.mean() - b.mean()) / steepest) if steepest > 0 else 0.0), steepest


def assignment(a: Real, b: Real, p: float = 1.0) -> float:
    """Return the exact W_p between two equally large sets of points, Euclidean ground cost.

    W_p = (min over permutations π of mean ‖a_i − b_π(i)‖^p)^(1/p). `a` and `b` are (N, D).
    Raises ValueError for sets of different shapes.
    """
    return matching(a, b, p)[0]


def matching(a: Real, b: Real, p: float = 1.0) -> tuple[float, npt.NDArray[np.intp]]:
    """Return the exact W_p as `assignment` does, and where it takes each point: a_i to b_π(i), π (N,)."""
    _same_size(a, b)
    cost = scipy.spatial.distance.cdist(a, b) ** p
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    return float(cost[rows, columns].mean() ** (1 / p)), np.asarray(columns, np.intp)


def monotone(a: Real, b: Real) -> F64:
    """Return the plan on the line that never crosses: (N, M), rows sum to a, columns to b.

    `a` (N,) and `b` (M,) are weights ≥ 0 of equal sum, listed from left to right; the leftmost earth
    fills the leftmost place. Optimal for |x − y|^p with every p ≥ 1. Raises ValueError for other
    weights. Source: Santambrogio 2015, theorem 2.9.
    """
    a, b = _balanced(a, b)
    # Both piles cut wherever either has a boundary: each piece lies in one place of a and one of b.
    ends = np.cumsum(a), np.cumsum(b)
    cuts = np.unique(np.concatenate([*ends, [0.0]]).clip(0, min(end[-1] for end in ends)))
    middles, mass = (cuts[1:] + cuts[:-1]) / 2, np.zeros((len(a), len(b)))
    row, column = (
        np.minimum(np.searchsorted(end, middles, side="right"), len(end) - 1) for end in ends
    )
    np.add.at(mass, (row, column), np.diff(cuts))
    return mass


def by_cdf(a: Real, b: Real, x: Real) -> float:
    """Return W₁ on the line without any plan: ∫ |F − G| dx, F and G the distribution functions.

    `a` and `b` are weights of equal sum at the same positions `x`, ascending, (N,) each: across the gap
    between two positions exactly |F − G| must pass. Raises ValueError for other weights.
    Source: Vallender 1974; Santambrogio 2015, proposition 2.17.
    """
    _same_size(a, b)
    a, b = _balanced(a, b)
    return float(np.abs(np.cumsum(a - b)[:-1]) @ np.diff(np.asarray(x, np.float64)))


@dataclass(frozen=True)
class Entropic:
    """A plan that was blurred by an entropy, made to fit its weights exactly."""

    cost: float  # Σ π c, without the entropy: never below the cheapest plan's
    mass: F64  # (N, M), rows sum to a, columns to b
    rounds: int
    missed: float  # how far the sums were off before they were made to fit; 0 is perfect
    converged: bool


def sinkhorn(a: Real, b: Real, cost: Real, epsilon: float, *, rounds: int = 600) -> Entropic:
    """Return the plan that minimises Σ π c − ε H(π), by Sinkhorn's rounds in logarithms.

    `a` is (N,), `b` (M,), both > 0 and of sum 1, `cost` (N, M), ε > 0 in the cost's unit. Where the rounds
    end early, `converged` is False; the plan is made to fit its weights all the same, so its cost is
    never below the exact one. Raises ValueError for weights or an ε that do not fit.
    Sources: Cuturi 2013, arXiv:1306.0895; rounding: Altschuler et al. 2017, algorithm 2.
    """
    import ot  # takes two seconds, most of them for what is not used here

    a, b = _balanced(a, b)
    if epsilon <= 0:
        raise ValueError("ε must be above 0.")
    cost = np.asarray(cost, np.float64)
    with np.errstate(over="ignore"):  # before it has converged, a sum may leave all bounds
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
    """Return the cheapest plan that moves the weights a onto b: min Σ π_ij c_ij, a linear program.

    `a` is (N,), `b` (M,), both ≥ 0 and of equal sum; `cost` is (N, M). For some ten thousand pairs.
    Raises ValueError where shapes or sums do not agree.
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
    # The stubs know dense matrices only.
    solution: Any = scipy.optimize.linprog(  # type: ignore[call-overload]
        cost.ravel(), A_eq=sums.tocsr(), b_eq=np.concatenate([a, b]), method="highs"
    )
    if not solution.success:
        raise ValueError(f"No plan was found: {solution.message}")
    potentials = np.asarray(solution.eqlin.marginals, np.float64)
    return Plan(float(solution.fun), solution.x.reshape(n, m), potentials[:n], potentials[n:])


def c_transform(f: Real, cost: Real) -> F64:
    """Return the best partner of a potential: g_j = min_i (c_ij − f_i).

    `f` is (N,), `cost` (N, M), the result (M,).
    """
    transform: F64 = (np.asarray(cost, np.float64) - np.asarray(f, np.float64)[:, None]).min(axis=0)
    return transform


def dual(f: Real, a: Real, b: Real, cost: Real) -> float:
    """Return Kantorovich's dual value of any potential: Σ a_i f_i + Σ b_j min_i (c_ij − f_i).

    Never above the cost of a plan; equal to the cheapest one's for an optimal f. `f` and `a` are
    (N,), `b` (M,), `cost` (N, M). Source: Villani 2009, theorem 5.10.
    """
    return float(np.dot(a, f) + np.dot(b, c_transform(f, cost)))


def kl(p: Real, q: Real) -> float:
    """Return KL(p‖q) = Σ p log(p/q) in nats; ∞ where p has weight and q has none.

    `p` and `q` are (N,), each with sum 1.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    _same_size(p, q)
    is_positive = p > 0
    if np.any(q[is_positive] == 0):
        return float("inf")
    return float(np.sum(p[is_positive] * np.log(p[is_positive] / q[is_positive])))


def js(p: Real, q: Real) -> float:
    """Return the Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m), m = ½ (p + q), in nats.

    At most log 2, which it is wherever the supports are disjoint. `p` and `q` are (N,).
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
