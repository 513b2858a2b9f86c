"""PRESETS: named configs, with what they reproduce, their source and what to expect."""

from dataclasses import dataclass
from typing import Any

from wgan.config.model import TrainConfig
from wgan.config.parts import Adam, RMSprop
from wgan.data import Mnist, Mnist10k, Ring8, SwissRoll
from wgan.networks import Brownlee, Dcgan, Mlp
from wgan.objectives import Wgan, WganGp, WganLp


@dataclass(frozen=True)
class Preset:
    """A named config, with its purpose, its source and what to expect."""

    title: str
    description: str
    source: str
    expect: str
    config: TrainConfig


QUICK = TrainConfig(
    dataset=Mnist10k(),
    objective=WganGp(penalty_weight=10.0),
    network=Dcgan(size="medium"),
    optimizer=Adam(beta1=0.0, beta2=0.9),
    generator_learning_rate=2e-3,
    critic_learning_rate=4e-3,
    n_critic=1,
    batch_size=32,
    latent_dim=32,
    steps=20_000,
    ema_decay=0.995,
    preview_every=25,
)
"""The values that all quick presets of pictures share."""

SLOWER: dict[str, Any] = {"generator_learning_rate": 1e-3, "critic_learning_rate": 2e-3}
"""For data sets on which the best rates for digits and clothes were not tried, and for the shipped
examples, which were trained earlier.
"""

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
        "Handwritten digits in the first minute on a laptop: one critic update a step, small batches, "
        "no momentum, and learning rates twenty and forty times the paper's.",
        "Ours, chosen by FID after 15 to 60 seconds on two CPU cores",
        "The first strokes after seconds, most digits to be read after a minute. The critic gap rises, "
        "then falls and stays small.",
        QUICK,
    ),
    "paper-wgan": Preset(
        "The first WGAN",
        "Weight clipping, RMSprop and five critic updates a step, as published. Slow, and sure: "
        "watch the critic gap fall as the pictures improve.",
        "Arjovsky et al. 2017, algorithm 1, arXiv:1701.07875",
        "Grey clouds for the first minutes, then blurred digits: the small steps of 5e-5 take their "
        "time. The gap falls steadily as the pictures improve, which is the paper's figure 3.",
        WGAN,
    ),
    "paper-wgan-gp": Preset(
        "WGAN-GP",
        "The gradient penalty with the paper's settings: λ = 10, Adam(1e-4, 0, 0.9), five critic "
        "updates a step.",
        "Gulrajani et al. 2017, algorithm 1, arXiv:1704.00028",
        "Slower at first than the quick preset, and steadier: readable digits after some thousand "
        "steps. The gap is largest early and falls for as long as it trains.",
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
        "Eight piles of points",
        "A ring of eight Gaussians in the plane: see the critic's surface, and the generator's "
        "points flow along its slope until all eight piles are found.",
        "After Gulrajani et al. 2017's toy script (λ = 0.1); radius 2, σ 0.05 and small networks, "
        "so that all is learned within a minute",
        "All eight piles within a minute, most points within three σ of one. The surface is high on "
        "the piles and low between them.",
        TOY,
    ),
    "quick-mnist-60k": Preset(
        "Quick digits, all 60,000",
        "The quick settings on the whole of MNIST.",
        "Ours: the values of quick-mnist",
        "As Quick digits; with six times the data the critic learns less by heart, so the gap on held-out digits stays with that on training digits for longer.",
        QUICK.changed({"dataset": "mnist"}),
    ),
    "quick-fashion": Preset(
        "Quick clothes",
        "Fashion-MNIST: shirts, shoes and bags instead of digits.",
        "Ours: the values of quick-mnist",
        "Outlines of clothes within half a minute, then grey shades and seams.",
        QUICK.changed({"dataset": "fashion-mnist"}),
    ),
    "quick-kmnist": Preset(
        "Quick Kuzushiji",
        "Ten characters of old Japanese handwriting.",
        "Ours: the values of quick-mnist",
        "Strokes early; the characters vary more within a class than digits do, so readable ones take longer.",
        QUICK.changed({"dataset": "kmnist"}),
    ),
    "quick-letters": Preset(
        "Quick letters",
        "Handwritten letters, a to z.",
        "Ours: the values of quick-mnist",
        "Letters within a minute or two; capital and small ones share a class.",
        QUICK.changed({"dataset": "emnist-letters"}),
    ),
    "quick-cifar10": Preset(
        "Quick colour photographs",
        "CIFAR-10: 32×32 photographs of ten kinds of things.",
        "Ours: the values of quick-mnist, learning rates halved",
        "Colours and backgrounds soon, things hardly: it takes networks of this size hours, and much larger ones to be good.",
        QUICK.changed(SLOWER | {"dataset": "cifar10", "network.size": "large"}),
    ),
    "quick-svhn": Preset(
        "Quick house numbers",
        "SVHN: digits photographed from the street.",
        "Ours: the values of quick-mnist, learning rates halved",
        "Blurred colour fields, then digits on them after some minutes.",
        QUICK.changed(SLOWER | {"dataset": "svhn"}),
    ),
    "quick-pokemon": Preset(
        "Quick Pokémon",
        "Small sprites in colour: the wish of the project that this one grew from.",
        "Ours: the values of quick-mnist, learning rates halved",
        "Coloured blobs in the first minute, creatures with outlines within ten minutes.",
        QUICK.changed(SLOWER | {"dataset": "pokemon"}),
    ),
    "toy-grid": Preset(
        "Twenty-five piles of points",
        "A grid of 25 Gaussians: many more modes to find, or to lose.",
        "Ours: toy-ring's values on the set of Gulrajani et al. 2017's toy script, with a quicker critic",
        "The cloud spreads over the grid and breaks up into piles; the outer ones come last.",
        TOY.changed(
            {
                "dataset": "grid-25",
                "network.width": 128,
                "optimizer.beta1": 0.0,
                "critic_learning_rate": 4e-3,
            }
        ),
    ),
    "toy-swiss-roll": Preset(
        "A spiral of points",
        "The swiss roll: one curve without piles, for the shape of the critic's surface.",
        "Ours: the values of toy-ring on the set of Gulrajani et al. 2017's toy script",
        "A disc that thins out into the spiral, from the outside in.",
        TOY.changed({"dataset": "swiss-roll", "network.width": 128}),
    ),
    "paper-wgan-code": Preset(
        "The first WGAN, as its code has it",
        "The published settings with what only the authors' code does: 100 critic updates in each of "
        "the first 25 steps and again at every 500th.",
        "Arjovsky et al. 2017, their code",
        "The first 25 steps are slow, as the critic is trained almost to its best; then as the paper's "
        "preset.",
        WGAN.changed({"warmup_steps": 25, "warmup_every": 500, "warmup_updates": 100}),
    ),
    "paper-wgan-gp-toy": Preset(
        "WGAN-GP's toy script",
        "Eight Gaussians of unit variance in all, networks of three layers of 512, λ = 0.1.",
        "Gulrajani et al. 2017, their toy script",
        "All eight modes after some thousand steps; the surface takes the shape of the data.",
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
        "The one-sided penalty: only slopes above 1 cost, and λ hardly matters.",
        "Petzka et al. 2018, section 6.1, arXiv:1709.08894",
        "A smooth fall of the gap. Fork it with WGAN-GP and λ = 10 and it swings.",
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
        "Orthonormal layers and sorting in place of ReLU: no penalty, no clipping, and the critic gap "
        "is a lower bound of the Wasserstein distance at every moment.",
        "Anil et al. 2019, arXiv:1811.05381; sizes are ours",
        "A calm gap in the units of the plane: beside W₁ in the metrics it can be read as a distance.",
        TOY.changed({"objective": "wgan-groupsort", "n_critic": 5}),
    ),
    "brownlee": Preset(
        "Brownlee's tutorial: sevens",
        "Digit 7 only, with the tutorial's networks and every default of the Keras of its day; real and fake in "
        "updates of their own, kernels alone clipped, fakes for the critic in inference mode.",
        "Brownlee 2019, How to Develop a Wasserstein GAN From Scratch",
        "Sevens late in the ten epochs of 97 steps. Biases, batch norm and the last layer are not "
        "clipped, so nothing bounds the scores: with seed 0 the gap climbs to 620 and then falls, to 8.1 "
        "on average over the last epoch. Published at the end: scores of −5.3 for real and −14.3 for "
        "fake, a gap near 8.9.",
        BROWNLEE,
    ),
    "seed-corrected": Preset(
        "The tutorial on all digits",
        "As Brownlee's, on all ten digits, ten passes: what the project this one grew from set out "
        "to do.",
        "TomBalmas/WGAN, with its selection of digits mended",
        "Digits of all classes; less sharp than the sevens alone.",
        BROWNLEE.changed({"dataset.classes": (), "steps": 9_370, "preview_every": 20}),
    ),
    "seed-as-published": Preset(
        "The tutorial as published there",
        "Its selection of sevens lacks “== 7”, so labels became indices, and its 60,000 rows hold the "
        "first ten digits of MNIST only, over and over.",
        "TomBalmas/WGAN, as published",
        "Ten pictures learned by heart: 5 0 4 1 9 2 1 3 1 4, and never a 6, 7 or 8. The gap on "
        "held-out digits tells: it parts from that on training digits.",
        BROWNLEE.changed(
            {"dataset.classes": (), "dataset.first": 10, "steps": 9_370, "preview_every": 20}
        ),
    ),
}
