"""Optimal transport of two piles on a line, by hand and exactly, and of two clouds in the plane."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from wgan.arrays import F64
from wgan.transport import Entropic, by_cdf, discrete, matching, monotone, sinkhorn

PLACES = 16
"""Columns of a pile; the distance between two neighbours is the unit of length."""

MAX_HEIGHT = 100
"""Heights are whole numbers from 0 to this."""

MAX_MOVES = 400

X = np.arange(PLACES, dtype=np.float64)


@dataclass(frozen=True)
class Piles:
    """Two piles: whole heights, (PLACES,) each, neither pile empty."""

    fake: tuple[int, ...]
    real: tuple[int, ...]

    def __post_init__(self) -> None:
        for heights in (self.fake, self.real):
            if len(heights) != PLACES or not all(0 <= h <= MAX_HEIGHT for h in heights):
                raise ValueError(f"A pile is {PLACES} heights from 0 to {MAX_HEIGHT}.")
            if not any(heights):
                raise ValueError("A pile needs some earth.")

    @property
    def shares(self) -> tuple[F64, F64]:
        """The weights of both piles, fake and real, (PLACES,) each; each sums to 1."""
        fake, real = (np.asarray(h, np.float64) for h in (self.fake, self.real))
        return fake / fake.sum(), real / real.sum()


def _heaps(**heights: int) -> tuple[int, ...]:
    pile = [0] * PLACES
    for place, height in heights.items():
        pile[int(place[1:])] = height
    return tuple(pile)


def _hill(middle: float, width: float) -> tuple[int, ...]:
    return tuple(int(h) for h in np.round(60 * np.exp(-(((X - middle) / width) ** 2) / 2)))


def _sum(*hills: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(MAX_HEIGHT, sum(heights)) for heights in zip(*hills, strict=True))


PILES: dict[str, tuple[str, Piles]] = {
    "heaps": ("A few heaps", Piles(_heaps(_1=40, _4=20, _9=40), _heaps(_3=20, _7=40, _13=40))),
    "mixed": (
        "Mixed heaps",
        Piles(_heaps(_0=30, _6=30, _7=20, _14=20), _heaps(_3=50, _10=20, _11=30)),
    ),
    "slide": ("A hill, slid", Piles(_hill(4, 1.6), _hill(10, 1.6))),
    "split": ("One hill into two", Piles(_hill(7.5, 1.5), _sum(_hill(3, 1.1), _hill(12, 1.1)))),
    "spread": ("Narrow to wide", Piles(_hill(7.5, 0.8), _hill(7.5, 4))),
    "same": ("Twice the same", Piles(_hill(7, 2), _hill(7, 2))),
}
"""Ready pairs of piles: title, and the piles."""


@dataclass(frozen=True)
class CheapestPlan:
    """The cheapest plan between two piles, and its cost, computed in three ways."""

    mass: F64  # (PLACES, PLACES), from fake to real, never crossing
    cost: float  # cost of that plan
    formula: float  # ∫ |F − G| dx
    program: float  # optimum of the linear program over all plans


def cheapest_plan(piles: Piles) -> CheapestPlan:
    """Return an optimal plan from the fake pile to the real one, and its cost: load × columns."""
    fake, real = piles.shares
    mass, away = monotone(fake, real), np.abs(X[:, None] - X)
    return CheapestPlan(
        mass, float((mass * away).sum()), by_cdf(fake, real, X), discrete(fake, real, away).cost
    )


@dataclass(frozen=True)
class HandPlan:
    """A plan that was built by hand, one move after the other."""

    moves: tuple[tuple[int, int], ...]
    mass: F64  # (PLACES, PLACES)
    cost: float  # cost of the moves so far: load × columns, with total load 1
    moved: float  # share of the earth that has been moved to its place, in [0, 1]

    @property
    def done(self) -> bool:
        """Whether the plan moves all of the earth."""
        return self.moved > 1 - 1e-9

    @property
    def crosses(self) -> bool:
        """Whether two loads cross: one begins to the left of the other and ends to its right."""
        loads = np.argwhere(self.mass > 0)
        return any((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in itertools.combinations(loads, 2))


def by_hand(piles: Piles, moves: Sequence[tuple[int, int]]) -> HandPlan:
    """Return the plan of some moves. Each moves as much earth as is left and still needed.

    Args:
        piles: Both piles.
        moves: A column of the fake pile and one of the real pile for each move.

    Raises:
        ValueError: A column does not exist, or there are more than MAX_MOVES moves.
    """
    if len(moves) > MAX_MOVES:
        raise ValueError(f"A plan has at most {MAX_MOVES} moves.")
    supply, demand = (shares.copy() for shares in piles.shares)
    mass = np.zeros((PLACES, PLACES))
    for start, end in moves:
        if not (0 <= start < PLACES and 0 <= end < PLACES):
            raise ValueError("A move leads from one column to another.")
        load = min(supply[start], demand[end])
        supply[start] -= load
        demand[end] -= load
        mass[start, end] += load
    cost = float((mass * np.abs(X[:, None] - X)).sum())
    return HandPlan(tuple(moves), mass, cost, float(mass.sum()))


# ---- in the plane -------------------------------------------------------------------------------

POINTS = 32
"""Points of each cloud."""


def _ball(rng: np.random.Generator) -> F64:
    return np.asarray(0.45 * rng.normal(size=(POINTS, 2)))


def _ring(rng: np.random.Generator) -> F64:
    angle = 2 * np.pi * (np.arange(POINTS) + 0.5) / POINTS
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(1.3 * ring + 0.06 * rng.normal(size=(POINTS, 2)))


def _pair(rng: np.random.Generator) -> F64:
    away = np.where(np.arange(POINTS) % 2 == 0, 1.2, -1.2)
    return np.asarray(0.3 * rng.normal(size=(POINTS, 2)) + np.stack([0 * away, away], axis=1))


def _cross(rng: np.random.Generator) -> F64:
    along = np.linspace(-1.4, 1.4, POINTS)
    upright = np.arange(POINTS) % 2 == 0
    cross = np.where(
        upright[:, None], np.stack([0 * along, along], 1), np.stack([along, 0 * along], 1)
    )
    return np.asarray(cross + 0.06 * rng.normal(size=(POINTS, 2)))


Maker = Callable[[np.random.Generator], F64]

CLOUDS: dict[str, tuple[str, Maker, Maker]] = {
    "balls": ("Ball to ball", _ball, _ball),
    "ring": ("Ball to ring", _ball, _ring),
    "pair": ("Ball to two balls", _ball, _pair),
    "cross": ("Ring to cross", _ring, _cross),
}
"""Pairs of clouds: title, the fakes, the real points."""


def cloud_points(name: str, distance: float, seed: int = 0) -> tuple[F64, F64]:
    """Return the fakes and the real points of two clouds, (POINTS, 2) each.

    Args:
        name: A key of `CLOUDS`.
        distance: How far the real cloud is moved to the right.
        seed: Seed of the points.

    Raises:
        KeyError: There are no such clouds.
    """
    _, left, right = CLOUDS[name]
    rng = np.random.default_rng(seed)
    return left(rng), right(rng) + np.array([distance, 0.0])


@dataclass(frozen=True)
class Clouds:
    """Two clouds, their exact distances, and the exact and the blurred plan for one cost."""

    fake: F64  # (POINTS, 2)
    real: F64  # (POINTS, 2)
    w1: float
    w2: float
    matches: npt.NDArray[np.intp]  # (POINTS,): index of the real point that each fake goes to
    exact: float  # cost of the exact plan: W₁, or W₂² for squared distances
    blurred: Entropic
    targets: float  # number of real points over which a fake is spread, on average


def plans_between(fake: F64, real: F64, p: int, epsilon: float) -> Clouds:
    """Return the plans between two clouds.

    Args:
        fake: Points of equal weight, (N, 2).
        real: Points of equal weight, (N, 2).
        p: Power of the distance that a plan pays: 1 or 2.
        epsilon: Weight of the entropy in Sinkhorn's plan, in the unit of the cost.
    """
    n = len(fake)
    plans = {power: matching(fake, real, power) for power in (1, 2)}
    even, cost = np.full(n, 1 / n), cdist(fake, real) ** p
    blurred = sinkhorn(even, even, cost, epsilon)
    row = np.maximum(blurred.mass * n, 1e-300)  # each row a distribution
    spread = float(np.exp(-(row * np.log(row)).sum(axis=1)).mean())
    return Clouds(
        fake, real, plans[1][0], plans[2][0], plans[p][1], plans[p][0] ** p, blurred, spread
    )
