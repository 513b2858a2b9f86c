"""Export of a run as one HTML file that needs neither a network nor this program."""

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from wgan import figures
from wgan.config import PRESETS, differences, hyperparameters
from wgan.export.film import frame_image
from wgan.export.recipe import command_line, nearest_preset, snippet
from wgan.imaging import encode
from wgan.jobs import RunReader, RunSnapshot
from wgan.runs import Run
from wgan.theme import LIGHT

MAX_MOMENTS = 60


def export_report(run: Run, out: Path) -> dict[str, object]:
    """Write the report of a run; return its size in bytes."""
    content = report(run).encode()
    half = out.with_name(f"{out.name}.part")
    try:
        half.write_bytes(content)
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
    return {"bytes": len(content)}


def report(run: Run) -> str:
    """Return the report of a run as HTML: numbers, curves, timeline, config, and how to repeat it."""
    snapshot = RunReader(run).snapshot()
    marks = [
        (float(c.step), f"step {c.step:,}: {c.path} {c.before} → {c.after}")
        for c in snapshot.changes
        if c.path != "engine"
    ]
    charts = []
    if snapshot.last is not None:
        for title, figure in (
            ("Critic gap", figures.critic_gap(snapshot.curves, marks)),
            (
                "Scores and losses",
                figures.losses(
                    snapshot.curves, marks, separate_updates=snapshot.config.split_updates
                ),
            ),
        ):
            charts.append((title, figures.with_colours(figure)))
    moments = _moments(run)
    name = snapshot.title
    body = [
        f"<h1>{escape(name)}</h1>",
        f"<p class=quiet>{escape(snapshot.run)} · {snapshot.status}</p>",
        _numbers(snapshot),
        _timeline(moments),
        *(
            f"<h2>{title}</h2><div class=chart id=chart{i}></div>"
            for i, (title, _) in enumerate(charts)
        ),
        _metrics(snapshot),
        _config(snapshot),
        _environment(run),
        "<h2>How to repeat it</h2>",
        f"<pre>{escape(command_line(run))}</pre>",
        "<p>Or in Python, which repeats the numbers exactly on the same machine and versions:</p>",
        f"<pre>{escape(snippet(run))}</pre>",
    ]
    if note := run.fact("note"):
        body.insert(2, f"<p>{escape(note)}</p>")
    data = {
        "charts": [figure for _, figure in charts],
        "moments": [{"step": step, "image": image} for step, image in moments],
    }
    return _PAGE.format(
        title=escape(name),
        style=_STYLE,
        body="\n".join(body),
        plotly=get_plotlyjs() if charts else "",
        data=_script(data),
        program=_PROGRAM,
    )


def _script(data: Any) -> str:
    # Escape "<", so that no text in the data can end the script element.
    return json.dumps(data).replace("<", "\\u003c")


def _moments(run: Run) -> list[tuple[int, str]]:
    moments = []
    for step in run.previews.spread_steps(MAX_MOMENTS):
        image = frame_image(run, step)
        if image is not None:
            encoded = base64.b64encode(encode(image)).decode("ascii")
            moments.append((step, f"data:image/webp;base64,{encoded}"))
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


def _timeline(moments: list[tuple[int, str]]) -> str:
    if not moments:
        return ""
    return (
        "<h2>Samples of the generator</h2>"
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
    return f"<h2>Metrics</h2><table><tr><th>step<th>metric<th>value{rows}</table>"


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
    return f"<h2>Config</h2><p class=quiet>{escape(sentence)}</p><table>{rows}</table>"


def _environment(run: Run) -> str:
    engine = run.engine()
    facts = {**run.metadata()["versions"], **(engine.as_dict() if engine else {})}
    rows = "".join(f"<tr><td>{escape(str(k))}<td>{escape(str(v))}" for k, v in facts.items())
    return f"<h2>Environment</h2><table>{rows}</table>"


_VARIABLES = " ".join(f"--{name}: {colour};" for name, colour in LIGHT.items())

_STYLE = (
    f":root {{ color-scheme: light; {_VARIABLES} }}"
    + """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--text); background: var(--background);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.quiet { color: var(--muted); margin: .2rem 0; } .error { color: var(--error); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
dl div { border: 1px solid var(--border); border-radius: 8px; padding: .5rem .8rem; }
dt { font-size: .85rem; } dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
#sample { width: min(100%, 28rem); image-rendering: pixelated; border-radius: 4px; display: block; }
.line { display: flex; gap: 1rem; width: min(100%, 28rem); } .line input { flex: 1; }
.chart { height: 260px; }
table { border-collapse: collapse; } td, th { padding: .15rem 1rem .15rem 0; text-align: left;
  border-bottom: 1px solid var(--border); font-size: .9rem; } .changed { font-weight: 600; }
pre { background: var(--panel); padding: .8rem; border-radius: 8px; overflow: auto; font-size: .85rem; }
"""
)

_PROGRAM = """
const data = JSON.parse(document.getElementById("data").textContent);
data.charts.forEach((figure, i) => Plotly.newPlot("chart" + i, figure.data,
  { ...figure.layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" },
  { displaylogo: false, responsive: true }));
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
<title>{title}</title><style>{style}</style>
{body}
<script>{plotly}</script>
<script type="application/json" id=data>{data}</script>
<script>{program}</script>
</html>
"""
