"""Export of a run as one web page that needs neither a network nor this program."""

import base64
import json
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wgan import figures
from wgan.arrays import float32_base64
from wgan.config import PRESETS, differences, hyperparameters
from wgan.export.browser_generator import pack_generator
from wgan.export.film import frame_image
from wgan.export.recipe import command_line, nearest_preset, snippet
from wgan.export.svg import NARROW, svg_chart
from wgan.imaging import encode
from wgan.jobs import RunReader, RunSnapshot
from wgan.latent import Models, ganspace, preview_z, random_slice
from wgan.paths import browser_programs
from wgan.runs import Run, RunError
from wgan.theme import DARK, LIGHT

MOMENTS = (60, 40, 28, 20, 12)
"""Numbers of moments to show: the first one whose pictures are small enough is used, else the last one."""

MAX_PICTURES_BYTES = 1_500_000

PROGRAMS = ("kernel.js", "generator.js", "latent.js", "explorer.js")
"""The parts of the program that explores latent space. Each uses only those before it."""

DIRECTIONS = 6
SAMPLE_ROWS, SAMPLE_COLUMNS = 2, 8


def export_report(run: Run, out: Path) -> dict[str, object]:
    """Write the web page of a run; return its size in bytes."""
    content = report(run).encode()
    half = out.with_name(f"{out.name}.part")
    try:
        half.write_bytes(content)
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    return {"bytes": len(content)}


def report(run: Run, *, home: str = "") -> str:
    """Return a run as a web page: numbers, timeline, latent space, curves, config, how to repeat it.

    Args:
        run: The run.
        home: Address of the page that the page links to; without one it has no link.
    """
    snapshot = RunReader(run).snapshot()
    marks = [
        (float(c.step), f"step {c.step:,}: {c.path} {c.before} → {c.after}")
        for c in snapshot.changes
        if c.path != "engine"
    ]
    charts = []
    if snapshot.last is not None:
        losses = figures.losses(
            snapshot.curves, marks, separate_updates=snapshot.config.split_updates
        )
        charts = [
            ("Critic gap", figures.critic_gap(snapshot.curves, marks)),
            ("Scores and losses", losses),
        ]
    moments = _moments(run)
    latent = _latent(run, snapshot)
    name = snapshot.title
    body = [
        f"<h1>{escape(name)}</h1>",
        f"<p class=quiet>{escape(snapshot.run)} · {snapshot.status}</p>",
        _numbers(snapshot),
        _timeline(moments, points=snapshot.config.dataset.kind == "points"),
        _explorer(latent),
        *(
            f"<h2>{title}</h2><div class=on-desktops>{svg_chart(figure, title)}</div>"
            f"<div class=on-phones>{svg_chart(figure, title, NARROW)}</div>"
            for title, figure in charts
        ),
        "<p class=quiet>Pale lines: as measured. Thick lines: smoothed.</p>" if charts else "",
        _metrics(snapshot),
        _config(snapshot),
        _environment(run),
        "<details><summary>How to repeat it</summary>",
        f"<pre tabindex=0>{escape(command_line(run))}</pre>",
        "<p>Or in Python, which repeats the numbers exactly on the same machine and versions:</p>",
        f"<pre tabindex=0>{escape(snippet(run))}</pre></details>",
    ]
    if note := run.fact("note"):
        body.insert(2, f"<p>{escape(note)}</p>")
    if home:
        body.insert(0, f'<p><a href="{escape(home)}">WGAN Explorer</a></p>')
    data = {
        "moments": [{"step": step, "image": image} for step, image in moments],
        "latent": latent,
    }
    return _PAGE.format(
        title=escape(name),
        style=STYLE,
        body="\n".join(body),
        data=_script(data),
        program=_PROGRAM,
        explorer=explorer_program() if latent is not None else "",
    )


def explorer_program() -> str:
    """Return the program that explores latent space as one script, without imports and exports."""
    parts = [(browser_programs() / name).read_text("utf-8") for name in PROGRAMS]
    script = "\n".join(
        re.sub(r'^import [^;]* from "[^"]+";$', "", part, flags=re.M) for part in parts
    )
    return re.sub(r"^export ", "", script, flags=re.M)


