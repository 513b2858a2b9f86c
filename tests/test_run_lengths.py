"""How long a run takes: the popover that continues it, and the lengths that the sidebar offers."""

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
    assert "begin at 75 % of their values and decrease to 0 at step 400" in linear
    assert "begin at 85 % of their values" in resume_text(snapshot_of(decay="cosine"), 100, 400)


def test_planned_steps_have_two_digits():
    from pages.ui.train.sidebar import round_steps

    planned = [round_steps(n) for n in (0.2, 7.4, 96.0, 2_345.6, 98_765.0, 1e12)]
    assert planned == [1, 7, 96, 2_300, 99_000, 10_000_000]
