"""Augmentation: random changes of real and fake pictures, with which a critic overfits fewer pictures less.

The critic sees only changed pictures, real and fake alike, so the generator need not copy the changes. Gradients
flow through each of them to the generator.

References:
    Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training, arXiv:2006.10738: the changes.
    Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, arXiv:2006.06676: the probability.
"""

import copy
from collections.abc import Callable
from typing import NamedTuple, Self

import torch
from torch import Tensor

from wgan.config import TrainConfig
from wgan.training.batches import Batches
from wgan.training.engine import to_layout

SHIFT = 1 / 8
"""Largest translation, as a share of height and width. Zhao et al. 2020: 1/8."""

HOLE = 1 / 2
"""Side of the cutout, as a share of height and width. Zhao et al. 2020: 1/2."""

MAX_PROBABILITY = 0.8
"""Highest adaptive probability: up to it, samples show no augmentation (Karras et al. 2020, section 2.2)."""

AVERAGING = 0.95
"""Share of the averages of the overfitting signal that is kept at each report."""

HELD_OUT_DRAW = -1
"""The draw of the random parameters of held-out pictures; the updates of a step count from 0."""

_NUM_UNIFORM = 12
"""Uniform random numbers for each picture."""


class Transforms(NamedTuple):
    """The changes that pictures may get."""

    translation: bool
    cutout: bool
    colour: bool
    flips: bool


class Parameters(NamedTuple):
    """Random parameters of a batch; the values in brackets change nothing."""

    flip: Tensor  # (N,), 1: mirrored (0)
    down: Tensor  # (N,), whole pixels (0)
    right: Tensor  # (N,), whole pixels (0)
    top: Tensor  # (N,), first row of the cutout; may be negative (H)
    left: Tensor  # (N,), its first column (W)
    brightness: Tensor  # (N,), in −0.5…0.5 (0)
    saturation: Tensor  # (N,), factor − 1, in −1…1 (0)
    contrast: Tensor  # (N,), factor − 1, in −0.5…0.5 (0)


def transforms_of(config: TrainConfig) -> Transforms | None:
    """Return the changes that a config asks for; None if it asks for none."""
    if config.augmentation == "none":
        return None
    transforms = Transforms(
        config.augmentation_translation,
        config.augmentation_cutout,
        config.augmentation_colour,
        config.augmentation_flips,
    )
    return transforms if any(transforms) else None


# ---- the changes --------------------------------------------------------------------------------