def _latent(run: Run, snapshot: RunSnapshot) -> dict[str, Any] | None:
    """Return what the page needs to make pictures itself; None if it cannot."""
    if snapshot.config.dataset.kind != "pictures" or not snapshot.checkpoint_steps:
        return None
    try:
        state, _ = run.checkpoints.read()
        models = Models(state.config, state.tensors, state.step)
        if not all(torch.isfinite(p).all() for p in models.generator.state_dict().values()):
            return None
        content = pack_generator(models)
    except (RunError, ValueError, NotImplementedError):
        return None
    if content is None:
        return None
    config = models.config
    plane = random_slice(0, config.latent_dim)
    directions = ganspace(models, min(DIRECTIONS, config.latent_dim))
    return {
        "generator": base64.b64encode(content).decode("ascii"),
        "step": state.step,
        "classes": list(config.dataset.class_names()) if config.conditional else [],
        "plane": float32_base64(np.stack([plane.centre, plane.u, plane.v])),
        "shell": plane.shell,
        "directions": float32_base64(directions.vectors),
        "shares": [float(share) for share in directions.strength],
        "z": float32_base64(preview_z(config, SAMPLE_ROWS * SAMPLE_COLUMNS)),
        "columns": SAMPLE_COLUMNS,
    }


def _explorer(latent: dict[str, Any] | None) -> str:
    if latent is None:
        return ""
    choice = (
        '<label class=choice>Class <select id="class"></select></label>'
        if latent["classes"]
        else ""
    )
    return f"""<h2>Latent space</h2>
<p class=quiet>This page contains the generator of step {latent["step"]:,}. It makes these pictures from a vector z,
here in the browser.</p>{choice}
<div class=explorer>
<figure><canvas id=walk role=img aria-label="A walk through latent space"></canvas>
<figcaption>A walk from one random z to the next. <button id=play type=button>Pause</button></figcaption></figure>
<figure><canvas id=plane tabindex=0 role=application aria-label="Pictures over a plane of latent space. Arrow keys move, plus
and minus zoom."></canvas>
<figcaption>A plane of latent space. Drag to move, turn the wheel to zoom.
<button id=zoom-in type=button aria-label="Zoom in">+</button>
<button id=zoom-out type=button aria-label="Zoom out">−</button></figcaption></figure>
</div>
<p>Each slider moves all sixteen samples along one direction of latent space. The first directions change the samples most.</p>
<div class=dials><div id=sliders></div>
<canvas id=sheet role=img aria-label="Sixteen samples that the sliders move"></canvas></div>"""


def _script(data: Any) -> str:
    # Escape "<", so that no text in the data can end the script element.
    return json.dumps(data).replace("<", "\\u003c")


def _moments(run: Run) -> list[tuple[int, str]]:
    """Return the step and the picture of each moment on show."""
    moments: list[tuple[int, str]] = []
    for count in MOMENTS:
        moments = [
            (step, f"data:image/webp;base64,{base64.b64encode(encode(image)).decode('ascii')}")
            for step in run.previews.spread_steps(count)
            if (image := frame_image(run, step)) is not None
        ]
        if sum(len(picture) for _, picture in moments) <= MAX_PICTURES_BYTES:
            break
    return moments


def _numbers(snapshot: RunSnapshot) -> str:
    gap = "–" if snapshot.last is None else f"{snapshot.last.report.critic_gap:.4g}"
    cells = {
        "steps": f"{snapshot.step:,}",
        "training time": f"{snapshot.seconds:.0f} s",
        "speed": f"{snapshot.steps_per_second:.1f} steps/s",
        "critic gap": gap,
    }
    boxes = "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in cells.items())
    return f"<dl>{boxes}</dl>" + (
        f"<p class=error>{escape(snapshot.error)}</p>" if snapshot.error else ""
    )


def _timeline(moments: list[tuple[int, str]], *, points: bool) -> str:
    if not moments:
        return ""
    legend = "<p class=quiet>Green points are real, pink ones are samples.</p>" if points else ""
    return (
        f"<h2>Samples of the generator</h2>{legend}"
        f'<img id=sample src="{moments[-1][1]}" alt="Samples at step {moments[-1][0]}">'
        f"<p class=line><input id=at type=range min=0 max={len(moments) - 1} value={len(moments) - 1} "
        'aria-label="Training step shown"><span id=step></span></p>'
    )


def _metrics(snapshot: RunSnapshot) -> str:
    if not snapshot.metrics:
        return ""
    rows = "".join(
        f"<tr><td>{m.step:,}<td>{escape(m.name)}<td>{m.value:.4g}" for m in snapshot.metrics[-60:]
    )
    return f"<details><summary>Metrics</summary><div class=wide tabindex=0><table><tr><th>step<th>metric<th>value{rows}</table></div></details>"


