"""PRESETS: named configs, with what they reproduce, their source and what to expect."""

from dataclasses import dataclass
from typing import Any

from wgan.config.comparison import differences
from wgan.config.groups import Group
from wgan.config.hyperparameters import hyperparameters
from wgan.config.model import TrainConfig
from wgan.config.parts import Adam, RMSprop
from wgan.data import Mnist, Mnist10k, Ring8, SwissRoll
from wgan.networks import Brownlee, Dcgan, Mlp
from wgan.objectives import Wgan, WganGp, WganLp


@dataclass(frozen=True)
class FirstResult:
    """What the samples of a preset show first, and when: measured by `python -m benchmarks.first_results`."""

    text: str
    """A noun phrase for the user, such as "readable digits"."""
    step: int
    """The step at which they show it: the median of three seeds."""


@dataclass(frozen=True)
class Preset:
    """A named config, with its purpose, its source and what to expect."""

    title: str
    description: str
    source: str
    expect: str
    config: TrainConfig
    first_result: FirstResult | None = None


QUICK = TrainConfig(
    dataset=Mnist10k(),
    objective=WganGp(penalty_weight=10.0),
    network=Dcgan(size="medium"),
    optimizer=Adam(beta1=0.0, beta2=0.9),
    generator_learning_rate=2e-3,
    critic_learning_rate=4e-3,
    n_critic=1,
    conditional=True,
    batch_size=64,
    decay="linear",
    latent_dim=32,
    steps=1_500,
    ema_decay=0.999,
    preview_every=25,
)
"""The values that all quick presets of pictures share."""

DIGITS: dict[str, Any] = {"generator_learning_rate": 1e-2}
"""Changes to a quick preset for digits. Clothes become worse with this rate (`docs/recipe.md`)."""

CONSTANT_RATES: dict[str, Any] = {
    "conditional": False,
    "generator_learning_rate": 2e-3,
    "critic_learning_rate": 4e-3,
    "batch_size": 32,
    "decay": "none",
    "steps": 20_000,
    "ema_decay": 0.995,
}
"""Changes to a quick preset of digits for experiments of open length: without classes, and with
the best learning rates that stay constant, for batches of 32.
"""

SLOWER: dict[str, Any] = {
    "generator_learning_rate": 1e-3,
    "critic_learning_rate": 2e-3,
    "batch_size": 32,
    "decay": "none",
    "steps": 20_000,
}
"""For data sets on which the best learning rates for digits and clothes were not tried."""

TOY = TrainConfig(
    dataset=Ring8(scale=2.0, sigma=0.05),
    objective=WganGp(penalty_weight=0.1),
    network=Mlp(width=64, depth=3),
    optimizer=Adam(beta1=0.5, beta2=0.9),
    generator_learning_rate=1e-3,
    critic_learning_rate=1e-3,
    n_critic=2,
    batch_size=128,
    latent_dim=2,
    steps=10_000,
    ema_decay=0.999,
    preview_every=25,
)
"""The values that the presets of points share. Their learning rates are constant."""

RING: dict[str, Any] = {
    "generator_learning_rate": 2e-3,
    "critic_learning_rate": 2e-3,
    "decay": "linear",
}
"""Changes to `TOY` for the ring. With them, the samples of the grid are further from the data (`docs/recipe.md`)."""

WGAN = TrainConfig(
    dataset=Mnist10k(),
    objective=Wgan(clip_value=0.01),
    network=Dcgan(size="large"),
    optimizer=RMSprop(),
    generator_learning_rate=5e-5,
    critic_learning_rate=5e-5,
    n_critic=5,
    batch_size=64,
    latent_dim=100,
    steps=50_000,
    preview_every=20,
)

BROWNLEE = TrainConfig(
    dataset=Mnist(classes=("7",)),
    objective=Wgan(clip_value=0.01, clipped="kernels"),
    network=Brownlee(),
    optimizer=RMSprop(alpha=0.9, eps=1e-7),
    generator_learning_rate=5e-5,
    critic_learning_rate=5e-5,
    n_critic=5,
    batch_size=64,
    split_updates=True,
    inference_fakes=True,
    latent_dim=50,
    steps=970,
    ema_decay=0.0,
    report_every=1,
    preview_every=10,
)
"""The tutorial's values, and Keras' defaults: RMSprop with ρ 0.9 and ε 1e-7."""

