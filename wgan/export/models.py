"""Export of the averaged generator as ONNX and as a torch.export program."""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from wgan.latent import Models, draw_z
from wgan.runs import Run, RunError

TOLERANCE = 1e-4
"""Largest difference between the outputs of ONNX Runtime and torch."""


def export_onnx(run: Run, out: Path, step: int | None = None) -> dict[str, object]:
    """Write the averaged generator as ONNX with a dynamic batch size, and check it with onnxruntime.

    Args:
        run: The run.
        out: The file.
        step: Step of a checkpoint. Default: the newest.

    Returns:
        The step, the opset, and the largest difference from torch's outputs.

    Raises:
        RunError: The checkpoint cannot be read, a package is missing, or the difference is above
            TOLERANCE.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch.onnx needs it
    except ImportError as error:
        raise RunError(
            "ONNX needs more packages: pip install onnx onnxscript onnxruntime."
        ) from error
    models = _models(run, step)
    inputs = _inputs(models, 4)
    with _quiet():
        program = torch.onnx.export(
            models.generator,
            tuple(inputs.values()),
            dynamo=True,
            input_names=list(inputs),
            output_names=[models.config.dataset.kind],
            dynamic_shapes=_any_number(inputs),
            verbose=False,
        )
    assert program is not None
    opset = program.model.opset_imports[""]
    props = program.model.metadata_props
    props["config"], props["step"] = models.config.model_dump_json(), str(models.step)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        half = Path(folder) / "generator.onnx"
        program.save(str(half))
        session = onnxruntime.InferenceSession(
            half.read_bytes(), providers=["CPUExecutionProvider"]
        )
        other = _inputs(models, 9)  # another batch size than in the trace
        with torch.no_grad():
            expected = models.generator(*other.values()).numpy()
        outputs = session.run(None, {name: value.numpy() for name, value in other.items()})[0]
        difference = float(np.abs(np.asarray(outputs) - expected).max())
        if difference > TOLERANCE:
            raise RunError(
                "The ONNX file was not written, because its results differ from torch by "
                f"{difference:.2g} (allowed: {TOLERANCE:g})."
            )
        half.replace(out)
    return {"step": models.step, "opset": opset, "difference": difference}


def export_program(run: Run, out: Path, step: int | None = None) -> dict[str, object]:
    """Write the averaged generator as a torch.export program with a dynamic batch size; return its step."""
    models = _models(run, step)
    inputs = _inputs(models, 4)
    with _quiet():
        program = torch.export.export(
            models.generator, tuple(inputs.values()), dynamic_shapes=_any_number(inputs)
        )
        buffer = io.BytesIO()
        torch.export.save(
            program, buffer, extra_files={"config.json": models.config.model_dump_json()}
        )
    out.write_bytes(buffer.getvalue())
    return {"step": models.step}


def _models(run: Run, step: int | None) -> Models:
    state, _ = run.checkpoints.read(step)
    return Models(state.config, state.tensors, state.step)


def _inputs(models: Models, n: int) -> dict[str, torch.Tensor]:
    """Return the inputs of the generator: z, and labels if it is class-conditional."""
    inputs = {"z": torch.from_numpy(draw_z(0, n, models.config.latent_dim))}
    if models.config.conditional:
        inputs["label"] = torch.arange(n) % len(models.config.dataset.class_names())
    return inputs


def _any_number(inputs: dict[str, torch.Tensor]) -> tuple[dict[int, torch.export.Dim], ...]:
    n = torch.export.Dim("n")
    return tuple({0: n} for _ in inputs)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporters' warnings and output: the result is checked afterwards."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
