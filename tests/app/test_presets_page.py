"""The usual result of each preset: measured with the preset as it is now, and said in words."""

import io

import pytest
from PIL import Image

from pages.ui.presets.usual_result import (
    COLUMNS,
    FOLDER,
    ROWS,
    UsualResult,
    quality,
    usual_result,
)
from tests.conftest import app_at
from wgan.config import PRESETS

MEASURED = sorted(path.stem for path in FOLDER.glob("*.json"))


def test_the_presets_that_a_newcomer_meets_have_a_result():
    assert {"quick-mnist", "toy-ring", "toy-grid"} <= {*MEASURED} <= {*PRESETS}


@pytest.mark.parametrize("name", MEASURED)
def test_a_result_was_measured_with_the_preset_as_it_is(name: str):
    # If a preset was changed: python -m benchmarks.preset_results --presets NAME
    result, config = usual_result(name), PRESETS[name].config
    assert result is not None and result.is_of(config)
    assert result.steps <= config.steps
    assert all(len(values) == len(result.seeds) for values in result.metrics.values())
    picture = FOLDER / f"{name}.webp"
    if config.dataset.kind == "points":
        assert result.points and not picture.exists()
    elif picture.exists():
        side = config.dataset.shape[-1]
        data = picture.read_bytes()
        assert Image.open(io.BytesIO(data)).size == (COLUMNS * side, ROWS * side)
        assert len(data) < 100_000


def test_a_result_of_other_settings_is_told_apart():
    config = PRESETS["toy-ring"].config
    result = UsualResult(
        config=config.changed({"n_critic": 5}).model_dump(mode="json"),
        steps=10,
        seeds=[0],
        metrics={"emd_512": [0.2]},
        floor=0.1,
        points=[],
    )
    assert not result.is_of(config)


@pytest.mark.parametrize(
    ("preset", "steps", "metrics", "floor", "text"),
    [
        (
            "quick-mnist",
            1_500,
            {"fid64_4k": [1.5, 1.2, 1.36]},
            0.11,
            "After all 1,500 steps, median and range of 3 seeds. "
            "FID, 4k samples: **1.36** (1.2 to 1.5; real examples: 0.11).",
        ),
        (
            "paper-wgan",
            500,
            {"fid64_4k": [21.5]},
            0.11,
            "After 500 of 50,000 steps, one seed. FID, 4k samples: **21.5** (real examples: 0.11).",
        ),
        (
            "toy-ring",
            10_000,
            {"emd_512": [0.17, 0.18], "modes_2500": [8, 8], "high_quality_2500": [0.97, 0.99]},
            0.18,
            "After all 10,000 steps, median and range of 2 seeds. "
            "Exact W₁, 512 samples: **0.175** units (0.17 to 0.18; real examples: 0.18). "
            "Modes, 2,500 samples: **8**. High quality, 2,500 samples: **98.0** % (97.0 to 99.0).",
        ),
    ],
)
def test_the_quality_in_words(
    preset: str, steps: int, metrics: dict[str, list[float]], floor: float, text: str
):
    config = PRESETS[preset].config
    result = UsualResult(
        config=config.model_dump(mode="json"),
        steps=steps,
        seeds=[*range(len(next(iter(metrics.values()))))],
        metrics=metrics,
        floor=floor,
        points=None,
    )
    assert quality(result, config) == text
    few = result.model_copy(update={"floor_count": 1000})
    assert quality(few, config) == text.replace(
        "real examples", "1,000 real examples, too few to compare"
    )


@pytest.mark.parametrize("name", ["quick-mnist", "toy-ring", "quick-svhn"])
def test_the_page_shows_the_result_or_says_why_there_is_none(name: str):
    app = app_at("presets")
    app.query_params["preset"] = name
    app.run()
    assert not app.exception
    result = usual_result(name)
    if result is None:
        assert any(c.value.startswith("Not measured yet.") for c in app.caption)
    else:
        assert quality(result, PRESETS[name].config) in [m.value for m in app.markdown]
