"""`wgan evaluate`, `wgan diagnose` and `wgan train-features`: quality and problems of a run."""

import json
from pathlib import Path

import click

from wgan.cli.main import UsageError
from wgan.cli.options import (
    StrictCommand,
    Whole,
    json_option,
    quiet_option,
    run_argument,
    runs_dir_option,
    step_option,
)
from wgan.cli.progress import Progress
from wgan.data import DATASETS, Pictures, data_root
from wgan.diagnosis import RULES, examine
from wgan.jobs import Evaluation, RunReader, evaluate
from wgan.latent import Models
from wgan.metrics import title_of, train_features
from wgan.runs import Run


@click.command("evaluate", cls=StrictCommand)
@run_argument
@click.option("--samples", type=Whole(), help="Number of samples. Default: 10,000.")
@click.option("--seed", type=Whole(), default=0, help="Seed of z. Default: 0.")
@step_option
@json_option("Print one JSON object.")
@quiet_option
@runs_dir_option
def evaluate_command(
    run: str,
    samples: int | None,
    seed: int,
    step: int | None,
    as_json: bool,
    quiet: bool,
    runs_dir: Path,
) -> None:
    """Measure samples of a RUN with every metric, and compare with the values of real examples.

    The values are recorded in the run.
    """
    if samples is not None and samples < 10:
        raise UsageError("--samples must be at least 10.")
    judged = Run.find(run, runs_dir)
    state, _ = judged.checkpoints.read(step)
    models = Models(state.config, state.tensors, state.step)
    progress = Progress(quiet)
    evaluation: Evaluation | None = None
    with progress:
        for progress_of_task in evaluate(models, samples=samples, seed=seed, run=judged):
            progress.tell(progress_of_task.message, progress_of_task.share)
            evaluation = progress_of_task.result or evaluation
    assert evaluation is not None
    if as_json:
        print(json.dumps({"run": str(judged.folder), **evaluation.as_dict()}))
        return
    print(
        f"Run {judged.id}, step {evaluation.step:,}, {evaluation.samples:,} samples. {evaluation.note}".rstrip()
    )
    if evaluation.protocol:
        protocol = evaluation.protocol
        print(
            f"Features: {protocol['network']} {protocol['hash']}; reference: {protocol['reference']}"
        )
    width = max((len(title_of(value.name)) for value in evaluation.values), default=0)
    for value in evaluation.values:
        spread = "" if value.deviation is None else f" ± {value.deviation:.2g}"
        floor = "" if value.floor is None else f"   real: {value.floor:.4g}"
        print(f"{title_of(value.name):{width}}  {value.value:.4g}{spread}{floor}")


@click.command("diagnose", cls=StrictCommand)
@run_argument
@click.option(
    "--all", "show_all", is_flag=True, help="List every check, also those without a problem."
)
@json_option("Print JSON, one object per check.")
@runs_dir_option
def diagnose_command(run: str, show_all: bool, as_json: bool, runs_dir: Path) -> None:
    """List the known problems of a RUN, their evidence, and changes that may help.

    The exit code is 0, even if a problem was found.
    """
    snapshot = RunReader(Run.find(run, runs_dir)).snapshot()
    findings = examine(snapshot.evidence)
    listed = findings if show_all else [finding for finding in findings if finding.reading.raised]
    for finding in listed:
        if as_json:
            print(
                json.dumps(
                    {
                        "rule": finding.key,
                        "title": finding.heading,
                        "level": finding.rule.level,
                        "raised": finding.reading.raised,
                        "evidence": finding.reading.evidence,
                        "since": finding.reading.since,
                        "proposals": [dict(p.changes) for p in finding.reading.proposals],
                        "limits": dict(finding.rule.limits),
                        "source": finding.rule.source,
                    }
                )
            )
            continue
        since = (
            f" (since step {finding.reading.since:,})" if finding.reading.since is not None else ""
        )
        print(
            f"{'!' if finding.reading.raised else ' '} {finding.heading}{since}: {finding.reading.evidence}"
        )
        for proposal in finding.reading.proposals if finding.reading.raised else ():
            print(
                "    may help: "
                f"{proposal.description}{('' if proposal.live else ' (needs a fork)')}"
            )
    if not listed and not as_json:
        print(
            f"{snapshot.run}: no problems found by step {snapshot.step:,}. {len(findings)} of "
            f"{len(RULES)} checks apply and have enough data."
        )


@click.command("train-features", cls=StrictCommand)
@click.argument("dataset")
@click.option("--seed", type=Whole(), default=0, help="Random seed. Default: 0.")
@click.option(
    "--epochs", type=Whole(), default=3, help="Number of passes over the data. Default: 3."
)
@click.option("--out", type=click.Path(path_type=Path), help="Default: a file in the data root.")
@quiet_option
def train_features_command(
    dataset: str, seed: int, epochs: int, out: Path | None, quiet: bool
) -> None:
    """Train the small classifier whose features the metrics of pictures use.

    DATASET is a labelled data set such as kmnist; see `data list`. The classifiers of MNIST and
    Fashion-MNIST come with the program.
    """
    if dataset not in DATASETS or not DATASETS[dataset].features:
        names = ", ".join(name for name, candidate in DATASETS.items() if candidate.features)
        raise UsageError(f"No classifier can be trained for {dataset!r}. Choose from: {names}.")
    if epochs < 1:
        raise UsageError("--epochs must be at least 1.")
    data_set = DATASETS[dataset](name=dataset)
    target = out or data_root() / f"features-{data_set.features}.safetensors"
    progress = Progress(quiet)
    with progress:
        data = data_set.load(progress=progress.tell)
        assert isinstance(data, Pictures)
        extractor = train_features(
            data,
            data_set.features,
            data_set.title,
            seed=seed,
            epochs=epochs,
            report_progress=progress.tell,
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(extractor.content)
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror}).") from error
    print(
        json.dumps(
            {
                "out": str(target),
                "hash": extractor.hash,
                "accuracy": extractor.accuracy,
                "bytes": len(extractor.content),
                "floors": extractor.floors,
            }
        )
    )