def flip(x: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror pictures, (N, C, H, W), from left to right where `mirrored`, (N,), is not 0."""
    return torch.where(mirrored.bool()[:, None, None, None], x.flip(3), x)


def translate(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift pictures, (N, C, H, W), by whole pixels, (N,) each. Pixels from outside are 0."""
    n, c, h, w = x.shape
    rows = (
        torch.arange(h, device=x.device) - down.long()[:, None]
    )  # (N, H), where each row comes from
    columns = torch.arange(w, device=x.device) - right.long()[:, None]  # (N, W)
    inside_rows, inside_columns = (rows >= 0) & (rows < h), (columns >= 0) & (columns < w)
    inside = inside_rows[:, :, None] & inside_columns[:, None, :]  # (N, H, W)
    indices = w * rows.clamp(0, h - 1)[:, :, None] + columns.clamp(0, w - 1)[:, None, :]
    pixels = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
    moved = pixels.gather(1, indices.view(n, h * w, 1).expand(-1, -1, c))
    return moved.view(n, h, w, c).permute(0, 3, 1, 2).masked_fill(~inside[:, None], 0.0)


def cut_out(x: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Set a rectangle of each picture, (N, C, H, W), to 0.

    Args:
        x: Pictures.
        top: First row of the rectangle, (N,); rows outside of the picture are ignored.
        left: Its first column, (N,).
    """
    h, w = x.shape[2:]
    rows = torch.arange(h, device=x.device) - top[:, None]  # (N, H), counted from the rectangle
    columns = torch.arange(w, device=x.device) - left[:, None]
    in_rows = (rows >= 0) & (rows < hole_side(h))
    in_columns = (columns >= 0) & (columns < hole_side(w))
    hole = in_rows[:, :, None] & in_columns[:, None, :]
    return x.masked_fill(hole[:, None], 0.0)


def change_colour(x: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Change the colours of pictures, (N, C, H, W). The saturation of grey pictures does not change.

    Args:
        x: Pictures.
        brightness: Added to each pixel, (N,).
        saturation: 1 + this, (N,), multiplies the difference of each channel from the pixel's mean.
        contrast: 1 + this, (N,), then multiplies the difference of each pixel from the picture's mean.
    """
    # Adding multiples of the differences, rather than scaling them, leaves x as it is where the parameters are 0.
    x = x + brightness[:, None, None, None]
    if x.shape[1] > 1:
        x = x + saturation[:, None, None, None] * (x - x.mean(1, keepdim=True))
    return x + contrast[:, None, None, None] * (x - x.mean((1, 2, 3), keepdim=True))


def augment(x: Tensor, parameters: Tensor, transforms: Transforms) -> Tensor:
    """Return changed pictures, (N, C, H, W).

    Args:
        x: Pictures.
        parameters: The values of `Parameters` in its order, (N, 8).
        transforms: Which of the changes are made.
    """
    values = Parameters(*parameters.unbind(1))
    if transforms.colour:
        x = change_colour(x, values.brightness, values.saturation, values.contrast)
    if transforms.flips:
        x = flip(x, values.flip)
    if transforms.translation:
        x = translate(x, values.down, values.right)
    if transforms.cutout:
        x = cut_out(x, values.top, values.left)
    return x


def augmented(
    generate: Callable[[Tensor, Tensor | None], Tensor],
    parameters: Tensor | None,
    transforms: Transforms | None,
    layout: torch.memory_format,
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """Return a generator whose samples are changed; the generator itself without parameters.

    Args:
        generate: z (N, latent_dim) and classes (N,), None without classes → pictures (N, C, H, W).
        parameters: The values of `Parameters` in its order, (N, 8).
        transforms: Which of the changes are made.
        layout: Memory format of the changed pictures.
    """
    if parameters is None or transforms is None:
        return generate
    return lambda z, label: to_layout(augment(generate(z, label), parameters, transforms), layout)


# ---- their random parameters --------------------------------------------------------------------


def hole_side(length: int) -> int:
    """Return the side of the cutout along a height or width, in pixels."""
    return int(HOLE * length + 0.5)


def draw_parameters(
    n: int, shape: tuple[int, ...], probability: float | Tensor, rng: torch.Generator
) -> Tensor:
    """Draw the parameters of n pictures. Each change is made with a probability, independently of the others.

    They do not depend on which changes are in use.

    Args:
        n: Number of pictures.
        shape: Shape of a picture, (C, H, W).
        probability: In [0, 1]; a scalar.
        rng: Random number generator on the device of the pictures.

    Returns:
        The values of `Parameters` in its order, (n, 8).
    """
    h, w = shape[1:]
    uniform = torch.rand(n, _NUM_UNIFORM, generator=rng, device=rng.device)
    flips, moves, cuts, colours = (uniform[:, :4] < probability).unbind(1)
    mirrored, down, right, row, column, brightness, saturation, contrast = uniform[:, 4:].unbind(1)

    def whole(u: Tensor, values: int) -> Tensor:
        """Return whole numbers in 0…values − 1. Rounding could reach `values`."""
        return (u * values).floor().clamp_max(values - 1)

    def shift(u: Tensor, length: int) -> Tensor:
        most = int(SHIFT * length + 0.5)
        return moves * (whole(u, 2 * most + 1) - most)

    def start(u: Tensor, length: int) -> Tensor:
        """Return the first row or column of a cutout whose centre is anywhere in the picture."""
        side = hole_side(length)
        first = whole(u, length + 1 - side % 2) - side // 2
        return torch.where(cuts, first, float(length))

    return torch.stack(
        Parameters(
            flip=(flips & (mirrored < 0.5)).float(),
            down=shift(down, h),
            right=shift(right, w),
            top=start(row, h),
            left=start(column, w),
            brightness=colours * (brightness - 0.5),
            saturation=colours * (2 * saturation - 1),
            contrast=colours * (contrast - 0.5),
        ),
        dim=1,
    )


class Augmentation:
    """The augmentation of a training: its random parameters, and its adaptive probability.

    The probability follows r_v = (E f(train) − E f(held-out)) / (E f(train) − E f(fake)), Karras et al. 2020,
    equation 1. It is 0 for a critic that does not distinguish training pictures from held-out ones, and 1 for one
    to which held-out pictures look like fakes. Unlike their r_t = E sign f(train), it does not depend on where the
    critic's scores are 0, which has no meaning for a Wasserstein critic. All three means are of augmented pictures.
    The authors' code has the target 0.5 for r_v, and 0.6 for r_t.

    Args:
        batches: The batches of the training, with its config.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.reset()

    def reset(self) -> None:
        """Set the adaptive probability back to 0."""
        # Probability, and the averages of f(train) − f(held-out) and of f(train) − f(fake).
        self._state = torch.zeros(3, device=self.batches.device)

    @property
    def transforms(self) -> Transforms | None:
        """The changes in use; None without augmentation."""
        return transforms_of(self.batches.config)

    @property
    def is_adaptive(self) -> bool:
        """Whether the probability is adjusted during the training."""
        return self.batches.config.augmentation == "adaptive"

    @property
    def probability(self) -> float | Tensor:
        """The present probability of each change; the adaptive one is a scalar on the device."""
        return self._state[0] if self.is_adaptive else self.batches.config.augmentation_probability

    def with_batches(self, batches: Batches) -> Self:
        """Return a copy with the same probability, for other batches of the same config."""
        copied = copy.copy(self)
        copied.batches = batches
        return copied

    def augment_batch(
        self, step: int, draw: int, *, real: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the changed pictures of a critic update, (N, C, H, W); the same ones without augmentation."""
        if (transforms := self.transforms) is None:
            return real, fake
        of_real, of_fake = self._draw(step, draw, len(real))
        return (
            self.batches.lay_out(augment(real, of_real, transforms)),
            self.batches.lay_out(augment(fake, of_fake, transforms)),
        )

    def augment_real(self, step: int, draw: int, pictures: Tensor) -> Tensor:
        """Return real pictures of a draw, (N, C, H, W), changed like those of the critic's updates."""
        if (transforms := self.transforms) is None:
            return pictures
        parameters, _ = self._draw(step, draw, len(pictures))
        return self.batches.lay_out(augment(pictures, parameters, transforms))

    def generator_parameters(self, step: int, draw: int) -> Tensor | None:
        """Return the parameters of the samples in a generator update, (N, 8); None without augmentation."""
        if self.transforms is None:
            return None
        n = self.batches.config.batch_size // self.batches.process_group.size
        return self._draw(step, draw, n)[1]

    def _draw(self, step: int, draw: int, n: int) -> tuple[Tensor, Tensor]:
        """Return this process' parameters of n real and of n fake pictures, (n, 8) each."""
        config, process_group = self.batches.config, self.batches.process_group
        whole = draw_parameters(
            2 * config.batch_size,
            config.dataset.shape,
            self.probability,
            self.batches.rng("augment", step, draw),
        )
        real, fake = whole.chunk(2)
        rows = process_group.rows.part(n * process_group.size)
        return real[rows], fake[rows]

    def adapt(self, *, real: Tensor, held_out: Tensor, fake: Tensor, pictures: int) -> None:
        """Raise the adaptive probability if the critic overfits more than the target, and lower it otherwise.

        Args:
            real: Mean score of training pictures, a scalar on the device.
            held_out: Mean score of held-out pictures.
            fake: Mean score of fakes.
            pictures: Number of training pictures that the critic has seen since the last call.
        """
        if not self.is_adaptive:
            return
        config = self.batches.config
        differences = self.batches.process_group.mean(torch.stack([real - held_out, real - fake]))
        averages = AVERAGING * self._state[1:] + (1 - AVERAGING) * differences
        # Both averages start at 0, so their ratio is not biased.
        overfits = (averages[1] > 0) & (averages[0] > config.augmentation_target * averages[1])
        change = pictures / (1000 * config.augmentation_rise) * (2 * overfits.float() - 1)
        probability = (self._state[0] + change).clamp(0.0, MAX_PROBABILITY)
        self._state = torch.cat([probability[None], averages])

    def tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint needs; nothing unless the probability is adaptive."""
        return {"augmentation": self._state} if self.is_adaptive else {}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from the tensors of a checkpoint; from 0 if it has none.

        Raises:
            ValueError: They have another shape.
        """
        if not self.is_adaptive or "augmentation" not in tensors:
            return
        state = tensors["augmentation"]
        if state.shape != self._state.shape:
            raise ValueError(f"augmentation has the shape {tuple(state.shape)} instead of (3,).")
        self._state = state.to(self._state)
