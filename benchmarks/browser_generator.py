"""Time to make one sample with each example of pictures, in Node.

    python -m benchmarks.browser_generator

Compared with onnxruntime-web and TensorFlow.js, if they are installed:

    npm install --no-save onnxruntime-web @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm
    python -m benchmarks.browser_generator

Medians of 300 samples of one z each, on one thread. The ways take turns.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from wgan.export import EXAMPLES, export
from wgan.export.browser_generator import pack_generator
from wgan.latent import Models
from wgan.paths import shipped_runs
from wgan.runs import Run

PROGRAM = Path(__file__).with_suffix(".mjs")


def main() -> None:
    """Measure every example of pictures, and print a table."""
    for name in EXAMPLES:
        run = Run(shipped_runs() / name)
        if run.config().dataset.kind != "pictures":
            continue
        state, _ = run.checkpoints.read()
        content = pack_generator(Models(state.config, state.tensors, state.step))
        assert content is not None
        with tempfile.TemporaryDirectory() as folder:
            file, onnx = Path(folder) / "generator", Path(folder) / "model.onnx"
            file.write_bytes(content)
            if not state.config.conditional:
                export(run, onnx)
            done = subprocess.run(
                ["node", PROGRAM, file, onnx], check=True, stdout=subprocess.PIPE, text=True
            )
        times = "  ".join(f"{way} {ms:.2f} ms" for way, ms in json.loads(done.stdout).items())
        print(f"{name}: {len(content):,} bytes  {times}", flush=True)


if __name__ == "__main__":
    main()
