"""The static site: what visitors can try without installing anything, on a web server without Python.

The site has a page for each example, with its generator running in the browser, and a page with the labs that
need no training. Its links are relative, so it can be served below any path.
"""

import json
import re
import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from latex2mathml.converter import convert
from markdown import markdown

from pages.ui.labs.divergences import FIRST_THETA, FORMULAS, NAMES, SLIDE
from pages.ui.labs.divergences import LABS as SLIDE_LABS
from pages.ui.labs.dual import DUAL
from pages.ui.labs.frame import Lab
from pages.ui.labs.transport import EARTH
from pages.ui.widgets.base.assets import WIDGETS
from pages.ui.widgets.base.registry import modules_of
from pages.ui.widgets.plan_editor import plan_editor
from pages.ui.widgets.potential_editor import potential_editor
from wgan import figures
from wgan.arrays import Real
from wgan.export.film import frame_image
from wgan.export.report import STYLE, report
from wgan.export.svg import LEFT, NARROW, RIGHT, WIDTH, svg_chart
from wgan.imaging import encode
from wgan.labs import divergences
from wgan.labs.divergences import DISTANCES, FARTHEST, SHAPES
from wgan.labs.transport import MAX_HEIGHT, PILES
from wgan.paths import shipped_runs
from wgan.runs import Run
from wgan.verdicts.wasserstein import hardly_overlap

STYLES = (
    "base/controls.css",
    "plan_editor/plan_editor.css",
    "potential_editor/potential_editor.css",
)

CURVES = (("values", "Distances", 0.0, 4.2), ("slopes", "Their slopes", -2.2, 2.2))
"""The two charts of distances: field, title, and both ends of the axis."""

THETA_STEP = 0.05

NO_KL = "<p class=quiet>KL is infinite at every θ except 0, so it has no curve.</p>"

CARDS = {
    "example-mnist-wgan-gp": ("Digits", "A WGAN-GP that learned handwritten digits."),
    "example-mnist-classes": (
        "Digits by class",
        "A generator that draws the digit that you choose.",
    ),
    "example-fashion": ("Clothes", "A WGAN-GP that learned pictures of clothes (Fashion-MNIST)."),
    "example-ring-wgan-gp": (
        "Ring of 8",
        "A WGAN-GP that found all eight modes of a ring of points.",
    ),
    "example-ring-gan-collapsed": (
        "A GAN that collapsed",
        "A GAN on the same ring. It had samples at all eight modes, and lost most of them.",
    ),
}
"""Title and text of the link to each example."""

COST = (
    r"W_1=\min_{\pi}\sum_{ij}\pi_{ij}\,|x_i-y_j|",
    r"=\int|F_\text{fake}-F_\text{real}|\,dx",
)
"""The distance as the cost of a plan, in two parts, between which a narrow page begins a new line."""

BOUND = r"W_1=\max_{|f'|\leq 1}\;\mathbb{E}f(\text{real})-\mathbb{E}f(\text{fake})"


def build(out: Path) -> int:
    """Write the site into a folder, and return its number of pages."""
    for name in CARDS:
        _write(out / f"{name}.html", report(Run(shipped_runs() / name), home="index.html"))
    _write(out / "index.html", _page("WGAN Explorer", _index(out), ""))
    _write(out / "labs.html", _page("Labs · WGAN Explorer", _labs(), _lab_data()))
    here = Path(__file__).parent
    for file in _programs():
        _copy(WIDGETS / file, out / "programs" / "widgets" / file)
    for name in ("labs.js", "site.css"):
        _copy(here / name, out / "programs" / "site" / name)
    return len(CARDS) + 2


def _programs() -> set[str]:
    """Return the modules and style sheets of the widgets on the site, relative to their folder."""
    modules = ("plan_editor/plan_editor.js", "potential_editor/potential_editor.js")
    return {*STYLES, *(file for module in modules for file in modules_of(module))}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _page(title: str, body: str, data: str) -> str:
    sheets = "".join(f'<link rel=stylesheet href="programs/widgets/{file}">' for file in STYLES)
    program = '<script type=module src="programs/site/labs.js"></script>' if data else ""
    return f"""<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>{escape(title)}</title><link rel=icon href="data:,"><style>{STYLE}</style>{sheets if data else ""}
<link rel=stylesheet href="programs/site/site.css">
{body}
<script type="application/json" id=data>{data}</script>
{program}
</html>
"""


