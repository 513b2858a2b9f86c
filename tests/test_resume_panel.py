"""The popover that continues a run to a later step."""

from tests.conftest import tiny
from wgan.jobs import RunSnapshot
from wgan.runs import Status


def snapshot_of(**changes: object) -> RunSnapshot:
    """Return a finished run of 100 steps in 50 seconds."""
    config = tiny(steps=100, **changes)
    return RunSnapshot(
        "a", Status.FINISHED, config, step=100, seconds=50.0, checkpoint_steps=(100,)
    )


def test_the_text_says_how_long_the_rest_takes():
    from pages.ui.panels.resume import resume_text

    assert resume_text(snapshot_of(), 100, 160) == "About 30 s at the speed of the run so far."


def test_the_text_says_how_the_learning_rates_continue():
    """A linear decay over 400 steps is at three quarters after 100 of them; a cosine at ½ + ½ cos(π/4)."""
    from pages.ui.panels.resume import resume_text

    linear = resume_text(snapshot_of(decay="linear"), 100, 400)
    assert "begin at 75% of their values and decrease to 0 at step 400" in linear
    assert "begin at 85% of their values" in resume_text(snapshot_of(decay="cosine"), 100, 400)
