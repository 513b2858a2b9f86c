"""Optimal transport, exactly: between sets of points, on the line, and between discrete weights.

What critics estimate, computed; and the divergences that Wasserstein distances are compared with.
NumPy and SciPy alone, float64 throughout.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import coo_array
from scipy.spatial.distance import cdist

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """An optimal plan between weights a, (N,), and b, (M,), and the potentials that prove it."""

    cost: float
    mass: Doubles  # (N, M), rows sum to a, columns to b
    f: Doubles  # (N,)
    g: Doubles  # (M,), f_i + g_j ≤ cost_ij, with equality wherever mass moves


def assignment(a: Floats, b: Floats, p: float = 1.0) -> float:
    """Return the exact W_p between two equally large sets of points, Euclidean ground cost.

    W_p = (min over permutations π of mean ‖a_i − b_π(i)‖^p)^(1/p). `a` and `b` are (N, D).
    Raises ValueError for sets of different shapes.
    """
    _same_size(a, b)
    cost = cdist(a, b) ** p
    rows, columns = linear_sum_assignment(cost)
    return float(cost[rows, columns].mean() ** (1 / p))


def on_the_line(a: Floats, b: Floats, p: float = 1.0) -> float:
    """Return the exact W_p between two equally large samples of numbers, by sorting both.

    On the line the monotone plan is optimal for every p ≥ 1 (Santambrogio 2015, theorem 2.9).
    `a` and `b` are (N,). Raises ValueError for samples of different sizes.
    """
    _same_size(a, b)
    moved = np.abs(np.sort(np.asarray(a, np.float64)) - np.sort(np.asarray(b, np.float64)))
    return float((moved**p).mean() ** (1 / p))


def discrete(a: Floats, b: Floats, cost: Floats) -> Plan:
    """Return the cheapest plan that moves the weights a onto b: min Σ π_ij c_ij, a linear program.

    `a` is (N,), `b` (M,), both ≥ 0 and of equal sum; `cost` is (N, M). For some ten thousand pairs.
    Raises ValueError where shapes or sums do not agree.
    """
    a, b, cost = (np.asarray(x, np.float64) for x in (a, b, cost))
    if cost.shape != (len(a), len(b)):
        raise ValueError(
            f"The cost must be {(len(a), len(b))}, one row a weight, not {cost.shape}."
        )
    if min(a.min(), b.min()) < 0 or not np.isclose(a.sum(), b.sum(), rtol=1e-9):
        raise ValueError("Weights must not be negative, and both must have the same sum.")
    n, m = cost.shape
    pair = np.arange(n * m)
    rows = np.concatenate([pair // m, n + pair % m])
    sums = coo_array((np.ones(2 * n * m), (rows, np.tile(pair, 2))), shape=(n + m, n * m))
    # The stubs know dense matrices only.
    found: Any = linprog(  # type: ignore[call-overload]
        cost.ravel(), A_eq=sums.tocsr(), b_eq=np.concatenate([a, b]), method="highs"
    )
    if not found.success:
        raise ValueError(f"No plan was found: {found.message}")
    potentials = np.asarray(found.eqlin.marginals, np.float64)
    return Plan(float(found.fun), found.x.reshape(n, m), potentials[:n], potentials[n:])


def c_transform(f: Floats, cost: Floats) -> Doubles:
    """Return the best partner of a potential: g_j = min_i (c_ij − f_i).

    `f` is (N,), `cost` (N, M), the result (M,).
    """
    made: Doubles = (np.asarray(cost, np.float64) - np.asarray(f, np.float64)[:, None]).min(axis=0)
    return made


def dual(f: Floats, a: Floats, b: Floats, cost: Floats) -> float:
    """Return Kantorovich's dual value of any potential: Σ a_i f_i + Σ b_j min_i (c_ij − f_i).

    Never above the cost of a plan; equal to the cheapest one's for an optimal f. `f` and `a` are
    (N,), `b` (M,), `cost` (N, M). Source: Villani 2009, theorem 5.10.
    """
    return float(np.dot(a, f) + np.dot(b, c_transform(f, cost)))


def kl(p: Floats, q: Floats) -> float:
    """Return KL(p‖q) = Σ p log(p/q) in nats; ∞ where p has weight and q has none.

    `p` and `q` are (N,), each with sum 1.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    _same_size(p, q)
    there = p > 0
    if np.any(q[there] == 0):
        return float("inf")
    return float(np.sum(p[there] * np.log(p[there] / q[there])))


def js(p: Floats, q: Floats) -> float:
    """Return the Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m), m = ½ (p + q), in nats.

    At most log 2, which it is wherever the supports are disjoint. `p` and `q` are (N,).
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    middle = (p + q) / 2
    return (kl(p, middle) + kl(q, middle)) / 2


def tv(p: Floats, q: Floats) -> float:
    """Return the total variation ½ Σ |p − q|, in [0, 1]. `p` and `q` are (N,)."""
    _same_size(p, q)
    return float(np.abs(np.asarray(p, np.float64) - np.asarray(q, np.float64)).sum() / 2)


def _same_size(a: Floats, b: Floats) -> None:
    if a.shape != b.shape:
        raise ValueError(f"Both sets must be of one size, not {a.shape} and {b.shape}.")
