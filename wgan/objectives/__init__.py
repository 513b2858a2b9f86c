"""The losses of critic and generator, and the constraints that keep the critic Lipschitz.

There is one class and one line of OBJECTIVES for each variant. The loop calls the same methods of
all variants, so a new one needs no other change. Signs are those of the WGAN papers: real samples
have high scores.

Importing this package does not load torch: its functions import it when they compute.
"""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from wgan.objectives.base import Objective
from wgan.objectives.discriminators import R1, Dragan, Gan, Hinge, LsGan, R3Gan
from wgan.objectives.wasserstein import Wgan, WganDiv, WganGp, WganGroupSort, WganLp, WganSn

OBJECTIVES: dict[str, type[Objective]] = {
    "wgan-gp": WganGp,
    "wgan": Wgan,
    "wgan-lp": WganLp,
    "wgan-div": WganDiv,
    "wgan-sn": WganSn,
    "wgan-groupsort": WganGroupSort,
    "gan": Gan,
    "lsgan": LsGan,
    "hinge": Hinge,
    "dragan": Dragan,
    "r1": R1,
    "r3gan": R3Gan,
}

if TYPE_CHECKING:
    AnyObjective = Objective
else:
    AnyObjective = Annotated[Union[tuple(OBJECTIVES.values())], Field(discriminator="name")]

__all__ = [
    "OBJECTIVES",
    "R1",
    "AnyObjective",
    "Dragan",
    "Gan",
    "Hinge",
    "LsGan",
    "Objective",
    "R3Gan",
    "Wgan",
    "WganDiv",
    "WganGp",
    "WganGroupSort",
    "WganLp",
    "WganSn",
]
