"""Which settings have no effect in a config, or on a machine. Forms leave them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wgan.config.model import TrainConfig


@dataclass(frozen=True)
class Machine:
    """The devices of a machine."""

    devices: tuple[str, ...]
    """Names of all devices, the fastest first. "auto" chooses the first."""
    bfloat16: frozenset[str] = frozenset()
    """The devices on which convolutions in bfloat16 may be faster than in float32."""


def unused_settings(config: TrainConfig, machine: Machine) -> set[str]:
    """Return the dotted paths of the settings that have no effect on a training.

    Settings that cannot be combined with the rest of the config are among them. A value that names
    an absent device is not, so that forms show it.
    """
    dataset, network, objective = config.dataset, config.network, config.objective
    device = machine.devices[0] if config.device == "auto" else config.device
    gains_from_bfloat16 = device in machine.bfloat16 and network.kind == "pictures"
    has_effect = {
        "conditional": bool(dataset.class_names()) and objective.class_conditional,
        "replacement": dataset.size is not None,
        # Points are drawn new for every batch, so the critic cannot overfit them.
        "augmentation": dataset.kind == "pictures",
        "augmentation_translation": config.augmentation != "none",
        "augmentation_cutout": config.augmentation != "none",
        "augmentation_colour": config.augmentation != "none",
        "augmentation_flips": config.augmentation != "none",
        "augmentation_probability": config.augmentation == "fixed",
        "augmentation_target": config.augmentation == "adaptive",
        "augmentation_rise": config.augmentation == "adaptive",
        "split_updates": objective.allows_batch_norm and not objective.relativistic,
        "inference_fakes": network.generator_uses_batch_norm,
        "warmup_updates": bool(config.warmup_steps or config.warmup_every),
        "preview_class": config.conditional,
        "device": len(machine.devices) > 1 or config.device != "auto",
        "precision": gains_from_bfloat16 or config.precision != "auto",
        "compiled": device in ("cpu", "cuda"),
        "threads": device == "cpu",
    }
    unused = {path for path, applies in has_effect.items() if not applies}
    return unused | {f"objective.{name}" for name in objective.unused_settings()}
