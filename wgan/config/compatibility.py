"""Which data sets, objectives, networks and settings can be combined.

Each `check_…` function raises ValueError if a combination is impossible. The message says what to change.
"""

from collections.abc import Mapping
from typing import Any

from wgan.data import DATASETS, AnyDataset
from wgan.networks import NETWORKS, AnyNetwork
from wgan.objectives import AnyObjective


def fitting_network(dataset: Any) -> str:
    """Return the name of the first network for the kind of a data set.

    Args:
        dataset: A data set, its name, or a mapping with its name. An unknown one counts as pictures.
    """
    name = (
        dataset.get("name") if isinstance(dataset, Mapping) else getattr(dataset, "name", dataset)
    )
    kind = DATASETS[name].kind if name in DATASETS else "pictures"
    return next(key for key, network in NETWORKS.items() if network.kind == kind)


def check_network(network: AnyNetwork, dataset: AnyDataset, objective: AnyObjective) -> None:
    """Check that a network fits the shape of the data and the objective."""
    reason = network.incompatibility_reason(dataset.shape)
    if reason is not None:
        raise ValueError(
            f"{reason[0].upper()}{reason[1:]}. Choose the network {fitting_network(dataset)}."
        )
    if network.uses_batch_norm and not objective.allows_batch_norm:
        raise ValueError(
            f"The critic of the network {network.name} has batch norm, which mixes samples, but "
            f"{objective.name} needs the critic's slope at each sample. Choose the network "
            f"{fitting_network(dataset)} or the objective wgan."
        )


def check_labels(dataset: AnyDataset, objective: AnyObjective, preview_class: int) -> None:
    """Check that a class-conditional training is possible, and that the class of its previews exists."""
    if not dataset.class_names():
        raise ValueError(
            f"The data set {dataset.name} has no labels, so a class-conditional training is not possible. "
            "Turn conditional off or choose a data set with labels."
        )
    classes = len(dataset.class_names())
    if preview_class >= classes:
        raise ValueError(
            f"The data set {dataset.name} has {classes} classes, 0 to {classes - 1}: there "
            f"is no class {preview_class}. Choose another class of the previews."
        )
    if not objective.class_conditional:
        raise ValueError(
            f"The objective {objective.name} guarantees a 1-Lipschitz critic, but a class-conditional "
            "critic is not 1-Lipschitz. Turn conditional off or choose another objective."
        )


def check_split_updates(batch_size: int, objective: AnyObjective) -> None:
    """Check that a critic update can be split into one for real and one for fake examples."""
    if objective.relativistic:
        raise ValueError(
            f"The critic loss of {objective.name} compares each fake with a real example, so separate "
            "updates for real and fake are not possible. Turn split_updates off or choose another "
            "objective."
        )
    if batch_size % 2 or not objective.allows_batch_norm:
        raise ValueError(
            "Separate updates for real and fake need an even batch size and an objective without "
            "a gradient penalty. Change one of them, or turn split_updates off."
        )


def check_augmentation(dataset: AnyDataset) -> None:
    """Check that the examples can be augmented."""
    if dataset.kind == "points":
        raise ValueError(
            f"The data set {dataset.name} has points. Augmentation changes pictures, and points are drawn new "
            "for every batch, so the critic cannot overfit them. Set augmentation to none."
        )


def check_without_replacement(dataset: AnyDataset, batch_size: int) -> None:
    """Check that batches can be drawn without replacement."""
    size = dataset.size
    if size is None:
        raise ValueError(
            f"The data set {dataset.name} draws new points for every batch, so "
            "drawing without replacement is not possible. Turn replacement on."
        )
    if batch_size > size:
        raise ValueError(
            f"The batch size {batch_size} is larger than the data set's {size} "
            "examples, which cannot be drawn without replacement. Make the batch smaller "
            "or turn replacement on."
        )
