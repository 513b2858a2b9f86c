"""RULES: all checks of the diagnosis, with their thresholds and sources."""

from dataclasses import replace

from wgan.diagnosis import critic_rules, sample_rules, training_rules
from wgan.diagnosis.evidence import Evidence, Finding, Rule

OURS = "ours: between healthy runs and runs made to fail (tests/test_diagnosis.py)"

RULES: dict[str, Rule] = {
    "explosion": Rule(
        "The losses explode",
        "danger",
        "The losses grow without bounds, and the run will soon end with infinite numbers. Mostly a "
        "learning rate is too high, or nothing holds the critic's slope.",
        training_rules.explosion,
        f"EXPLODED ends a run at 10^7; {OURS}",
        {"large": 3e3, "growth": 10.0, "certain": 1e5},
    ),
    "vanishing-gradient": Rule(
        "The generator's gradient vanishes",
        "fault",
        "Hardly anything of what the critic knows reaches the generator. Either the discriminator is "
        "so sure that its loss is flat at the fakes, or clipping lets gradients fade with each layer. "
        "The Wasserstein loss passes on the critic's slope as it is: its signal is 100 %.",
        training_rules.vanishing_gradient,
        f"Arjovsky and Bottou 2017, theorem 2.4; depth: Gulrajani et al. 2017, figure 1b; {OURS}",
        {"signal": 0.02, "depth": -2.0},
    ),
    "exploding-gradient": Rule(
        "The critic's gradients explode with depth",
        "fault",
        "Each layer makes the gradient larger on its way to the input: the first layers are thrown "
        "about while the last hardly learn. Weights clipped at a c that is too large for the width do "
        "this.",
        training_rules.exploding_gradient,
        f"Gulrajani et al. 2017, figure 1b; {OURS}",
        {"depth": 2.0},
    ),
    "momentum": Rule(
        "Momentum works against the gradient",
        "fault",
        "The optimiser's step no longer points downhill: it follows gradients of moments ago, and the "
        "game has turned since. In a healthy run the cosine is 0.2 to 0.6.",
        training_rules.momentum,
        f"Arjovsky et al. 2017, section 4: the cosine turned negative in runs that failed; {OURS}",
        {"cosine": 0.1},
    ),
    "learning-rates": Rule(
        "The learning rates are out of balance",
        "fault",
        "One network rushes while the other hardly moves, so they do not answer each other.",
        training_rules.learning_rates,
        f"two time scales: Heusel et al. 2017, arXiv:1706.08500; {OURS}",
        {"high": 15.0, "low": 1 / 300},
    ),
    "weak-penalty": Rule(
        "The penalty is too weak",
        "fault",
        "The critic is far steeper than the 1 that it is asked for, and steepness is all that bounds "
        "it: its gap grows, and the generator is pulled too hard. With a finite λ the slope settles at "
        "1 + W₁/2λ, so early, far from the data, some excess is usual.",
        critic_rules.weak_penalty,
        f"slope 1: Gulrajani et al. 2017, proposition 1; {OURS}",
        {"slope": 6.0},
    ),
    "strong-penalty": Rule(
        "The penalty is too strong",
        "fault",
        "The critic spends its updates on keeping its slope at 1 and learns little of the data. In "
        "balance, the penalty and the loss pull equally hard.",
        critic_rules.strong_penalty,
        OURS,
        {"pull": 4.0},
    ),
    "clipping": Rule(
        "Clipping is saturated",
        "fault",
        "Most weights are at the bound, so the critic is a simple function: it sees the outline of "
        "the data and not its parts.",
        critic_rules.clipping,
        f"weights pile up at ±c: Gulrajani et al. 2017, figure 1b; {OURS}",
        {"share": 0.6},
    ),
    "undertrained-critic": Rule(
        "The critic is under-trained",
        "fault",
        "With the generator standing still the critic would still learn much, so the direction it "
        "gives is behind the samples, and they do not improve. A critic that lags while the samples "
        "improve is no fault.",
        critic_rules.undertrained_critic,
        f"train the critic till optimality: Arjovsky et al. 2017, section 3; {OURS}",
        {"lag": 0.7, "progress": 0.97, "floors": 3.0},
    ),
    "memorisation": Rule(
        "The generator learns pictures by heart",
        "fault",
        "The samples are training pictures, not new ones. FID and precision take them for perfect. "
        "More pictures help most; flips, smaller networks and fewer steps help too.",
        sample_rules.memorisation,
        f"distance ratio: the project's measurements, 0 % of held-out digits; {OURS}",
        {"share": 0.1},
    ),
    "mode-collapse": Rule(
        "Mode collapse",
        "danger",
        "The generator makes only a part of what is in the data, over and over. The critic answers, the "
        "generator jumps elsewhere, and neither gets further.",
        sample_rules.mode_collapse,
        f"modes: Srivastava et al. 2017 (VEEGAN), arXiv:1705.07761; {OURS}",
        {
            "modes": 0.75,
            "good": 0.3,
            "class_kl": 0.9,
            "duplicates": 0.5,
            "variety": 0.35,
            "coverage": 0.1,
            "precision": 0.7,
        },
    ),
    "overfitting-critic": Rule(
        "The critic overfits",
        "fault",
        "It tells its training pictures from held-out ones, so part of its gap is not about the "
        "samples at all, and what it teaches leads towards copies.",
        critic_rules.overfitting_critic,
        f"Gulrajani et al. 2017, figure 5b; 256 examples a side; {OURS}",
        {"share": 0.25, "spreads": 0.3},
    ),
    "worsening": Rule(
        "The samples become worse",
        "fault",
        "The best measure of the samples has turned: what was learned is being lost again. In a GAN this "
        "is usual, as its two players go round each other and modes starve; a Wasserstein loss with a "
        "penalty, or slower steps, holds what was won. The best checkpoint is kept: fork from it.",
        sample_rules.worsening,
        OURS,
        {"measured": 6, "times": 1.25, "deviations": 3.0},
    ),
    "plateau": Rule(
        "No more improvement",
        "note",
        "The best metric of the samples has not improved by more than its noise.",
        sample_rules.plateau,
        f"difference of two means over their standard error; {OURS}",
        {"measured": 15, "errors": 2.0, "least": 0.02, "floors": 1.25},
    ),
}
"""All rules by key; an earlier problem can cause a later one."""


def examine(evidence: Evidence) -> list[Finding]:
    """Return the findings of all rules that have enough data, in the order of RULES."""
    findings = []
    for key, rule in RULES.items():
        reading = rule.check(evidence, rule)
        if reading is not None:
            # JSON cannot store NumPy's booleans.
            findings.append(Finding(key, rule, replace(reading, raised=bool(reading.raised))))
    return findings


def diagnose(evidence: Evidence) -> list[Finding]:
    """Return the problems of a run, the first one to act upon first; empty for a healthy run."""
    return [finding for finding in examine(evidence) if finding.reading.raised]
