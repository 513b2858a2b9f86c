"""A search for a picture as work beside the trainings."""

import numpy as np
import pytest
import torch

from tests.conftest import pictures
from tests.test_latent import labelled
from wgan.jobs import NUM_BASELINE_PICTURES, InversionResult, TaskProgress, invert
from wgan.latent import draw_z


def test_it_ends_with_the_nearest_training_pictures_and_tells_each_update():
    copy, data = labelled(), pictures()
    target = data.train[7].numpy()
    values = list(invert(copy, target, starts=2, updates=6, data=data))
    assert all(isinstance(progress, TaskProgress) for progress in values)
    shares = [progress.share for progress in values]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert len(values) >= 6 + 1  # it can be cancelled after each update
    result = values[-1].result
    assert (
        isinstance(result, InversionResult)
        and result.others is not None
        and len(result.others) == NUM_BASELINE_PICTURES
    )
    assert result.search.others.shape == (NUM_BASELINE_PICTURES,)
    # The picture itself is among the training pictures; the others as NumPy finds them.
    away = np.sqrt(((data.train[:].numpy().astype(float) - target) ** 2).mean(axis=(1, 2, 3)))
    assert result.distances == pytest.approx(np.sort(away)[:8], abs=1e-2)
    assert (result.nearest[0] == target).all()


def test_without_the_data_there_is_no_baseline(monkeypatch: pytest.MonkeyPatch):
    copy = labelled()
    monkeypatch.setattr(type(copy.config.dataset), "present", lambda *_: False)
    target = copy.make(draw_z(1, 1, 8), [4])[0]
    values = list(invert(copy, target, starts=2, updates=3, label=4))
    result = next(progress.result for progress in reversed(values) if progress.result is not None)
    assert result.others is None and result.nearest is None and len(result.search.others) == 0


def test_a_picture_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="must be"):
        list(invert(labelled(), np.zeros((3, 32, 32), np.uint8), data=pictures()))


def test_the_worker_never_computes_a_gradient_for_the_generator():
    copy = labelled()
    list(invert(copy, copy.make(draw_z(1, 1, 8), [0])[0], starts=2, updates=2, data=pictures()))
    assert all(p.grad is None and not p.requires_grad for p in copy.generator.parameters())
    assert not torch.is_inference_mode_enabled()