def rendered(text: str) -> str:
    """Return Markdown with LaTeX between dollar signs as HTML with MathML."""
    formulas = [convert(formula) for formula in re.findall(r"\$([^$]+)\$", text)]
    # Markdown must not read the signs in a formula, so it gets a private character in its place.
    html = markdown(re.sub(r"\$[^$]+\$", "\ue000", text))
    for formula in formulas:
        html = html.replace("\ue000", formula, 1)
    return html


# ---- the first page -----------------------------------------------------------------------------


def _index(out: Path) -> str:
    cards = "".join(_card(out, name) for name in CARDS)
    return f"""<h1>WGAN Explorer</h1>
<p>A generative adversarial network (GAN) learns to draw from pictures. A Wasserstein GAN (WGAN) trains it with a
distance that still has a slope when real and fake pictures are far apart. Here you can try both, without
installing anything.</p>
<h2>Why the Wasserstein distance?</h2>
<p>Three labs: move earth at the lowest cost, bend a function that measures this cost, and compare four distances.</p>
<p><a class=button href="labs.html">Open the labs</a></p>
<h2>Trained generators</h2>
<p>Each page shows how the samples became better during training. Those of pictures contain the generator, which makes
new pictures here in your browser.</p>
<div class=cards>{cards}</div>
<h2>Train your own</h2>
<p class=quiet>These pages are made with WGAN Explorer, a program in which you watch a WGAN learn, and change its
hyperparameters while it learns. It runs on your own computer.</p>"""


def _card(out: Path, name: str) -> str:
    """Return a link to an example, and write its picture."""
    run = Run(shipped_runs() / name)
    step = run.previews.spread_steps(2)[-1]
    image = frame_image(run, step, side=280)
    if image is None:
        raise ValueError(f"{name} has no picture of step {step}")
    _write(out / f"{name}.webp", encode(image))
    title, text = CARDS[name]
    return (
        f'<a class=card href="{name}.html"><img src="{name}.webp" alt="">'
        f"<strong>{escape(title)}</strong><span>{escape(text)}</span></a>"
    )


# ---- the labs -----------------------------------------------------------------------------------


def _labs() -> str:
    piles = "".join(
        f'<option value="{name}">{escape(title)}</option>' for name, (title, _) in PILES.items()
    )
    choice = f"<label class=choice>Two piles <select class=piles>{piles}</select></label>"
    shapes = "".join(
        f"<label><input type=radio name=shape value={name}{' checked' if name == 'boxes' else ''}> "
        f"{escape(title)}</label>"
        for name, (title, _) in SHAPES.items()
    )
    charts = "".join(
        f"<figure data-shape={shape} data-kind={field} hidden><figcaption>{title}</figcaption>"
        f"<div class=on-desktops>{_chart(shape, field, title, low, top, WIDTH)}</div>"
        f"<div class=on-phones>{_chart(shape, field, title, low, top, NARROW)}</div></figure>"
        for shape in SHAPES
        for field, title, low, top in CURVES
    )
    numbers = "".join(
        f"<div><dt>{name}</dt><dd data-value={i}></dd><dd class=slope data-slope={i}></dd></div>"
        for i, name in enumerate(DISTANCES)
    )
    formulas = "".join(
        f"<div class=formula tabindex=0 data-formula={shape} hidden>{rendered(formula)}"
        f"{NO_KL if shape != 'gaussians' else ''}</div>"
        for shape, formula in FORMULAS.items()
    )
    return f"""<p><a href="index.html">WGAN Explorer</a></p>
<h1>Why the Wasserstein distance?</h1>
<p class=quiet>Predict first, then try it.</p>
<nav><a href="#earth">{EARTH.title}</a> · <a href="#dual">{DUAL.title}</a> · <a href="#apart">{SLIDE.title}</a></nav>
<section id=earth>{_question(EARTH)}{choice}<div id=plan></div>
<p class=formula tabindex=0>{" ".join(map(convert, COST))}</p>
{_result(EARTH)}</section>
<section id=dual>{_question(DUAL)}{choice}<div id=bend></div>
<p class=formula tabindex=0>{convert(BOUND)}</p>
{_result(DUAL)}</section>
<section id=apart>{_question(SLIDE)}
<p class=quiet>{rendered(NAMES).removeprefix("<p>").removesuffix("</p>")}</p>
<fieldset class=prediction><legend>Two shapes</legend>{shapes}</fieldset>
<label class=theta>Offset θ <input id=theta type=range min={-FARTHEST} max={FARTHEST} step={THETA_STEP}
value={FIRST_THETA}> <output id=offset></output></label>
<p><span class=shape style="--shape: var(--real)">Real</span> &ensp;
<span class=shape style="--shape: var(--fake)">Fake, at θ</span></p>
<svg id=shapes viewBox="0 0 860 150" role=img aria-label="Two shapes at an offset"></svg>
<p id=hidden-curves>The distances appear when you have chosen an answer.
<button id=skip type=button>Skip the prediction</button></p>
<div id=curves hidden>{charts}<dl>{numbers}</dl>{formulas}
<p id=overlap class=quiet>Here the shapes overlap, or just touch. Move θ further from 0 until they hardly overlap.</p></div>
{_result(SLIDE)}</section>"""