def _config(snapshot: RunSnapshot) -> str:
    fields = {h.path: h for h in hyperparameters(snapshot.config)}
    preset = nearest_preset(snapshot.config)
    changed = {path for path, _, _ in differences(snapshot.config, PRESETS[preset].config)}
    rows = "".join(
        f"<tr{' class=changed' if path in changed else ''}><td>{escape(fields[path].title)}"
        f"<td>{escape(str(value))} {escape(fields[path].unit or '')}<td>{escape(path)}"
        for path, value in snapshot.config.flat().items()
        if path in fields
    )
    sentence = f"Bold: differs from the preset {PRESETS[preset].title} ({preset})."
    return f"<details><summary>Config</summary><p class=quiet>{escape(sentence)}</p><div class=wide tabindex=0><table>{rows}</table></div></details>"


def _environment(run: Run) -> str:
    engine = run.engine()
    facts = {**run.metadata()["versions"], **(engine.as_dict() if engine else {})}
    rows = "".join(f"<tr><td>{escape(str(k))}<td>{escape(str(v))}" for k, v in facts.items())
    return f"<details><summary>Environment</summary><div class=wide tabindex=0><table>{rows}</table></div></details>"


_LIGHT, _DARK = (
    " ".join(f"--{name}: {colour};" for name, colour in theme.items()) for theme in (LIGHT, DARK)
)

STYLE = (
    f":root {{ color-scheme: light dark; {_LIGHT} }}"
    f"@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}"
    + """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; color: var(--text); background: var(--background);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
a { color: var(--critic); } .quiet { color: var(--muted); margin: .2rem 0; } .error { color: var(--error); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
dl div { border: 1px solid var(--border); border-radius: 8px; padding: .5rem .8rem; }
dt { font-size: .85rem; } dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
#sample { width: min(100%, 28rem); image-rendering: pixelated; border-radius: 4px; display: block; }
.line { display: flex; gap: 1rem; width: min(100%, 28rem); } .line input { flex: 1; }
.chart { width: 100%; height: auto; } .on-phones { display: none; } .chart text { fill: var(--muted); font-size: 12px; }
canvas { image-rendering: pixelated; border-radius: 4px; display: block; background: #000; }
.explorer { display: flex; flex-wrap: wrap; gap: 1.5rem; margin-top: .8rem; } figure { margin: 0; }
figcaption { font-size: .9rem; margin-top: .4rem; }
#walk { width: 14rem; height: 14rem; }
#plane { width: min(24rem, 76vw); aspect-ratio: 1; touch-action: none; cursor: grab; }
#plane:focus-visible { outline: 3px solid var(--critic); }
.dials { display: flex; flex-wrap: wrap; gap: 1.5rem; } #sliders { flex: 1 1 14rem; }
#sliders label { display: block; font-size: .9rem; } #sliders input { display: block; width: 100%; }
#sheet { flex: 2 1 20rem; max-width: 100%; align-self: start; }
button, select { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--border);
  border-radius: 6px; padding: .25rem .8rem; min-height: 2rem; }
summary { font-size: 1.1rem; font-weight: 600; margin: 1.2rem 0 .5rem; cursor: pointer; }
.wide { overflow-x: auto; }
@media (max-width: 640px) { .on-desktops { display: none; } .on-phones { display: block; } }
table { border-collapse: collapse; } td, th { padding: .15rem 1rem .15rem 0; text-align: left;
  border-bottom: 1px solid var(--border); font-size: .9rem; } .changed { font-weight: 600; }
pre { background: var(--panel); padding: .8rem; border-radius: 8px; overflow: auto; font-size: .85rem; }
"""
)
"""The style sheet of a page, with the palette in light and dark as variables."""

_PROGRAM = """
const data = JSON.parse(document.getElementById("data").textContent);
const at = document.getElementById("at");
if (at) {
  const show = () => {
    const moment = data.moments[at.value];
    const image = document.getElementById("sample");
    image.src = moment.image;
    image.alt = `Samples at step ${moment.step}`;
    document.getElementById("step").textContent = `step ${moment.step.toLocaleString("en")}`;
  };
  at.oninput = show;
  show();
}
"""

_PAGE = """<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>{title}</title><link rel=icon href="data:,"><style>{style}</style>
{body}
<script type="application/json" id=data>{data}</script>
<script>{program}</script>
<script type=module>{explorer}</script>
</html>
"""
