"""Samples of a run's generator as a grid, as arrays, or as a folder of pictures."""

from pathlib import Path

from wgan.config import TrainConfig
from wgan.imaging import encode, tile
from wgan.latent import Models, draw_z
from wgan.runs import Run, RunError, pack_arrays


def export_samples(
    run: Run,
    out: Path,
    *,
    count: int,
    seed: int,
    step: int | None = None,
    label: str | None = None,
) -> int:
    """Write samples of the averaged generator and return the step it is at.

    `label` names the class to make; without, a generator that is told the class makes all in turn.
    `out` says how: .png is a grid, .npz holds `images`, uint8 (N, C, H, W), or `points`, float32
    (N, 2); without a suffix it is a folder, one PNG a sample. Raises RunError.
    """
    state, _ = run.checkpoints.read(step)
    models = Models(state.config, state.tensors, state.step)
    labels = None if label is None else [class_index(state.config, label)] * count
    samples = models.make(draw_z(seed, count, state.config.latent_dim), labels)
    pictures = state.config.dataset.kind == "pictures"
    try:
        if out.suffix == ".npz":
            out.write_bytes(pack_arrays({"images" if pictures else "points": samples}))
        elif out.suffix == ".png" and pictures:
            out.write_bytes(encode(tile(samples, max(1, round(count**0.5)), gap=1), "PNG"))
        elif out.suffix == "" and pictures:
            out.mkdir(parents=True, exist_ok=True)
            for i, picture in enumerate(samples):
                path = out / f"{run.id}-{state.step:08d}-seed{seed}-{i:05d}.png"
                path.write_bytes(encode(picture.transpose(1, 2, 0), "PNG"))
        else:
            kinds = ".png, .npz, or a folder" if pictures else ".npz (its samples are points)"
            raise RunError(
                f"Samples of run {run.id} can be written as {kinds}, not {out.suffix!r}."
            )
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}).") from error
    return state.step


def class_index(config: TrainConfig, label: str) -> int:
    """Return a class's number by its name. Raises RunError where there is none."""
    if not config.conditional:
        raise RunError(
            "This run's generator is not told the class, so none can be asked for. Leave it away."
        )
    names = config.dataset.class_names()
    if label not in names:
        raise RunError(f"There is no class {label!r}: choose one of {', '.join(names)}.")
    return names.index(label)
