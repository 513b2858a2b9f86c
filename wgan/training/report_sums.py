"""ReportSums: the values of a report, summed on the device over the steps since the report before."""

import math

import torch
from torch import Tensor

from wgan.config import TrainConfig
from wgan.schema import SCORE_COLUMNS
from wgan.training.distributed import ProcessGroup
from wgan.training.reports import EXPLODED, Diverged, Report, likely_cause
from wgan.training.updates import CriticValues


class ReportSums:
    """Sums what the updates of critic and generator return, and makes reports of the means.

    The sums stay on the device: fetching a number makes the CPU wait for a GPU.

    Args:
        device: the device of the training.
        process_group: the processes that train together; a report is the mean over them.
    """

    def __init__(self, device: torch.device, process_group: ProcessGroup) -> None:
        self._device, self._process_group = device, process_group
        self._unfetched_reports: list[tuple[int, Tensor]] = []
        self._clear()

    def _clear(self) -> None:
        # Loss, penalty, gap, real score, fake score.
        self._critic = torch.zeros(5, device=self._device)
        self._generator = torch.zeros((), device=self._device)
        self._held_out_gap = torch.zeros((), device=self._device)
        self.counts = (0, 0)
        """Number of critic updates and of generator updates in the sums."""

    @property
    def gap(self) -> Tensor:
        """The sum of the critic gaps since the last report, a scalar."""
        return self._critic[2]

    def add_critic_update(self, values: CriticValues) -> None:
        """Add the values of one critic update."""
        if values.held_out_mean is not None:
            self._held_out_gap = values.held_out_mean - values.fake_mean
        gap = values.real_mean - values.fake_mean
        self._critic += torch.stack(
            [values.loss, values.penalty, gap, values.real_mean, values.fake_mean]
        )
        self.counts = self.counts[0] + 1, self.counts[1]

    def add_generator_update(self, loss: Tensor) -> None:
        """Add the loss of one generator update, a scalar on the device."""
        self._generator += loss
        self.counts = self.counts[0], self.counts[1] + 1

    def close_report(self, step: int) -> None:
        """Make the report of a step from the sums, and start new sums."""
        critic_loss, penalty, gap, *scores = self._critic / self.counts[0]
        generator_loss = self._generator / self.counts[1]
        values = torch.stack(
            [critic_loss, generator_loss, gap, self._held_out_gap, penalty, *scores]
        )
        self._unfetched_reports.append((step, self._process_group.mean(values)))
        self._clear()

    def fetch_reports(self, config: TrainConfig) -> list[Report]:
        """Return the reports since the last call, fetched from the device at once.

        Raises Diverged at the first report that is not finite or has exploded.
        """
        if not self._unfetched_reports:
            return []
        steps = [step for step, _ in self._unfetched_reports]
        rows = torch.stack([values for _, values in self._unfetched_reports]).tolist()
        self._unfetched_reports.clear()
        reports = [Report(step, *row) for step, row in zip(steps, rows, strict=True)]
        for i, report in enumerate(reports):
            bad = [
                name
                for name, value in zip(Report._fields[1:], report[1:], strict=True)
                if name not in SCORE_COLUMNS and not abs(value) <= EXPLODED
            ]
            if bad:
                raise Diverged(likely_cause(config, report.step, bad), reports[:i])
        return reports

    def tensor(self) -> Tensor:
        """Return the sums for a checkpoint, (7,)."""
        others = torch.stack([self._generator, self._held_out_gap])
        return torch.cat([self._critic[:3], others, self._critic[3:]])

    def load(self, tensor: Tensor, counts: tuple[int, int]) -> None:
        """Continue from the sums of a checkpoint, (7,), and its counts.

        Checkpoints of older versions have no sums of the scores, (5,). The first report after them has then
        no mean scores, if it covers steps before the checkpoint.
        """
        sums = tensor.to(self._device)
        if len(sums) == 5:
            sums = torch.cat([sums, sums.new_full((2,), math.nan if counts[0] else 0.0)])
        self._critic = torch.cat([sums[:3], sums[5:]])
        self._generator, self._held_out_gap = sums[3].clone(), sums[4].clone()
        self.counts = counts
