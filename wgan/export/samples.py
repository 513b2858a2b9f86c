"""Export of a run's samples as a grid, as arrays, or as a folder of pictures."""

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
    """Write samples of the averaged generator; return the step of its weights.

    Args:
        run: The run.
        out: .png for a grid; .npz for `images`, (N, C, H, W) uint8, or `points`, (N, 2) float32; a
            path without a suffix for a folder with one PNG per sample.
        count: Number of samples.
        seed: Seed of z.
        step: Step of a checkpoint. Default: the newest.
        label: Name of the class. Default: all classes in turn.

    Raises:
        RunError: The suffix or the class is unknown, or the file cannot be written.
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
                f"Samples of run {run.id} can be written as {kinds}, not as {out.suffix!r}."
            )
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}).") from error
    return state.step


def class_index(config: TrainConfig, label: str) -> int:
    """Return the index of a class by its name. Raises RunError if there is no such class."""
    if not config.conditional:
        raise RunError("The generator of this run is not class-conditional. Do not choose a class.")
    names = config.dataset.class_names()
    if label not in names:
        raise RunError(f"There is no class {label!r}. Choose from: {', '.join(names)}.")
    return names.index(label)