PRESETS: dict[str, Preset] = {
    "quick-mnist": Preset(
        "Quick digits",
        "Handwritten digits in a minute on a laptop, one row for each digit. The networks know the class of "
        "each picture. The learning rates of generator and critic begin 100 and 40 times as large as in the paper, and "
        "decrease to 0.",
        "Ours: the result of searches for the smallest FID after 10 seconds to 5 minutes",
        "Digits become readable after about a tenth of the steps, and clearer until the end. The run ends after a "
        "minute on a laptop with two free cores, later on a slow machine. Resume it with more steps for better "
        "digits: its learning rates then follow a new schedule.",
        QUICK.changed(DIGITS),
        FirstResult("readable digits", 150),
    ),
    "quick-mnist-unlabelled": Preset(
        "Quick digits without labels",
        "The quick settings for networks that do not know the classes of the pictures, as in the papers on WGANs.",
        "Ours: the values of quick-mnist",
        "Digits become readable later than with labels. Nothing says which digit a sample shows, so the same z "
        "may turn from one digit into another.",
        QUICK.changed(DIGITS | {"conditional": False}),
    ),
    "paper-wgan": Preset(
        "The first WGAN",
        "Weight clipping, RMSprop and five critic updates per step, as published. It is slow but stable: "
        "the critic gap falls as the pictures improve.",
        "Arjovsky et al. 2017, algorithm 1, arXiv:1701.07875",
        "Grey clouds for the first minutes, then blurred digits: with learning rates of 5e-5, training "
        "takes long. The gap falls steadily as the pictures improve, as in figure 3 of the paper.",
        WGAN,
    ),
    "paper-wgan-gp": Preset(
        "WGAN-GP",
        "The gradient penalty with the settings of the paper: λ = 10, Adam with learning rate 1e-4, β₁ = 0 "
        "and β₂ = 0.9, and five critic updates per step.",
        "Gulrajani et al. 2017, algorithm 1, arXiv:1704.00028",
        "Slower at first than the quick preset, but more stable: digits are readable after some thousand "
        "steps. The gap is largest early and then keeps falling.",
        TrainConfig(
            dataset=Mnist10k(),
            objective=WganGp(penalty_weight=10.0),
            network=Dcgan(size="large"),
            optimizer=Adam(beta1=0.0, beta2=0.9),
            generator_learning_rate=1e-4,
            critic_learning_rate=1e-4,
            n_critic=5,
            batch_size=64,
            latent_dim=128,
            steps=50_000,
            preview_every=20,
        ),
    ),
    "toy-ring": Preset(
        "Eight Gaussians",
        "A ring of eight Gaussians in the plane. The generator's points move uphill on the critic's surface "
        "until they cover all eight modes.",
        "After the toy script of Gulrajani et al. 2017 (λ = 0.1), with radius 2, σ 0.05 and small networks, "
        "so that the ring is learned within a minute; learning rates from a search (`docs/recipe.md`)",
        "All eight modes are found within a minute. While the learning rates decrease, the modes become sharp: "
        "at the end about 98 % of the points are within 3 σ of a mode. The surface is high on the modes and low "
        "between them.",
        TOY.changed(RING),
    ),
    "quick-mnist-60k": Preset(
        "Quick digits, all 60,000",
        "The quick settings on the whole of MNIST.",
        "Ours: the values of quick-mnist",
        "As Quick digits. With six times the data the critic memorises less, so the gaps on training digits "
        "and on held-out digits stay close for longer.",
        QUICK.changed(DIGITS | {"dataset": "mnist"}),
    ),
    "quick-fashion": Preset(
        "Quick clothes",
        "Fashion-MNIST: shirts, shoes and bags instead of digits.",
        "Ours: the values of quick-mnist with a fifth of the generator's learning rate, which is better for clothes",
        "Clothes can be recognised after some seconds. Then come grey shades and seams. The run ends after about a "
        "minute.",
        QUICK.changed({"dataset": "fashion-mnist"}),
        FirstResult("recognisable clothes", 350),
    ),
    "quick-kmnist": Preset(
        "Quick Kuzushiji",
        "Ten characters of historical Japanese handwriting.",
        "Ours: the values of quick-fashion; not measured on these data",
        "Strokes appear early. The characters of a class vary more than digits do, so it takes longer until "
        "they are readable.",
        QUICK.changed({"dataset": "kmnist"}),
    ),
    "quick-letters": Preset(
        "Quick letters",
        "Handwritten letters, a to z.",
        "Ours: the values of quick-fashion; not measured on these data",
        "Letters appear within a minute or two. Capital and small letters share a class.",
        QUICK.changed({"dataset": "emnist-letters"}),
    ),
    "quick-cifar10": Preset(
        "Quick colour photographs",
        "CIFAR-10: 32×32 photographs of animals and vehicles in ten classes.",
        "Ours: the values of quick-mnist with lower learning rates and batches of 32; not measured on these data",
        "Colours and backgrounds appear soon. Networks of this size need hours until objects can be "
        "recognised; good pictures need much larger networks.",
        QUICK.changed(SLOWER | {"dataset": "cifar10", "network.size": "large"}),
    ),
    "quick-svhn": Preset(
        "Quick house numbers",
        "SVHN: photographs of house numbers.",
        "Ours: the values of quick-mnist with lower learning rates and batches of 32; not measured on these data",
        "First blurred colours, then digits on them after some minutes.",
        QUICK.changed(SLOWER | {"dataset": "svhn"}),
    ),
    "quick-pokemon": Preset(
        "Quick Pokémon",
        "Small sprites in colour, which the project that this one grew from wanted to generate.",
        "Ours: the values of quick-mnist with lower learning rates and batches of 32",
        "Coloured blobs appear in the first minute, and creatures with outlines within ten minutes.",
        QUICK.changed(SLOWER | {"dataset": "pokemon"}),
    ),
    "toy-grid": Preset(
        "Twenty-five Gaussians",
        "A grid of 25 Gaussians: more modes that a generator can find or miss. The learning rates decrease to 0.",
        "Ours: the result of a search for the most high-quality samples after 12 to 24 seconds on one CPU core, on data "
        "of the toy script of Gulrajani et al. 2017",
        "The cloud spreads over the grid and breaks up into modes. While the learning rates decrease, the modes "
        "become sharp: about nine of ten samples are within 3 σ of a mode at the end.",
        TOY.changed(
            {
                "dataset": "grid-25",
                "network.width": 128,
                "optimizer.beta1": 0.0,
                "objective.penalty_weight": 0.5,
                "objective.penalty_every": 2,
                "generator_learning_rate": 3.5e-3,
                "critic_learning_rate": 4e-3,
                "n_critic": 1,
                "decay": "linear",
                "steps": 8_000,
                "ema_decay": 0.997,
            }
        ),
        FirstResult("25 separate modes", 2_500),
    ),
    "toy-swiss-roll": Preset(
        "A spiral of points",
        "The swiss roll: one curve without modes, to study the shape of the critic's surface.",
        "Ours: the values of toy-ring, on data of the toy script of Gulrajani et al. 2017",
        "A disc that turns into the spiral, from the outside in.",
        TOY.changed({"dataset": "swiss-roll", "network.width": 128}),
    ),
    "paper-wgan-code": Preset(
        "The first WGAN, as in its code",
        "The published settings with a detail of the authors' code: 100 critic updates in each of "
        "the first 25 steps and in every 500th step.",
        "Arjovsky et al. 2017, their code",
        "The first 25 steps are slow, because the critic is trained almost to convergence. After that, the "
        "training is as with “The first WGAN”.",
        WGAN.changed({"warmup_steps": 25, "warmup_every": 500, "warmup_updates": 100}),
    ),
    "paper-wgan-gp-toy": Preset(
        "WGAN-GP's toy script",
        "Eight Gaussians with a total variance of 1, networks with three layers of 512 units, and λ = 0.1.",
        "Gulrajani et al. 2017, their toy script",
        "All eight modes are found after some thousand steps. The surface takes the shape of the data.",
        TrainConfig(
            dataset=Ring8(scale=2.0 / 1.414, sigma=0.02 / 1.414),
            objective=WganGp(penalty_weight=0.1),
            network=Mlp(width=512, depth=3),
            optimizer=Adam(beta1=0.5, beta2=0.9),
            generator_learning_rate=1e-4,
            critic_learning_rate=1e-4,
            n_critic=5,
            batch_size=256,
            latent_dim=2,
            steps=100_000,
            ema_decay=0.0,
            preview_every=50,
        ),
    ),
    "wgan-lp": Preset(
        "WGAN-LP's toy setting",
        "The one-sided penalty: only slopes above 1 are penalised, and λ has little influence.",
        "Petzka et al. 2018, section 6.1, arXiv:1709.08894",
        "The gap falls smoothly. In a fork with WGAN-GP and λ = 10 it oscillates.",
        TrainConfig(
            dataset=SwissRoll(),
            objective=WganLp(penalty_weight=10.0),
            network=Mlp(width=512, depth=3, activation="leaky-relu"),
            optimizer=RMSprop(),
            generator_learning_rate=5e-5,
            critic_learning_rate=5e-5,
            n_critic=10,
            batch_size=256,
            latent_dim=2,
            steps=20_000,
            ema_decay=0.0,
            warmup_steps=25,
            warmup_updates=100,
        ),
    ),
    "groupsort": Preset(
        "A 1-Lipschitz critic",
        "Orthonormal layers, and sorting in place of ReLU. Without penalty or clipping, the critic gap "
        "is a lower bound of the Wasserstein distance at every step.",
        "Anil et al. 2019, arXiv:1811.05381; sizes are ours",
        "The gap is smooth and has the unit of the plane. It can be compared with the exact W₁ among the metrics.",
        TOY.changed({"objective": "wgan-groupsort", "n_critic": 5}),
    ),
    "brownlee": Preset(
        "Brownlee's tutorial: sevens",
        "Only the digit 7, with the networks of the tutorial and the defaults of Keras at that time: separate "
        "updates for real and fake, clipping of kernels only, and fakes for the critic in inference mode.",
        "Brownlee 2019, How to Develop a Wasserstein GAN From Scratch",
        "Sevens appear late in the ten epochs of 97 steps. Biases, batch norm and the last layer are not "
        "clipped, so the scores are not bounded: with seed 0 the gap rises to 620 and then falls, to a mean "
        "of 8.1 in the last epoch. The published scores at the end are −5.3 for real and −14.3 for "
        "fake, which is a gap of about 8.9.",
        BROWNLEE,
    ),
    "seed-corrected": Preset(
        "The tutorial on all digits",
        "Brownlee's tutorial on all ten digits for ten epochs: the aim of the project that this one grew "
        "from.",
        "TomBalmas/WGAN, with a corrected selection of digits",
        "Digits of all classes, less sharp than the sevens alone.",
        BROWNLEE.changed({"dataset.classes": (), "steps": 9_370, "preview_every": 20}),
    ),
    "seed-as-published": Preset(
        "The tutorial with a selection error",
        "The original project selects sevens without “== 7”, so labels are used as indices: its 60,000 "
        "rows repeat the first ten digits of MNIST.",
        "TomBalmas/WGAN, as published",
        "The networks memorise ten pictures, 5 0 4 1 9 2 1 3 1 4, and never produce a 6, 7 or 8. The gap on "
        "held-out digits shows this: it departs from the gap on training digits.",
        BROWNLEE.changed(
            {"dataset.classes": (), "dataset.first": 10, "steps": 9_370, "preview_every": 20}
        ),
    ),
}


def first_result(config: TrainConfig) -> FirstResult | None:
    """Return the first result of the preset that trains as a config does; None if it is unknown.

    The config may have another seed, other reports and another engine, and it may be longer.
    """
    irrelevant = {
        each.path
        for each in hyperparameters(config)
        if each.group in (Group.REPORTING, Group.ENGINE)
    }
    for preset in PRESETS.values():
        if preset.first_result is None or config.steps < preset.config.steps:
            continue
        changed = {path for path, _, _ in differences(config, preset.config)}
        if changed <= irrelevant | {"steps"}:
            return preset.first_result
    return None
