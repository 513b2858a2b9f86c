"""Move the earth: two piles on a line, a plan built by hand against the cheapest, and clouds in the plane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from wgan.arrays import F64
from wgan.transport import Entropic, by_cdf, discrete, matching, monotone, sinkhorn

PLACES = 16
"""Columns of a pile; the distance between two neighbours is the unit of length."""

TALLEST = 100
"""Heights are whole numbers from 0 to this."""

MOST_MOVES = 400

X = np.arange(PLACES, dtype=np.float64)


@dataclass(frozen=True)
class Piles:
    """Two piles as they were shaped: whole heights, (PLACES,) each, none of them empty."""

    fake: tuple[int, ...]
    real: tuple[int, ...]

    def __post_init__(self) -> None:
        for heights in (self.fake, self.real):
            if len(heights) != PLACES or not all(0 <= h <= TALLEST for h in heights):
                raise ValueError(f"A pile is {PLACES} heights from 0 to {TALLEST}.")
            if not any(heights):
                raise ValueError("A pile needs some earth.")

    @property
    def shares(self) -> tuple[F64, F64]:
        """Both piles as weights of sum 1, fake and real, (PLACES,) each."""
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
    return tuple(min(TALLEST, sum(heights)) for heights in zip(*hills, strict=True))


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
"""Pairs of piles to begin with."""


@dataclass(frozen=True)
class Best:
    """The cheapest plan between two piles, and its cost found three times over."""

    mass: F64  # (PLACES, PLACES), from fake to real, never crossing
    cost: float  # of that plan
    formula: float  # ∫ |F − G| dx
    program: float  # the linear program over all plans


def best(piles: Piles) -> Best:
    """Return the cheapest plan from the fake pile to the real one; costs in places a load."""
    fake, real = piles.shares
    mass, away = monotone(fake, real), np.abs(X[:, None] - X)
    return Best(
        mass, float((mass * away).sum()), by_cdf(fake, real, X), discrete(fake, real, away).cost
    )


@dataclass(frozen=True)
class Hand:
    """A plan as it was built by hand, move after move."""

    moves: tuple[tuple[int, int], ...]
    mass: F64  # (PLACES, PLACES)
    cost: float  # of what was moved, in places a load of the whole pile
    moved: float  # the share of the earth that lies where it must, in [0, 1]

    @property
    def done(self) -> bool:
        """Whether all earth lies where it must."""
        return self.moved > 1 - 1e-9


def by_hand(piles: Piles, moves: Sequence[tuple[int, int]]) -> Hand:
    """Carry out moves from a fake column to a real one, each with all that is left and still needed.

    Raises ValueError for moves from or to nowhere, or more than MOST_MOVES.
    """
    if len(moves) > MOST_MOVES:
        raise ValueError(f"A plan has at most {MOST_MOVES} moves.")
    left, needed = (shares.copy() for shares in piles.shares)
    mass = np.zeros((PLACES, PLACES))
    for start, end in moves:
        if not (0 <= start < PLACES and 0 <= end < PLACES):
            raise ValueError("A move leads from one column to another.")
        load = min(left[start], needed[end])
        left[start] -= load
        needed[end] -= load
        mass[start, end] += load
    cost = float((mass * np.abs(X[:, None] - X)).sum())
    return Hand(tuple(moves), mass, cost, float(mass.sum()))


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


@dataclass(frozen=True)
class Clouds:
    """Two clouds, their exact distances, and the plan for one of them, sharp and blurred."""

    fake: F64  # (POINTS, 2)
    real: F64  # (POINTS, 2)
    w1: float
    w2: float
    goes: npt.NDArray[np.intp]  # (POINTS,): the real point that each fake is taken to
    exact: float  # what the sharp plan costs: W₁, or W₂² for squared distances
    blurred: Entropic
    targets: float  # to how many real points a fake is spread, on average


def clouds(name: str, distance: float, p: int, epsilon: float, seed: int = 0) -> Clouds:
    """Return two clouds, the real one moved `distance` to the right, and their plans.

    `p` is 1 or 2, the power of the distance that a plan pays; `epsilon` blurs, in that cost's unit.
    Raises KeyError for clouds that are not known.
    """
    _, left, right = CLOUDS[name]
    rng = np.random.default_rng(seed)
    fake, real = left(rng), right(rng) + np.array([distance, 0.0])
    plans = {power: matching(fake, real, power) for power in (1, 2)}
    even, cost = np.full(POINTS, 1 / POINTS), cdist(fake, real) ** p
    blurred = sinkhorn(even, even, cost, epsilon)
    row = np.maximum(blurred.mass * POINTS, 1e-300)  # each row a distribution
    spread = float(np.exp(-(row * np.log(row)).sum(axis=1)).mean())
    return Clouds(
        fake, real, plans[1][0], plans[2][0], plans[p][1], plans[p][0] ** p, blurred, spread
    )