def _question(lab: Lab) -> str:
    answers = "".join(
        f"<label><input type=radio name=predict-{lab.key} value={i}> {escape(answer)}</label>"
        for i, answer in enumerate(lab.answers)
    )
    return (
        f"<h2>{escape(lab.title)}</h2><p class=question>{escape(lab.question)}</p>"
        f"<fieldset class=prediction><legend>What do you predict?</legend>{answers}</fieldset>"
    )


def _result(lab: Lab) -> str:
    return (
        f"<div aria-live=polite><div class=result hidden><p class=answer></p>{rendered(lab.why)}"
        f"<p class=quiet>Source: {escape(lab.source)}</p></div></div>"
    )


def _chart(shape: str, field: str, title: str, low: float, top: float, width: int) -> str:
    """Return the four distances of a shape, or their slopes, as SVG."""
    curves = divergences.curves(shape)
    values = getattr(curves, field)
    # A curve ends where it would leave the axis. The figure says which values are infinite.
    is_shown = np.isinf(values) | ((values >= low) & (values <= top))
    on_axis = np.where(is_shown, values, np.nan)
    figure = figures.distances_over_theta(
        curves.theta,
        list(zip(DISTANCES, on_axis, strict=True)),
        at=0.0,
        top=top,
        low=low,
        dots=field == "values",
    )
    return svg_chart(figure, title, width)


def _lab_data() -> str:
    thetas = np.round(np.arange(-FARTHEST, FARTHEST + THETA_STEP / 2, THETA_STEP), 2)
    labs: Sequence[Lab] = (EARTH, DUAL, SLIDE)
    data = {
        "piles": {
            name: {"fake": list(piles.fake), "real": list(piles.real)}
            for name, (_, piles) in PILES.items()
        },
        "tallest": MAX_HEIGHT,
        "planHelp": plan_editor.HELP,
        "bendHelp": potential_editor.HELP,
        "labs": {lab.key: {"answers": lab.answers, "right": lab.right} for lab in labs},
        "shapes": {name: _shape_data(name, thetas) for name in SHAPES},
        "chart": {"left": LEFT, "right": RIGHT, "farthest": FARTHEST},
    }
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")


def _shape_data(shape: str, thetas: Real) -> dict[str, Any]:
    distances = SHAPES[shape][1](np.asarray(thetas, np.float64))
    js, tv = distances.slopes[1], distances.slopes[3]
    lab = SLIDE_LABS[shape]
    return {
        "question": lab.question,
        "right": lab.right,
        "theta": thetas.tolist(),
        "values": [_texts(row, "∞") for row in distances.values],
        "slopes": [_texts(row, "") for row in distances.slopes],
        "apart": [hardly_overlap(float(a), float(b)) for a, b in zip(js, tv, strict=True)],
    }


def _texts(row: Real, otherwise: str) -> list[str]:
    """Return values as shown; one that does not exist as `otherwise`."""
    return [f"{v:.3f}".replace("-", "−") if np.isfinite(v) else otherwise for v in row.tolist()]
