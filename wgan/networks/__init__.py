"""Pairs of generator and critic: one class and one line of NETWORKS for each.

Critics have no batch norm, except in networks that reproduce a source with it. A gradient penalty
needs the gradient of each sample, and batch norm couples the samples (Gulrajani et al. 2017,
section 4).

Importing this package does not load torch: its functions import it when they build a network.
"""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from wgan.networks.base import Network
from wgan.networks.convolutional import Brownlee, Dcgan, ResNet
from wgan.networks.mlp import Mlp, MlpPictures

NETWORKS: dict[str, type[Network]] = {
    "mlp": Mlp,
    "dcgan": Dcgan,
    "resnet": ResNet,
    "mlp-pictures": MlpPictures,
    "brownlee": Brownlee,
}

if TYPE_CHECKING:
    AnyNetwork = Network
else:
    AnyNetwork = Annotated[Union[tuple(NETWORKS.values())], Field(discriminator="name")]

__all__ = [
    "NETWORKS",
    "AnyNetwork",
    "Brownlee",
    "Dcgan",
    "Mlp",
    "MlpPictures",
    "Network",
    "ResNet",
]
